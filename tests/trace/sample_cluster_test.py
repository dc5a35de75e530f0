#!/usr/bin/env python3
# Copyright 2026 The dmemd Authors
# SPDX-License-Identifier: Apache-2.0
"""The generated cluster has what a demonstration needs, and is the same every time."""

import os
import subprocess
import sys
import tempfile
import unittest

import cases
import expected

GENERATOR = "tools/sample_cluster"


def generate(directory, *arguments):
    subprocess.run([sys.executable, "-B", GENERATOR, directory, *arguments], check=True)
    return os.path.join(directory, "nodes.csv"), os.path.join(directory, "pods.csv")


def content(path):
    with open(path, "rb") as file:
        return file.read()


class SampleClusterTest(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.scratch = scratch.name

    def test_the_same_seed_gives_the_same_bytes_and_another_does_not(self):
        once = generate(self.scratch + "/a")
        again = generate(self.scratch + "/b")
        other = generate(self.scratch + "/c", "--seed=2")
        for first, second in zip(once, again):
            self.assertEqual(content(first), content(second))
        self.assertNotEqual(content(once[1]), content(other[1]))

    def test_has_as_many_nodes_and_tasks_as_asked_for(self):
        for nodes, tasks in ((40, 1500), (1, 1), (7, 30)):
            files = generate(self.scratch, f"--nodes={nodes}", f"--tasks={tasks}")
            self.assertEqual(len(expected.rows(files[0])), nodes)
            self.assertEqual(len(expected.rows(files[1])), tasks)

    def test_has_the_columns_of_the_openb_trace(self):
        nodes, pods = generate(self.scratch)
        self.assertEqual(list(expected.rows(nodes)[0]),
                         ["sn", "cpu_milli", "memory_mib", "gpu", "model"])
        self.assertEqual(list(expected.rows(pods)[0]), [
            "name", "cpu_milli", "memory_mib", "num_gpu", "gpu_milli", "gpu_spec", "qos",
            "pod_phase", "creation_time", "deletion_time", "scheduled_time"
        ])

    def test_has_every_kind_of_row_that_a_replay_must_handle(self):
        nodes, pods = (expected.rows(path) for path in generate(self.scratch))
        self.assertGreaterEqual(len({node["model"] for node in nodes}), 4)
        self.assertEqual({pod["qos"] for pod in pods}, {"LS", "BE", "Burstable", "Guaranteed"})
        self.assertEqual(len({pod["name"] for pod in pods}), len(pods))
        self.assertTrue(any(pod["num_gpu"] == "0" for pod in pods))
        self.assertTrue(any(int(pod["num_gpu"]) > 1 for pod in pods))
        self.assertTrue(any("|" in pod["gpu_spec"] for pod in pods))
        self.assertTrue(any(pod["scheduled_time"] == "" for pod in pods))
        self.assertTrue(any(pod["deletion_time"] == "" for pod in pods))

    def test_leaves_a_full_cluster_with_hundreds_of_charges(self):
        nodes, pods = generate(self.scratch)
        numbers = expected.openb(nodes, pods, None)
        capacity = sum(expected.SIZE[node["model"]] * int(node["gpu"])
                       for node in expected.rows(nodes))
        self.assertGreaterEqual(numbers["live_charges"], 200)
        self.assertGreaterEqual(numbers["live_bytes"], 0.75 * capacity)
        self.assertGreater(numbers["uncharges"], numbers["live_charges"])
        self.assertGreater(numbers["tasks_unplaced"], 0)
        self.assertLess(numbers["tasks_unplaced"], 0.1 * numbers["tasks_placed"])


if __name__ == "__main__":
    cases.main()
