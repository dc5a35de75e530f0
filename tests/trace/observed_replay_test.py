#!/usr/bin/env python3
# Copyright 2026 The dmemd Authors
# SPDX-License-Identifier: Apache-2.0
"""How a running cluster adopts a limit: observed first, on real demand, and enforced later.

Each first-level cgroup gets an observed max in "cluster" at 70% of what it will use at most, before
its tasks are replayed. What dmemd says of each charge is compared with an independent calculation
(expected.py).
"""

import json
import os
import subprocess
import sys
import tempfile
import unittest

import cases
import expected
from dmemd_process import Dmemd

PLAYER = "tests/trace/observed_replay"
DMEMCTL = "client/dmemctl"
TRACES = "../shared/traces"
NODES = TRACES + "/openb_node_list_gpu_node.csv"
PODS = TRACES + "/openb_pod_list_default.csv"
PERCENT = 70


def dmemctl(address, *arguments):
    run = subprocess.run([DMEMCTL, f"--server={address}", *arguments], check=True,
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    return run.stdout


class ObservedReplayTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        scratch = tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR"))
        self.addCleanup(scratch.cleanup)
        self.scratch = scratch.name

    def play(self, address, nodes, pods, take, enforce_at=-1):
        """The report, the answer to each charge, and that to the switch."""
        path = os.path.join(self.scratch, "calls")
        flags = [f"--take-nodes={take}"] if take is not None else []
        run = subprocess.run(
            [PLAYER, f"--server={address}", f"--openb-nodes={nodes}", f"--openb-pods={pods}",
             f"--calls={path}", f"--enforce-at={enforce_at}", *flags], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.assertEqual(run.returncode, 0, run.stderr)
        report = json.loads(run.stdout)
        del report["wall_seconds"]
        with open(path, encoding="ascii") as file:
            lines = [json.loads(line) for line in file]
        return (report, [line for line in lines if "charged" in line],
                [line for line in lines if "enforced" in line])

    def observe(self, address, maxes):
        dmemctl(address, "register", "group", "cluster")
        for cgroup, max_bytes in maxes.items():
            dmemctl(address, "create", "cgroup", cgroup)
            dmemctl(address, "set", "limits", cgroup, "cluster", f"--max={max_bytes}",
                    "--enforcement=observe")

    def pool(self, address, cgroup):
        return json.loads(dmemctl(address, "-o", "json", "describe", "pool", cgroup, "cluster"))

    def check_calls(self, calls, calculated):
        self.assertEqual(len(calls), len(calculated))
        for number, (call, by_calculation) in enumerate(zip(calls, calculated)):
            context = f"charge {number} of {len(calls)}"
            self.assertEqual(call["cgroup"], by_calculation["cgroup"], context)
            self.assertEqual(call["items"], by_calculation["items"], context)
            self.assertEqual(call["checked"], call["charged"], f"{context}: not what it was told")
            self.assertEqual(call["charged"]["granted"], by_calculation["granted"], context)
            refusal = by_calculation["refusal"]
            self.assertEqual(call["charged"]["refusals"], [refusal] if refusal else [], context)

    def check(self, nodes, pods, take=None):
        unlimited = expected.openb(nodes, pods, take)
        with Dmemd("memory") as dmemd:
            report, without_limits, _ = self.play(dmemd.address, nodes, pods, take)
        self.assertEqual(report, unlimited)

        maxes = {cgroup: peak * PERCENT // 100
                 for cgroup, peak in unlimited["peak_bytes"].items() if cgroup != "/" and peak > 0}
        self.assertGreater(len(maxes), 1)
        calculated = []
        self.assertEqual(expected.openb(nodes, pods, take, maxes, None, calculated), unlimited)
        refused = [i for i, call in enumerate(calculated) if call["refusal"]]
        self.assertEqual({calculated[i]["refusal"]["cgroup"] for i in refused}, set(maxes),
                         "each limit is hit")

        with self.subTest("observed: nothing else happens than without limits"), \
                Dmemd("memory") as dmemd:
            self.observe(dmemd.address, maxes)
            report, calls, _ = self.play(dmemd.address, nodes, pods, take)
            self.assertEqual(report, unlimited)
            self.assertEqual([(call["cgroup"], call["items"]) for call in calls],
                             [(call["cgroup"], call["items"]) for call in without_limits])
            self.check_calls(calls, calculated)
            for cgroup in maxes:
                told = sum(1 for i in refused if calculated[i]["refusal"]["cgroup"] == cgroup)
                self.assertEqual(int(self.pool(dmemd.address, cgroup)["would_refuse"]), told)

        # In the middle of a shortage: the first charge after the switch is one that is refused.
        switch = refused[len(refused) // 2]
        calculated = []
        limited = expected.openb(nodes, pods, take, maxes, switch, calculated)
        with self.subTest("enforced later: what runs stays, what is new is refused"), \
                Dmemd("memory") as dmemd:
            self.observe(dmemd.address, maxes)
            report, calls, switches = self.play(dmemd.address, nodes, pods, take, switch)
            self.assertEqual(len(switches), 1)
            self.assertEqual(set(switches[0]["enforced"]), set(maxes))
            self.assertGreater(switches[0]["rows"], len(maxes))
            self.assertTrue(switches[0]["same"], "the switch changed what runs")
            self.assertFalse(calls[switch]["charged"]["granted"])
            self.assertEqual(calls[switch]["charged"]["reason"], "MAX_EXCEEDED")
            self.check_calls(calls, calculated)
            self.assertEqual(report, limited)
            print(f"{len(calls)} charges, {len(refused)} would be refused; enforced from charge "
                  f"{switch} on, {sum(not call['charged']['granted'] for call in calls)} were")

    def test_the_sample_cluster(self):
        subprocess.run([sys.executable, "-B", "tools/sample_cluster", self.scratch], check=True)
        self.check(self.scratch + "/nodes.csv", self.scratch + "/pods.csv")

    @unittest.skipUnless(os.path.exists(PODS), f"no {TRACES} beside the checkout")
    def test_openb_on_all_nodes(self):
        self.check(NODES, PODS)

    @unittest.skipUnless(os.path.exists(PODS), f"no {TRACES} beside the checkout")
    def test_openb_on_ten_nodes(self):
        self.check(NODES, PODS, take=10)


if __name__ == "__main__":
    cases.main()
