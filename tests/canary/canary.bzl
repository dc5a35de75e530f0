# Copyright 2026 The dmemd Authors
# SPDX-License-Identifier: Apache-2.0

"""Deliberately broken builds, each of which a proof must catch."""

load("@rules_cc//cc:defs.bzl", "cc_binary", "cc_library")

def broken(name, source, headers = [], deps = []):
    """A source of production code, broken by NAME.patch.

    Args:
      name: what is wrong with it.
      source: label of the source. The build fails if the patch does not apply to it.
      headers: what it includes and its library does not show.
      deps: its library, and what else it includes.
    """
    native.genrule(
        name = name + "_source",
        testonly = True,
        srcs = [
            name + ".patch",
            source,
        ],
        outs = [name + ".cc"],
        cmd = "cp -L $(location {source}) $@ && chmod u+w $@ && patch -s -F0 --no-backup-if-mismatch $@ $(location {name}.patch)".format(
            name = name,
            source = source,
        ),
    )
    cc_library(
        name = name,
        testonly = True,
        srcs = [name + ".cc"] + headers,
        # Comes before its library when the proof is linked, and is taken whole: the symbols are then
        # there, and the library's member with the original is not taken. Were both, the linker
        # would complain.
        alwayslink = True,
        deps = deps,
    )

def broken_binary(name, broken, proof):
    """The program of a proof, with what is broken in it.

    Args:
      name: of the binary.
      broken: see above.
      proof: a library with the proof's main, and all that it needs.
    """
    cc_binary(
        name = name,
        testonly = True,
        deps = [
            broken,
            proof,
        ],
    )

def caught(name, program, message, args = [], data = [], size = "medium"):
    """A test that passes if `program`, a proof of something broken, ends with 1 and says why.

    Args:
      name: of the test.
      program: label.
      message: what it must say: an extended regular expression without blanks, "." for each.
      args: of the program.
      data: what it reads.
      size: of the test.
    """
    native.sh_test(
        name = name,
        size = size,
        srcs = ["expect_caught.sh"],
        args = [
            "'" + message + "'",
            "$(location %s)" % program,
        ] + args,
        data = data + [program],
    )

def canary(name, broken, proof, message, args = [], data = []):
    """Both of these: the proof, with what is broken in it, must fail and say why."""
    program = name[:-len("_test")]
    broken_binary(
        name = program,
        broken = broken,
        proof = proof,
    )
    caught(
        name = name,
        args = args,
        data = data,
        message = message,
        program = program,
    )
