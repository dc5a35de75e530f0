# Copyright 2026 The dmemd Authors
# SPDX-License-Identifier: Apache-2.0
"""hold_gpu against a dmemd, and the copy of it in docs/client.md."""

import json
import os
import re
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "trace"))

from dmemd_process import Dmemd  # pylint: disable=wrong-import-position

DMEMCTL = os.path.join("client", "dmemctl")
HOLD_GPU = os.path.join("client", "examples", "hold_gpu")
SECONDS_MAX = 60
GIB = 1 << 30


def run(*arguments):
    return subprocess.run(arguments, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=SECONDS_MAX, check=False)


class HoldGpuTest(unittest.TestCase):
    def setUp(self):
        self.dmemd = self.enterContext(Dmemd(store="memory"))
        self.dmemctl("register", "region", "n1/gpu0", "--capacity=16Gi")

    def dmemctl(self, *arguments):
        done = run(DMEMCTL, f"--server={self.dmemd.address}", *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def usage(self):
        pool = json.loads(self.dmemctl("get", "pool", "/", "n1/gpu0", "-o", "json"))
        return int(pool["pools"][0].get("usageBytes", 0))

    def test_memory_is_held_while_the_command_runs_and_not_after(self):
        done = run(HOLD_GPU, self.dmemd.address, "/team-a/train", "n1/gpu0", DMEMCTL,
                   f"--server={self.dmemd.address}", "get", "charges")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("8GiB", done.stdout)
        self.assertIn("/team-a/train", done.stdout)
        self.assertEqual(self.usage(), 0)

    def test_refused_command_is_not_started(self):
        self.dmemctl("set", "limits", "/team-a", "n1/gpu0", "--max=4Gi")
        done = run(HOLD_GPU, self.dmemd.address, "/team-a/train", "n1/gpu0", "echo", "started")
        self.assertEqual(done.returncode, 1)
        self.assertNotIn("started\n", done.stdout)
        self.assertIn(f"{4 * GIB} bytes would be granted now", done.stderr)

    def test_of_two_servers_one_is_enough(self):
        done = run(HOLD_GPU, f"127.0.0.1:1,{self.dmemd.address}", "/team-a/train", "n1/gpu0", "true")
        self.assertEqual(done.returncode, 0, done.stderr)


class DocumentTest(unittest.TestCase):
    def test_document_shows_the_program_as_it_is(self):
        with open(os.path.join("docs", "client.md"), encoding="utf-8") as file:
            shown = re.search(r"```cpp\n(// Holds 8 GiB.*?)\n```", file.read(), re.DOTALL).group(1)
        with open(os.path.join("client", "examples", "hold_gpu.cc"), encoding="utf-8") as file:
            source = file.read().split("\n\n", 1)[1]
        self.assertEqual(shown.strip(), source.strip())


if __name__ == "__main__":
    unittest.main()
