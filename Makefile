# Copyright 2026 The dmemd Authors
# SPDX-License-Identifier: Apache-2.0

# make help lists the targets. Each installs what it needs (Debian packages, only the missing ones).

.DEFAULT_GOAL := help
.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## install the packages that building and testing need
	@tools/setup build test

.PHONY: build
build: ## build everything
	@tools/setup build
	@bazel build $$([ -t 2 ] || echo --show_progress_rate_limit=10) //...

.PHONY: demo
demo: ## start dmemd, play a sample cluster, leave it running (ONCE=1: stop at the end)
	@tools/setup build
	@tools/demo

.PHONY: test
test: ## lint and run all tests but the deep ones; the last line counts them
	@tools/test

# STEPS="asan tidy" does some of: lint tests deep asan ubsan tsan tidy fuzz peers soak demo.
.PHONY: check-deep
check-deep: ## all tests, deep ones too, with ASan and UBSan, some with TSan, clang-tidy, soak (long)
	@tools/test --deep $(STEPS)

# TARGETS="calls record" does some; SECONDS_EACH=60.
.PHONY: fuzz
fuzz: ## run the fuzz targets with libFuzzer, a minute each
	@tools/setup build deep
	@SECONDS_EACH=$(or $(SECONDS_EACH),60) tools/fuzz $(TARGETS)

# SUITES="core service growth peers long_reads" does some; ROUNDS=7.
.PHONY: bench
bench: ## measure everything, against echo and peers; one table, samples, and docs (half an hour)
	@tools/setup build bench
	@/usr/bin/python3 bench/run.py --rounds=$(or $(ROUNDS),7) --update-docs $(SUITES)

.PHONY: bench-smoke
bench-smoke: ## compare unary and batched Charge with a no-op echo, in one table (a minute)
	@tools/setup build
	@python3 bench/run.py --smoke

.PHONY: lint
lint: ## check the format and the project's rules
	@tools/setup build test
	@python3 tools/lint.py

.PHONY: format
format: ## format the C++ in place
	@tools/setup test
	@git ls-files -z '*.cc' '*.h' | xargs -0r clang-format -i

.PHONY: clean
clean: ## remove what was built
	@bazel clean
	@rm -f compile_commands.json
