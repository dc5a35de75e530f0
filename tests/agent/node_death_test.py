# Copyright 2026 The dmemd Authors
# SPDX-License-Identifier: Apache-2.0
"""A GPU dies, then its node, and what can come of it: the partition heals, a reboot, a fence."""

import json
import os
import re
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "trace")]

# pylint: disable=wrong-import-position
import cases
import held
from node import AGENT, GIB, Server, await_passes, eventually, stop_all, write
from trees import CAPACITY, Pod, ProcessTree

GROUP = "cluster"
TTL = 10  # Seconds: the shortest that there is.
LOST_AFTER = 2


class NodeDeathTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR"))
        self.addCleanup(directory.cleanup)
        self.server = Server(directory.name, f"--lost-after={LOST_AFTER}")
        self.addCleanup(self.server.stop)
        self.server.dmemctl("register", "group", GROUP)
        self.nodes = {}
        self.addCleanup(lambda: stop_all(self.nodes.values()))
        for name in ("healed", "rebooted", "fenced", "well"):
            node = ProcessTree(directory.name, name, self.server, AGENT, 2,
                               mapping=held.MAPPING, session_ttl=f"{TTL}s")
            self.nodes[name] = node
            for gpu in node.gpus:
                self.server.dmemctl("register", "region", node.region(gpu), "--capacity=48Gi",
                                    f"--parent={GROUP}")
                pod = Pod(f"{name}-{gpu}", "ml", gpu, {}, {"dmemd/limit": "8Gi"}, True)
                node.add(pod)
                node.use(pod, 3 * GIB)
            node.start()
        self.await_charges({f"{name}-{gpu}" for name in self.nodes for gpu in (0, 1)})

    def by_pod(self):
        """{pod uid: charge id}"""
        return {charge["owner"]["uid"]: charge_id
                for charge_id, charge in self.server.charges().items()}

    def await_charges(self, uids):
        eventually(lambda: set(self.by_pod()) == uids, f"charged are {sorted(uids)}")
        self.server.check()

    def states(self):
        listed = json.loads(self.server.dmemctl("get", "regions", "-o", "json"))["regions"]
        return {region["name"]: region["state"].removeprefix("REGION_STATE_")
                for region in listed}

    def await_states(self, name, *expected):
        node = self.nodes[name]
        eventually(lambda: [self.states()[node.region(gpu)] for gpu in node.gpus] ==
                   list(expected), lambda: f"{name} is {expected}: {self.states()}")

    def group(self):
        """Capacity, usage, and how many regions are in which state."""
        listed = json.loads(self.server.dmemctl("get", "groups", "-o", "json"))["groups"]
        group, = (each for each in listed if each["name"] == GROUP)
        return (int(group["capacity_bytes"]) // CAPACITY, int(group["usage_bytes"]) // GIB,
                {each["state"].removeprefix("REGION_STATE_"): each["regions"]
                 for each in group["states"]})

    def assert_ledger_is_what_runs(self, *names):
        """On these nodes, for each tenant and region, with an agent that has told all of it."""
        nodes = [self.nodes[name] for name in names]
        for node in nodes:
            node.await_lists(1)
        regions = {node.region(gpu) for node in nodes for gpu in node.gpus}
        booked, _ = held.sums([node.directory for node in nodes], GROUP)
        files = {key: size for key, size in booked.items() if key[1] in regions}
        self.assertGreater(len(files), 0)
        pools = json.loads(self.server.dmemctl("get", "pools", "-o", "json"))["pools"]
        ledger = {(pool["cgroup"], pool["region"]): int(pool.get("usage_bytes", 0))
                  for pool in pools if pool["region"] in regions}
        self.assertEqual({key: size for key, size in ledger.items() if size}, files)

    def break_device(self, node, failure):
        path = os.path.join(node.directory, "devices", "gpu0.json")
        with open(path, encoding="utf-8") as file:
            device = json.load(file)
        if failure is None:
            del device["failed"]
        else:
            device["failed"] = failure
        write(path, json.dumps(device))

    def reboot(self, node):
        """Its agent and all that ran on it are gone, and the device works; a pod comes anew."""
        node.kill()
        for pod in node.pods():
            node.end(pod)
            node.forget(pod)
        write(os.path.join(node.directory, "proc", "stat"), "cpu 0 0\nbtime 1700009999\n")
        self.break_device(node, None)
        pod = Pod(f"{node.name}-after", "ml", 1, {}, {"dmemd/limit": "4Gi"}, True)
        node.add(pod)
        node.use(pod, GIB)
        node.start()

    def test_dead_device_and_node_leave_the_group_and_each_ending_leaves_the_right_ledger(self):
        before = self.by_pod()
        dead = ("healed", "rebooted", "fenced")
        self.assertEqual(self.group(), (8, 64, {"READY": 8}))

        # The devices die: each holds what it held, and is no capacity.
        for name in dead:
            self.break_device(self.nodes[name], "fell off the bus")
        for name in dead:
            self.await_states(name, "FAILED", "READY")
        self.assertEqual(self.group(), (5, 64, {"READY": 5, "FAILED": 3}))

        # The nodes die: at first nobody knows more than that they are not heard.
        for name in dead:
            self.nodes[name].pause()
        for name in dead:
            self.await_states(name, "FAILED", "STALE")
        self.assertEqual(self.group(), (5, 64, {"READY": 2, "STALE": 3, "FAILED": 3}))
        self.assertEqual(self.by_pod(), before, "silence alone releases nothing")
        for name in dead:
            self.server.dmemctl("not-ready", name, "--why=the kubelet is not heard")
        for name in dead:
            self.await_states(name, "LOST", "LOST")
        self.assertEqual(self.group(), (2, 16, {"READY": 2, "LOST": 6}))
        self.assertEqual(self.by_pod(), before)
        self.server.check()

        self.heal()
        self.reboot_anew()
        self.fence()
        self.await_charges({"healed-0", "healed-1", "well-0", "well-1", "rebooted-after",
                            "fenced-after"})
        now = self.by_pod()
        for uid in ("healed-0", "healed-1", "well-0", "well-1"):
            self.assertEqual(now[uid], before[uid], "what ran all the time is charged as before")
        self.assertEqual(self.group(), (7, 40, {"READY": 7, "FAILED": 1}))
        self.assert_ledger_is_what_runs(*self.nodes)

    def heal(self):
        """The node ran all the time: its charges count again, and its device is still broken."""
        self.nodes["healed"].go_on()
        self.server.dmemctl("ready", "healed")
        self.await_states("healed", "FAILED", "READY")
        self.assertEqual(self.group(), (3, 32, {"READY": 3, "FAILED": 1, "LOST": 4}))
        self.assert_ledger_is_what_runs("healed", "well")

    def reboot_anew(self):
        self.reboot(self.nodes["rebooted"])
        self.server.dmemctl("ready", "rebooted")
        self.await_states("rebooted", "READY", "READY")
        eventually(lambda: "rebooted-after" in self.by_pod(), "the new pod is charged")
        self.assertFalse({"rebooted-0", "rebooted-1"} & set(self.by_pod()))
        self.assertEqual(self.group(), (5, 36, {"READY": 5, "FAILED": 1, "LOST": 2}))
        self.assert_ledger_is_what_runs("rebooted", "healed", "well")

    def fence(self):
        """Whoever fenced it said that nothing runs there: its agent is not heard any more."""
        node = self.nodes["fenced"]
        self.server.dmemctl("fence", "fenced", "--evidence=powered off by hand")
        self.assertFalse({"fenced-0", "fenced-1"} & set(self.by_pod()))
        node.go_on()
        eventually(lambda: re.search(r"OpenSession: .*incarnation", node.log()),
                   lambda: f"the old incarnation is refused: {node.log()}")
        await_passes([node])  # It tries on.
        self.assertFalse({"fenced-0", "fenced-1"} & set(self.by_pod()))
        self.assertEqual(node.metrics()["dmem_agent_connected"], 0)
        self.server.check()
        self.reboot(node)
        self.server.dmemctl("ready", "fenced")
        self.await_states("fenced", "READY", "READY")


if __name__ == "__main__":
    cases.main()
