# Copyright 2026 The dmemd Authors
# SPDX-License-Identifier: Apache-2.0
"""All agents are restarted, one after the other, while somebody watches the events."""

import datetime
import json
import os
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "trace")]

# pylint: disable=wrong-import-position
import cases
import held
from node import AGENT, DMEMCTL, GIB, Server, eventually, spawn, stop_all
from trees import DmemTree, Pod, ProcessTree

NODES = 6
GPUS = 2
TTL = 10  # Seconds: the shortest that there is.


class Events:
    """What happens from now on, as dmemctl tells it."""

    def __init__(self, server, path):
        self._path = path
        with open(path, "wb") as out:
            self._process = spawn(
                [DMEMCTL, f"--server={server.address}", "get", "events", "-w", "-o", "json"],
                stdout=out, stderr=subprocess.STDOUT)

    def stop(self):
        self._process.kill()
        self._process.wait()

    def text(self):
        with open(self._path, encoding="utf-8") as file:
            return file.read()

    def all(self):
        text, events = self.text().strip(), []
        while text:
            event, end = json.JSONDecoder().raw_decode(text)
            events.append(event)
            text = text[end:].lstrip()
        return events


class RollingRestartTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR"))
        self.addCleanup(directory.cleanup)
        self.directory = directory.name
        self.server = Server(directory.name)
        self.addCleanup(self.server.stop)
        self.nodes = []
        self.addCleanup(lambda: stop_all(self.nodes))
        for index in range(NODES):
            node = (DmemTree if index % 2 else ProcessTree)(
                directory.name, f"n{index}", self.server, AGENT, GPUS, mapping=held.MAPPING,
                session_ttl=f"{TTL}s")
            self.nodes.append(node)
            for gpu in node.gpus:
                pod = Pod(f"{node.name}-{gpu}", "ml", gpu, {},
                          {"dmemd/limit": "8Gi"} if gpu else {}, is_given_gpu=gpu == 1)
                node.add(pod)
                node.use(pod, 3 * GIB)
            node.start()
        eventually(lambda: len(self.server.charges()) == NODES * GPUS, "all is charged")
        self.await_lists(time.time())

    def await_lists(self, since):
        """Until each agent has reconciled what it saw after that."""
        for node in self.nodes:
            eventually(lambda: node.listed_since(since),
                       lambda: f"{node.name} has reconciled: {node.log()}")

    def states(self, node):
        listed = json.loads(self.server.dmemctl("get", "regions", "-o", "json"))["regions"]
        return {region["state"].removeprefix("REGION_STATE_") for region in listed
                if region["name"].startswith(f"{node.name}/")}

    def mark(self, events, name):
        """Until the events have this: all from before are there too."""
        self.server.dmemctl("create", "cgroup", name)
        eventually(lambda: f'"{name}"' in events.text(), f"{name} is among the events")

    def test_no_region_is_away_for_longer_than_its_ttl_and_nothing_is_lost(self):
        before = self.server.charges()
        events = Events(self.server, os.path.join(self.directory, "events"))
        self.addCleanup(events.stop)
        eventually(lambda: self.server.dmemctl("create", "cgroup", f"/begin-{time.time_ns()}") and
                   "/begin-" in events.text(), "the watch is on")
        for index, node in enumerate(self.nodes):
            # As an upgrade does it, and as a crash does.
            if index % 3 == 0:
                node.kill()
            else:
                node.stop()
            if index == 0:
                # One takes longer than its ttl, so that its regions are seen to be away.
                eventually(lambda: self.states(node) == {"STALE"}, "n0 is not heard any more")
            node.start()
            self.await_lists(0)
        self.await_lists(time.time())
        self.mark(events, "/end")

        opened, back = set(), []
        away = {}  # Since when a region is not READY.
        for event in events.all():
            at = datetime.datetime.fromisoformat(event["time"]).timestamp()
            if "session_changed" in event:
                change = event["session_changed"]
                if change["kind"] == "SESSION_CHANGE_KIND_OPENED":
                    opened.add(change["node"])
            if "region_state_changed" in event:
                change = event["region_state_changed"]
                if change["to"] == "READY":
                    self.assertLessEqual(at - away.pop(change["region"]), TTL, change)
                    back.append(change["region"])
                else:
                    away.setdefault(change["region"], at)
            for what in ("charge_changed", "charge_granted", "release_requested"):
                self.assertNotIn(what, event)
        self.assertEqual(away, {}, "all are back")
        first = self.nodes[0]
        self.assertEqual(set(back), {first.region(gpu) for gpu in first.gpus})
        self.assertEqual(opened, {node.name for node in self.nodes}, "all were restarted")
        after = self.server.charges()
        for charges in (before, after):
            for charge in charges.values():
                for item in charge["items"]:
                    item.pop("measured_at")  # The one thing that goes on.
        self.assertEqual(after, before)
        self.server.check()


if __name__ == "__main__":
    cases.main()
