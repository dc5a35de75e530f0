# Copyright 2026 The dmemd Authors
# SPDX-License-Identifier: Apache-2.0
"""Replays sessions/*.session, transcripts of dmemctl, each against a dmemd of its own.

A transcript is commands, `$ dmemctl ARGUMENTS` as a POSIX shell reads them, each followed by what it
prints, stdout and stderr, and by `-> N` if its exit code is not 0. Lines that start with # are comments
above a command; empty lines around a command do not count. What differs from run to run is masked (MASKS).

To write what dmemctl prints now into the transcripts, for review by eye:
  bazel build //server:dmemd //client:dmemctl
  (cd bazel-bin && python3 "$OLDPWD/tests/cli/session_test.py" --rewrite)
"""

import glob
import os
import re
import shlex
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "trace"))

from dmemd_process import Dmemd  # pylint: disable=wrong-import-position

DMEMCTL = os.path.join("client", "dmemctl")
SECONDS_MAX = 60

MASKS = [
    (re.compile(r"127\.0\.0\.1:\d+"), "HOST:PORT"),
    (re.compile(r"\bc-[0-9a-f]{24}\b"), "c-RANDOM"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z \(\d+s ago\)"), "TIME"),
    (re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"), "TIME"),
    (re.compile(r"(?m)(  )\d+s$"), r"\1AGE"),
    (re.compile(r"(?m)^(State hash: +)[0-9a-f]+$"), r"\1HASH"),
    (re.compile(r"(?m)^(Byte-seconds: +)[0-9.]+$"), r"\1NUMBER"),
]


def masked(text):
    for pattern, replacement in MASKS:
        text = pattern.sub(replacement, text)
    return text


def parse(text):
    """Of each step: the comments above, the command, and what is expected to follow."""
    steps = []
    comments = []
    for line in text.splitlines(keepends=True):
        if line.startswith("$ dmemctl "):
            steps.append(("".join(comments), line, []))
            comments = []
        elif line.startswith("#") or not steps:
            comments.append(line)
        else:
            steps[-1][2].append("".join(comments) + line)
            comments = []
    return [(above, command, "".join(output)) for above, command, output in steps]


def run(command, address):
    """What the command prints, as the transcript has it."""
    arguments = shlex.split(command)[2:]
    result = subprocess.run([DMEMCTL, *arguments], env={"DMEM_SERVER": address, "DMEM_ACTOR": "anna"},
                            check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, timeout=SECONDS_MAX)
    output = masked(result.stdout.decode())
    return output + (f"-> {result.returncode}\n" if result.returncode else "")


def sessions():
    return sorted(glob.glob(os.path.join(HERE, "sessions", "*.session")))


class SessionTest(unittest.TestCase):
    maxDiff = None


def add_test(path):
    def test(self):
        with open(path, encoding="utf-8") as file:
            steps = parse(file.read())
        self.assertGreater(len(steps), 5, "a transcript was expected")
        with Dmemd(store="memory") as dmemd:
            for _, command, expected in steps:
                self.assertEqual(expected.rstrip("\n"), run(command, dmemd.address).rstrip("\n"), command)

    name = os.path.splitext(os.path.basename(path))[0]
    setattr(SessionTest, f"test_{name}_prints_what_its_transcript_says", test)


def rewrite(path):
    with open(path, encoding="utf-8") as file:
        steps = parse(file.read())
    with Dmemd(store="memory") as dmemd:
        text = "".join(above + command + run(command, dmemd.address) + "\n"
                       for above, command, _ in steps)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.rstrip("\n") + "\n")


for session in sessions():
    add_test(session)

if __name__ == "__main__":
    if sys.argv[1:] == ["--rewrite"]:
        for session in sessions():
            rewrite(session)
    else:
        unittest.main()
