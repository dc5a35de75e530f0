# Copyright 2026 The dmemd Authors
# SPDX-License-Identifier: Apache-2.0

"""Fuzz targets: each a test of its corpus, and a program of libFuzzer's."""

load("@rules_cc//cc:defs.bzl", "cc_binary", "cc_library", "cc_test")

def fuzz_target(name, tries, deps):
    """A fuzz target.

    Args:
      name: NAME_fuzz.cc is its source, corpus/NAME its inputs, NAME.dict its words, if it has any.
      tries: how many changes of the corpus the test tries; about five seconds of them.
      deps: what it tries.
    """
    cc_library(
        name = name + "_fuzz_target",
        testonly = True,
        srcs = [name + "_fuzz.cc"],
        alwayslink = True,
        deps = deps + [
            ":fail",
            ":fuzz_target",
        ],
    )
    cc_library(
        name = name + "_fuzz_main",
        testonly = True,
        visibility = ["//tests/canary:__pkg__"],
        deps = [
            ":corpus_driver",
            ":%s_fuzz_target" % name,
        ],
    )
    native.filegroup(
        name = name + "_corpus",
        srcs = native.glob(["corpus/%s/*" % name]),
        visibility = ["//tests/canary:__pkg__"],
    )
    cc_test(
        name = name + "_fuzz_test",
        size = "medium",
        args = [
            "--tries=%d" % tries,
            "tests/fuzz/corpus/" + name,
        ],
        data = [":%s_corpus" % name],
        deps = [":%s_fuzz_main" % name],
    )

    # With --config=fuzz only.
    cc_binary(
        name = name + "_fuzz",
        testonly = True,
        linkopts = ["-fsanitize=fuzzer"],
        tags = ["manual"],
        deps = [":%s_fuzz_target" % name],
    )
