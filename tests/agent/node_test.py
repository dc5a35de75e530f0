# Copyright 2026 The dmemd Authors
# SPDX-License-Identifier: Apache-2.0
"""What the tests of agents stand on: no process is left behind, and a failure says how things are."""

import os
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "trace")]

# pylint: disable=wrong-import-position
import cases
import node

# Starts a process that would go on, says which, and is killed.
KILLED = f"""
import os, signal, sys
sys.path[:0] = {sys.path[:2]!r}
import node
print(node.spawn(["sleep", "{2 * node.SECONDS_MAX}"], stdout=2).pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class NodeTest(unittest.TestCase):
    def test_what_a_test_started_ends_with_it_also_when_it_is_killed(self):
        killed = subprocess.run([sys.executable, "-B", "-c", KILLED], stdout=subprocess.PIPE,
                                text=True, check=False, timeout=node.SECONDS_MAX)
        self.assertLess(killed.returncode, 0)
        pid = int(killed.stdout)
        node.eventually(lambda: not is_alive(pid), f"{pid} has ended")

    def test_process_that_does_not_stop_is_killed_and_told(self):
        process = node.spawn(["sleep", str(2 * node.SECONDS_MAX)])
        with self.assertRaisesRegex(AssertionError, "sleep did not stop"):
            node.await_stop(process, "sleep", seconds=0.1)
        self.assertFalse(is_alive(process.pid))

    def test_failure_says_how_things_are_when_it_comes(self):
        looks = []
        with self.assertRaisesRegex(AssertionError, "looked at [1-9]"):
            node.eventually(lambda: looks.append(1), lambda: f"looked at {len(looks)} times",
                            seconds=0.1)


if __name__ == "__main__":
    cases.main()
