#!/bin/bash
# Copyright 2026 The dmemd Authors
# SPDX-License-Identifier: Apache-2.0

# The files that operators copy are well formed.
set -euo pipefail

promtool check config deploy/prometheus/prometheus.yml

# check_unit NAME: the binary is not installed where tests run; any other one serves for the check.
check_unit() {
  local unit="$TEST_TMPDIR/$1.service" problems
  sed "s,^ExecStart=/usr/bin/$1,ExecStart=/bin/true," "deploy/systemd/$1.service" > "$unit"
  grep -q '^ExecStart=/bin/true --' "$unit"
  if ! command -v systemd-analyze > /dev/null; then
    echo "systemd-analyze is not installed: $1.service is not verified"
    return
  fi
  problems=$(systemd-analyze verify "$unit" 2>&1 | grep -F "$unit" || true)
  if [[ -n "$problems" ]]; then
    printf '%s\n' "$problems" >&2
    exit 1
  fi
}
check_unit dmemd
check_unit dmem-agent
