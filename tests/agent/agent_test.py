# Copyright 2026 The dmemd Authors
# SPDX-License-Identifier: Apache-2.0
"""dmem-agent between a node that is made of files and a dmemd."""

import json
import os
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "trace")]

# pylint: disable=wrong-import-position
from node import AGENT, GIB, SECONDS_MAX, Node, Server, await_passes, eventually, spawn


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
        eventually(lambda: items(self.server.charges()) == expected,
                   lambda: f"charges are {expected}; they are {items(self.server.charges())}")
        self.server.check()

    def state_of(self, uid):
        for charge in self.server.charges().values():
            if charge.get("owner", {}).get("uid") == uid:
                return charge["state"]
        return None

    def region(self):
        """The only one."""
        region, = json.loads(self.server.dmemctl("get", "regions", "-o", "json"))["regions"]
        return region

    def await_region(self, state):
        eventually(lambda: self.region()["state"] == f"REGION_STATE_{state}",
                   lambda: f"the region is {state}; it is {self.region()}")

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

    def test_agent_is_healthy_also_while_the_authority_is_away(self):
        node = self.node()
        node.start()
        node.await_lists(1)
        self.assertEqual(node.http_get("/healthz"), "ok\n")
        self.server.kill()
        await_passes([node])
        self.assertEqual(node.http_get("/healthz"), "ok\n")
        self.server.start()
        node.await_lists(1)

    def test_new_region_joins_the_configured_groups_and_stays_where_an_admin_puts_it(self):
        node = self.node(groups=["rack-1", "cluster"])
        node.start()
        node.await_lists(1)
        self.assertEqual(self.region()["parent"], "rack-1")
        self.assertNotIn('"problem"', node.log())
        self.server.dmemctl("register", "group", "site")
        self.server.dmemctl("register", "group", "cluster", "--parent", "site")
        node.kill()
        node.start()
        node.await_lists(2)
        groups = json.loads(self.server.dmemctl("get", "groups", "-o", "json"))["groups"]
        self.assertEqual({group["name"]: group.get("parent", "") for group in groups},
                         {"rack-1": "cluster", "cluster": "site", "site": ""})

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
        # An agent that comes later knows what was charged: its lists judge it.
        node.kill()
        before = node.log()
        node.start()
        node.add_pod("u2", annotations={"dmemd/limit": "1Gi"})
        node.await_lists(3)
        self.await_items({("u1", "/ns/ml", "n1/gpu0"): 8 * GIB,
                          ("u2", "/ns/ml", "n1/gpu0"): GIB})
        self.assertEqual(self.state_of("u1"), "CHARGE_STATE_RELEASING")
        self.assertNotIn("problem", node.log()[len(before):])
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
        before, old = self.region()["incarnation"], set(self.server.charges())
        node.write_device({"failed": "fell off the bus"})
        self.await_region("FAILED")
        node.await_lists(1)
        self.assertEqual(set(self.server.charges()), old, "what it held it may hold still")
        self.assertEqual(self.region()["incarnation"], before)
        node.write_device({})
        self.await_region("READY")
        self.assertGreater(int(self.region()["incarnation"]), int(before))
        self.await_items({("u1", "/ns/ml", "n1/gpu0"): 8 * GIB})
        self.assertFalse(old & set(self.server.charges()), "what it held is gone with its memory")

    def test_pod_at_the_gate_that_does_not_fit_waits_until_it_does(self):
        node = self.node()
        node.start()
        node.add_pod("u1", annotations={"dmemd/limit": "40Gi"})
        self.await_items({("u1", "/ns/ml", "n1/gpu0"): 40 * GIB})
        node.add_pod("u2", phase="Pending", annotations={"dmemd/limit": "40Gi"})
        waiting = spawn([AGENT, "gate", "u2", "--dir", node.gate, "--timeout", str(SECONDS_MAX)])
        self.addCleanup(waiting.wait)
        self.addCleanup(waiting.kill)
        await_passes([node])
        self.assertEqual(items(self.server.charges()), {("u1", "/ns/ml", "n1/gpu0"): 40 * GIB})
        gate = subprocess.run([AGENT, "gate", "u2", "--dir", node.gate, "--timeout", "0.5"],
                              capture_output=True, text=True, check=False, timeout=SECONDS_MAX)
        self.assertEqual(gate.returncode, 1, gate.stderr)
        self.assertIn("pod u2 waits for memory: n1/gpu0: ", gate.stderr)
        self.assertIn("pod u2 may not start yet: n1/gpu0: ", gate.stderr)
        self.assertIsNone(waiting.poll(), "it waits")
        node.delete_pod("u1")
        self.assertEqual(waiting.wait(timeout=2 * SECONDS_MAX), 0)
        self.assertEqual(items(self.server.charges()), {("u2", "/ns/ml", "n1/gpu0"): 40 * GIB})

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
