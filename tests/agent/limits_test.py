# Copyright 2026 The dmemd Authors
# SPDX-License-Identifier: Apache-2.0
"""Limits that are set with dmemctl appear in exactly the files that the rules name."""

import os
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "trace")]

# pylint: disable=wrong-import-position
import cases
import held
from node import AGENT, GIB, Server, await_passes, eventually, stop_all
from trees import DmemTree, Pod

GROUP = "cluster"
GPUS = 3
DIRECTORIES = {"/teams/vision": "/vision.slice", "/teams/speech": "/teams.slice/speech.slice",
               "/kueue/night": "/teams.slice/night.slice"}
# Each node has directories that no rule of its own names.
NAMED = {"n1": ("/teams/vision", "/teams/speech", "/kueue/night"), "n2": ("/teams/vision",)}


class LimitsTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR"))
        self.addCleanup(directory.cleanup)
        self.server = Server(directory.name)
        self.addCleanup(self.server.stop)
        self.server.dmemctl("register", "group", GROUP)
        self.nodes = {}
        self.took = []  # From dmemctl's answer until the files have the limits, in seconds.
        self.addCleanup(lambda: stop_all(self.nodes.values()))
        for name, tenants in NAMED.items():
            node = DmemTree(directory.name, name, self.server, AGENT, GPUS, mapping=held.MAPPING,
                            measure_interval="1s", tenant_directories=[
                                {"cgroup": tenant, "directory": DIRECTORIES[tenant]}
                                for tenant in tenants])
            self.nodes[name] = node
            for made in ("/teams.slice", *DIRECTORIES.values(), "/other.slice"):
                node.make_cgroup(made.lstrip("/"))
            for gpu in node.gpus:
                self.server.dmemctl("register", "region", node.region(gpu), "--capacity=48Gi",
                                    f"--parent={GROUP}")
                pod = Pod(f"{name}-{gpu}", "ml", gpu, {"team": "vision"},
                          {"dmemd/limit": "8Gi", "dmemd/request": "4Gi"}, True)
                node.add(pod)
                node.use(pod, GIB)
            node.start()
        eventually(lambda: len(self.server.charges()) == len(self.nodes) * GPUS, "all is charged")
        await_passes(self.nodes.values())

    def files(self):
        """{path: (text, inode, when it was written)} of every file of all trees."""
        result = {}
        for name, node in self.nodes.items():
            root = os.path.join(node.directory, "cgroup")
            for base, _, files in os.walk(root):
                for file in files:
                    with open(os.path.join(base, file), encoding="ascii") as text:
                        path = "/" + os.path.relpath(os.path.join(base, file), root)
                        is_now = os.fstat(text.fileno())
                        result[name, path] = (text.read(), is_now.st_ino, is_now.st_mtime_ns)
        return result

    def assert_changed(self, before, expected):
        """{place: text} is all that is other now than it was; nothing else was even written."""
        after = self.files()
        changed = {place: after[place][0] for place in after if after[place] != before.get(place)}
        self.assertEqual(changed, expected)
        self.assertEqual(set(after), set(before))

    def passes(self):
        return {name: node.metrics()["dmem_agent_passes_total"]
                for name, node in self.nodes.items()}

    def set_limits(self, cgroup, region, flags, expected):
        """{(node, path): (local region, value)}: what of all files is other in the next pass."""
        files = self.files()
        texts = {}
        for place, (region_line, value) in expected.items():
            lines = files[place][0].splitlines(keepends=True)
            changed = [f"{region_line} {value}\n" if line.startswith(f"{region_line} ") else line
                       for line in lines]
            self.assertNotEqual(changed, lines, "the test expects something to change")
            texts[place] = "".join(changed)
        self.server.dmemctl("set", "limits", cgroup, region, *flags)
        is_set = time.monotonic()
        if texts:
            passes = self.passes()

            def is_there():
                # By the end of the first pass that began after that, at the latest.
                now = self.passes()
                if all(self.files()[place][0] == text for place, text in texts.items()):
                    return True
                self.assertLess(max(now[name] - passes[name] for name in now), 2)
                return False

            eventually(is_there, "the limits are in the files")
            self.took.append(time.monotonic() - is_set)
        await_passes(self.nodes.values())
        self.assert_changed(files, texts)

    def test_limits_of_pods_stand_before_anybody_sets_one(self):
        for name, node in self.nodes.items():
            for pod in node.pods():
                base = f"/{node.cgroup_of(pod)}"
                for file, value in (("max", 8 * GIB), ("low", 4 * GIB)):
                    self.assertIn(f"{node.local_region(pod.gpu)} {value}\n",
                                  self.files()[name, f"{base}/dmem.{file}"][0])

    def test_limits_of_tenants_appear_in_the_next_pass_in_exactly_the_files_of_the_rules(self):
        n1, n2 = self.nodes["n1"], self.nodes["n2"]
        gpu0, gpu2 = n1.local_region(0), n1.local_region(2)
        speech, night = DIRECTORIES["/teams/speech"], DIRECTORIES["/kueue/night"]
        for cgroup, region, flags, expected in (
                ("/teams/vision", n1.region(0), ("--max=8Gi", "--low=2Gi"),
                 {("n1", "/vision.slice/dmem.max"): (gpu0, 8 * GIB),
                  ("n1", "/vision.slice/dmem.low"): (gpu0, 2 * GIB)}),
                ("/teams/vision", n2.region(2), ("--max=40Gi",),
                 {("n2", "/vision.slice/dmem.max"): (gpu2, 40 * GIB)}),
                # The larger of its two guarantees.
                ("/teams/speech", n1.region(2), ("--min=3Gi", "--low=1Gi"),
                 {("n1", f"{speech}/dmem.low"): (gpu2, 3 * GIB)}),
                ("/kueue/night", n1.region(0), ("--max=0",),
                 {("n1", f"{night}/dmem.max"): (gpu0, 0)}),
                ("/teams/vision", n1.region(0), ("--max=max",),
                 {("n1", "/vision.slice/dmem.max"): (gpu0, "max")}),
                # Nobody named a directory for these.
                ("/teams/speech", n2.region(0), ("--max=8Gi",), {}),
                ("/teams/vision/ml", n1.region(1), ("--max=9Gi",), {}),
                ("/teams", n1.region(0), ("--max=30Gi",), {}),
                ("/teams/vision", GROUP, ("--max=90Gi",), {})):
            with self.subTest(cgroup=cgroup, region=region, flags=flags):
                self.set_limits(cgroup, region, flags, expected)
        print(f"limits were in the files within {max(self.took):.3f} s, with the default interval "
              "of 1 s", flush=True)

    def test_limit_that_somebody_else_writes_is_put_right_and_nothing_else_is(self):
        node = self.nodes["n1"]
        self.server.dmemctl("set", "limits", "/teams/vision", node.region(1), "--max=16Gi")
        await_passes(self.nodes.values())
        files = self.files()
        node.write_limit("vision.slice", "max", 1, 17 * GIB)
        node.write_limit("other.slice", "max", 1, 17 * GIB)  # Nobody's business.
        await_passes(self.nodes.values())
        of_vision, of_other = ("n1", "/vision.slice/dmem.max"), ("n1", "/other.slice/dmem.max")
        self.assert_changed(files, {
            of_vision: files[of_vision][0],  # Written twice, and as it was.
            of_other: files[of_other][0].replace(
                f"{node.local_region(1)} max", f"{node.local_region(1)} {17 * GIB}")})


if __name__ == "__main__":
    cases.main()
