# Copyright 2026 The dmemd Authors
# SPDX-License-Identifier: Apache-2.0
"""500 pods start on ten nodes while the authority is down; the agent of one of them does, too."""

import json
import os
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "trace")]

# pylint: disable=wrong-import-position
import cases
from node import AGENT, GIB, SECONDS_MAX, Node, Server, await_passes, eventually, spawn, stop_all

NODES = 10
PODS = 50  # On each node, of 1 GiB each: three more than its device can grant.
FITTING = 47


class ManyPodsTest(unittest.TestCase):
    def start(self, when_unreachable):
        """All but the last node's agent."""
        directory = tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR"))
        self.addCleanup(directory.cleanup)
        self.server = Server(directory.name)
        self.addCleanup(self.server.stop)
        self.nodes = []
        self.addCleanup(lambda: stop_all(self.nodes))
        for index in range(NODES):
            node = Node(directory.name, f"n{index}", self.server, measure_interval="250ms",
                        when_unreachable=when_unreachable, unreachable_grace="1s")
            self.nodes.append(node)
        for node in self.nodes[:-1]:
            node.start()
        eventually(lambda: len(self.regions()) == NODES - 1, "all devices are registered")

    def start_the_last(self):
        """Its agent has never heard of the authority."""
        self.nodes[-1].start()
        eventually(lambda: "metrics on port" in self.nodes[-1].log(), "the last agent runs")

    def wait_at_gates(self):
        """As a pod's init container does, one of each node."""
        self.gates = [spawn([AGENT, "gate", self.uids(node)[0], "--dir", node.gate, "--timeout",
                             "300"], stderr=subprocess.DEVNULL) for node in self.nodes]
        for gate in self.gates:
            self.addCleanup(gate.wait)
            self.addCleanup(gate.kill)

    def regions(self):
        return json.loads(self.server.dmemctl("get", "regions", "-o", "json")).get("regions", [])

    def uids(self, node):
        return [f"{node.name}-{index}" for index in range(PODS)]

    def add_all(self, phase):
        for node in self.nodes:
            node.add_pods(self.uids(node), phase=phase, annotations={"dmemd/limit": "1Gi"})

    def started(self):
        return [uid for node in self.nodes for uid in self.uids(node) if node.may_start(uid)]

    def held(self):
        """{pod uid: (bytes, region)} of all charges, each pod once."""
        result = {}
        for charge in self.server.charges().values():
            item, = charge["items"]
            self.assertNotIn(charge["owner"]["uid"], result)
            result[charge["owner"]["uid"]] = (int(item["bytes"]), item["region"])
        return result

    def test_all_start_where_policy_allows_and_the_ledger_is_what_runs_and_over_afterwards(self):
        self.start("allow")
        for node in self.nodes:
            if node.is_running():
                self.server.dmemctl("set", "limits", "/ns/ml", f"{node.name}/gpu0", "--max=30Gi")
        self.server.kill()
        self.start_the_last()
        self.add_all("Pending")
        self.wait_at_gates()
        eventually(lambda: len(self.started()) == NODES * PODS, "all start")
        for gate in self.gates:
            self.assertEqual(gate.wait(SECONDS_MAX), 0)
        for node in self.nodes:
            eventually(lambda: node.log().count('"let_in"') == PODS,
                       lambda: f"each is logged: {node.log()[-2000:]}")
        self.add_all("Running")
        await_passes(self.nodes)
        self.server.start()
        eventually(lambda: len(self.server.charges()) >= NODES * PODS, "all are recorded")
        await_passes(self.nodes)
        self.assertEqual(self.held(), {uid: (GIB, f"{node.name}/gpu0")
                                       for node in self.nodes for uid in self.uids(node)})
        for charge in self.server.charges().values():
            self.assertEqual(charge["labels"].get("dmemd/recorded-late"), "true", charge)
        for region in self.regions():
            self.assertEqual(int(region["over_bytes"]), (PODS - FITTING) * GIB, region["name"])
        pools = json.loads(self.server.dmemctl("get", "pools", "--cgroup=/ns/ml", "-o",
                                               "json"))["pools"]
        self.assertEqual({pool["region"]: int(pool.get("over_bytes", 0)) for pool in pools},
                         {f"{node.name}/gpu0": (PODS - 30) * GIB if node is not self.nodes[-1] else 0
                          for node in self.nodes})
        self.server.check()

    def test_all_wait_where_policy_denies_and_start_when_there_is_room(self):
        self.start("deny")
        self.server.kill()
        self.start_the_last()
        self.add_all("Pending")
        self.wait_at_gates()
        for _ in range(8):  # Passes of each node: well beyond the grace.
            await_passes(self.nodes)
            self.assertEqual(self.started(), [])
        self.assertEqual([gate.poll() for gate in self.gates], [None] * NODES)
        self.server.start()
        eventually(lambda: len(self.started()) >= NODES * FITTING, "those that fit start")
        await_passes(self.nodes)
        started = self.started()
        self.assertEqual(set(self.held()), set(started))
        waiting = set()
        for node, gate in zip(self.nodes, self.gates):
            if node.may_start(self.uids(node)[0]):
                self.assertEqual(gate.wait(SECONDS_MAX), 0)
            mine = [uid for uid in self.uids(node) if uid in started]
            self.assertEqual(len(mine), FITTING, "no device is filled beyond what it grants")
            waiting |= set(self.uids(node)) - set(mine)
            # Some have ended: the others have their place.
            node.delete_pods(mine[:PODS - FITTING])
        eventually(lambda: waiting <= set(self.started()), "none that waited fails for good")
        for gate in self.gates:
            self.assertEqual(gate.wait(SECONDS_MAX), 0)
        await_passes(self.nodes)
        self.assertEqual(set(self.held()), set(self.started()))
        self.assertEqual(len(self.started()), NODES * FITTING)
        self.server.check()


if __name__ == "__main__":
    cases.main()
