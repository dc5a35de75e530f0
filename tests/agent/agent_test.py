# Copyright 2026 The dmemd Authors
# SPDX-License-Identifier: Apache-2.0
"""dmem-agent between a node that is made of files and a dmemd."""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from node import AGENT, GIB, Node, Server, eventually, write  # pylint: disable=wrong-import-position


def items(charges):
    """{(pod uid, cgroup, region): bytes} of all charges; a key twice is an error."""
    result = {}
    for charge in charges.values():
        for item in charge["items"]:
            key = (charge.get("owner", {}).get("uid", ""), item["cgroup"], item["region"])
            assert key not in result, f"{key} is charged twice: {charges}"
            result[key] = int(item.get("bytes", 0))
    return result


class AgentTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR"))
        self.addCleanup(directory.cleanup)
        self.directory = directory.name
        self.server = Server(self.directory)
        self.addCleanup(self.server.stop)

    def node(self, name="n1", **config):
        node = Node(self.directory, name, self.server, **config)
        self.addCleanup(node.stop)
        return node

    def await_items(self, expected):
        seen = {}

        def equal():
            seen["items"] = items(self.server.charges())
            return seen["items"] == expected

        try:
            eventually(equal, f"charges are {expected}")
        except AssertionError as error:
            raise AssertionError(f"{error}; they are {seen}") from None
        self.server.check()

    def state_of(self, uid):
        for charge in self.server.charges().values():
            if charge.get("owner", {}).get("uid") == uid:
                return charge["state"]
        return None

    def await_region(self, state):
        def reached():
            listed = json.loads(self.server.dmemctl("get", "regions", "-o", "json"))
            return any(region["state"] == f"REGION_STATE_{state}" for region in listed["regions"])

        eventually(reached, f"the region is {state}")

    def test_pod_is_booked_measured_and_given_back(self):
        node = self.node()
        node.start()
        node.add_pod("u1", annotations={"dmemd/limit": "8Gi"})
        node.add_process(101, "u1", 3 * GIB)
        self.await_items({("u1", "/ns/ml", "n1/gpu0"): 8 * GIB})

        def measured():
            charge, = self.server.charges().values()
            return int(charge.get("measured_bytes", 0)) == 3 * GIB

        eventually(measured, "measured bytes are told")
        node.delete_pod("u1")
        node.end_process(101)
        self.await_items({})

    def test_device_without_annotation_is_booked_whole_and_strangers_by_measure(self):
        node = self.node()
        node.start()
        node.add_pod("u1")
        node.add_process(102, "u2", 2 * GIB)
        self.await_items({("u1", "/ns/ml", "n1/gpu0"): 47 * GIB,
                          ("u2", "/unmapped/pod/u2", "n1/gpu0"): 2 * GIB})
        node.add_process(103, "u2", 2 * GIB)
        self.await_items({("u1", "/ns/ml", "n1/gpu0"): 47 * GIB,
                          ("u2", "/unmapped/pod/u2", "n1/gpu0"): 4 * GIB})

    def test_force_deleted_pod_whose_process_lives_on_keeps_its_bytes_releasing(self):
        node = self.node()
        node.start()
        node.add_pod("u1", annotations={"dmemd/limit": "8Gi"})
        node.add_process(101, "u1", 3 * GIB)
        self.await_items({("u1", "/ns/ml", "n1/gpu0"): 8 * GIB})
        node.delete_pod("u1")
        eventually(lambda: self.state_of("u1") == "CHARGE_STATE_RELEASING", "it is RELEASING")
        # Through many passes and several reconciles.
        before = node.log().count("\n")
        node.add_pod("u2", annotations={"dmemd/limit": "1Gi"})
        self.await_items({("u1", "/ns/ml", "n1/gpu0"): 8 * GIB,
                          ("u2", "/ns/ml", "n1/gpu0"): GIB})
        self.assertEqual(node.log().count("\n"), before, node.log())
        self.assertEqual(self.state_of("u1"), "CHARGE_STATE_RELEASING")
        node.end_process(101)
        self.await_items({("u2", "/ns/ml", "n1/gpu0"): GIB})

    def test_agent_that_was_killed_finds_what_it_charged_and_what_ended_meanwhile(self):
        node = self.node()
        node.start()
        node.add_pod("u1", annotations={"dmemd/limit": "8Gi"})
        node.add_pod("u2", annotations={"dmemd/limit": "2Gi"})
        self.await_items({("u1", "/ns/ml", "n1/gpu0"): 8 * GIB,
                          ("u2", "/ns/ml", "n1/gpu0"): 2 * GIB})
        ids = {charge["owner"]["uid"]: id for id, charge in self.server.charges().items()}
        node.kill()
        node.delete_pod("u2")
        node.add_pod("u3", annotations={"dmemd/limit": "4Gi"})
        node.start()
        self.await_items({("u1", "/ns/ml", "n1/gpu0"): 8 * GIB,
                          ("u3", "/ns/ml", "n1/gpu0"): 4 * GIB})
        self.assertIn(ids["u1"], self.server.charges())

    def test_server_that_was_killed_is_told_what_changed_meanwhile(self):
        node = self.node()
        node.start()
        node.add_pod("u1", annotations={"dmemd/limit": "8Gi"})
        self.await_items({("u1", "/ns/ml", "n1/gpu0"): 8 * GIB})
        self.server.kill()
        node.delete_pod("u1")
        node.add_pod("u2", annotations={"dmemd/limit": "2Gi"})
        self.server.start()
        self.await_items({("u2", "/ns/ml", "n1/gpu0"): 2 * GIB})

    def test_reboot_drops_what_was_held_before(self):
        node = self.node()
        node.start()
        node.add_pod("u1", annotations={"dmemd/limit": "8Gi"})
        self.await_items({("u1", "/ns/ml", "n1/gpu0"): 8 * GIB})
        old = set(self.server.charges())
        node.kill()
        node.boot(1_700_009_999)
        node.start()
        eventually(lambda: set(self.server.charges()) and not old & set(self.server.charges()),
                   "the pod is charged anew")
        self.await_items({("u1", "/ns/ml", "n1/gpu0"): 8 * GIB})

    def test_broken_device_is_failed_and_works_again_in_a_newer_incarnation(self):
        node = self.node()
        node.start()
        node.add_pod("u1", annotations={"dmemd/limit": "8Gi"})
        self.await_items({("u1", "/ns/ml", "n1/gpu0"): 8 * GIB})
        node.write_device({"failed": "fell off the bus"})
        self.await_region("FAILED")
        self.assertEqual(items(self.server.charges()), {("u1", "/ns/ml", "n1/gpu0"): 8 * GIB})
        node.write_device({})
        self.await_region("READY")

    def test_limits_of_tenants_appear_in_exactly_the_files_that_the_rules_name(self):
        tree = os.path.join(self.directory, "tree")
        for name in ("", "vision.slice", "speech.slice", "kubepods.slice"):
            base = os.path.join(tree, name)
            write(os.path.join(base, "cgroup.subtree_control"), "")
            write(os.path.join(base, "cgroup.controllers"), "dmem\n")
            for file, value in (("current", "0"), ("min", "0"), ("low", "0"), ("max", "max")):
                if name or file == "current":
                    write(os.path.join(base, f"dmem.{file}"), f"drm/card0/vram0 {value}\n")
        write(os.path.join(tree, "dmem.capacity"), f"drm/card0/vram0 {48 * GIB}\n")
        node = self.node(cgroup_root=tree, backends=[{"name": "dmem"}], tenant_directories=[
            {"cgroup": "/teams/vision", "directory": "/vision.slice"}])

        def sums():
            result = {}
            for base, _, files in os.walk(tree):
                for file in files:
                    path = os.path.join(base, file)
                    with open(path, "rb") as data:
                        result[os.path.relpath(path, tree)] = hashlib.sha256(
                            data.read()).hexdigest()
            return result

        node.start()
        eventually(lambda: "n1/drm/card0/vram0" in self.server.dmemctl("get", "regions"),
                   "the region is registered")
        before = sums()
        self.server.dmemctl("set", "limits", "/teams/vision", "n1/drm/card0/vram0", "--max=8Gi",
                            "--low=2Gi")

        def text(file):
            with open(os.path.join(tree, "vision.slice", file), encoding="ascii") as data:
                return data.read()

        eventually(lambda: text("dmem.max") == f"drm/card0/vram0 {8 * GIB}\n", "max is written")
        eventually(lambda: text("dmem.low") == f"drm/card0/vram0 {2 * GIB}\n", "low is written")
        after = sums()
        changed = {path for path in after if before.get(path) != after[path]}
        self.assertLessEqual(changed, {"vision.slice/dmem.max", "vision.slice/dmem.low",
                                       "cgroup.subtree_control"})
        self.assertEqual(set(before), set(after))

    def test_pod_at_the_gate_that_does_not_fit_waits_until_it_does(self):
        node = self.node()
        node.start()
        node.add_pod("u1", annotations={"dmemd/limit": "40Gi"})
        self.await_items({("u1", "/ns/ml", "n1/gpu0"): 40 * GIB})
        node.add_pod("u2", phase="Pending", annotations={"dmemd/limit": "40Gi"})
        eventually(lambda: "40GiB" in self.server.dmemctl("get", "charges"), "still there")
        gate = subprocess.run([AGENT, "gate", "u2", "--dir", node.gate, "--timeout", "0.5"],
                              capture_output=True, text=True, check=False, timeout=60)
        self.assertEqual(gate.returncode, 1, gate.stderr)
        self.assertIn("may not start yet", gate.stderr)
        node.delete_pod("u1")
        gate = subprocess.run([AGENT, "gate", "u2", "--dir", node.gate], check=False, timeout=120)
        self.assertEqual(gate.returncode, 0)
        self.await_items({("u2", "/ns/ml", "n1/gpu0"): 40 * GIB})

    def test_dry_run_tells_and_changes_nothing(self):
        node = self.node()
        node.add_pod("u1", annotations={"dmemd/limit": "8Gi"})
        text = node.dry_run()
        self.assertIn("n1/gpu0", text)
        self.assertIn("8GiB", text)
        self.assertEqual(self.server.charges(), {})
        self.assertNotIn("n1/gpu0", self.server.dmemctl("get", "regions"))


if __name__ == "__main__":
    unittest.main()
