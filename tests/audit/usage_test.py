# Copyright 2026 The dmemd Authors
# SPDX-License-Identifier: Apache-2.0
"""`dmemctl report usage` against an integral of the events that is made here, with whole numbers, and
that shares nothing with dmemd: it goes forward from the first event with every item in hand, where the
server goes back from the present with sums alone. The history is random (churn.cc)."""

import collections
import csv
import io
import json
import os
import random
import subprocess
import sys
import unittest
from datetime import datetime, timedelta, timezone

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "trace"))

from dmemd_process import Dmemd  # pylint: disable=wrong-import-position

DMEMCTL = os.path.join("client", "dmemctl")
CHURN = os.path.join("tests", "audit", "churn")
SECONDS_MAX = 120
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def run(program, *arguments):
    result = subprocess.run([program, *arguments], check=False, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=SECONDS_MAX)
    if result.returncode != 0:
        raise RuntimeError(f"{program} {arguments}: {result.stderr.decode()}")
    return result.stdout.decode()


def micros(text):
    """Of a time as protobuf's JSON has it."""
    text = text.rstrip("Z")
    whole, _, fraction = text.partition(".")
    moment = datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc)
    return (moment - EPOCH) // timedelta(microseconds=1) + int(fraction.ljust(6, "0")[:6] or 0)


def rfc3339(time_us):
    return (EPOCH + timedelta(microseconds=time_us)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def byte_micros(text):
    whole, _, fraction = text.partition(".")
    return int(whole) * 10**6 + int(fraction.ljust(6, "0") or 0)


def events(address):
    """All of them, in order."""
    found = []
    for arguments in ([], ["--kind", "measured"]):
        text = run(DMEMCTL, "--server", address, "get", "events", "-o", "json", *arguments)
        decoder = json.JSONDecoder()
        at = 0
        while at < len(text):
            event, at = decoder.raw_decode(text, at)
            while at < len(text) and text[at].isspace():
                at += 1
            found.append(event)
    return sorted(found, key=lambda event: (int(event["sequence"]), event["index"]))


class Item:
    def __init__(self, charge, cgroup, region, group):
        self.charge, self.cgroup, self.region, self.group = charge, cgroup, region, group
        self.booked = self.measured = 0


class History:
    """Pieces of time in which an item had one size, from events in order."""

    def __init__(self):
        self.segments = []  # Without owner: (begin, end, item, booked, measured).
        self.items = {}     # By charge id, cgroup, region as named, reserved.
        self.since = {}
        self.owners = {}    # By charge id: [owner], shared with its segments.
        self.groups = {}    # Region -> group, and group -> itself.
        self.paths = {}     # Dying cgroups.

    def change(self, time, key, group=None):
        """The item, whose sizes so far are put down."""
        item = self.items.get(key)
        if item is None:
            owner = self.owners.setdefault(key[0], [("", "", "")])
            item = self.items[key] = Item(owner, key[1], key[2].split("@")[0], group)
        elif item.booked or item.measured:
            self.segments.append((self.since[key], time, item, item.booked, item.measured))
        self.since[key] = time
        return item

    def remove(self, time, key):
        self.change(time, key)
        del self.items[key], self.since[key]

    def rename(self, old, new):
        for key in [k for k in self.items if k[2] == old]:
            moved = (key[0], key[1], new, key[3])
            self.items[moved] = self.items.pop(key)
            self.since[moved] = self.since.pop(key)

    @staticmethod
    def owner_of(message):
        return (message.get("kind", ""), message.get("namespace", ""), message.get("name", ""))

    def add(self, event):
        time = micros(event["time"])
        if "charge_granted" in event:
            charge = event["charge_granted"]
            name = charge["charge_id"]
            self.owners[name] = [self.owner_of(charge.get("owner") or {})]
            for given in charge["items"]:
                key = (name, given["cgroup"], given["region"], charge["reserved"])
                self.change(time, key, self.groups[given["region"]]).booked = int(given["bytes"])
        elif "charge_changed" in event:
            self.add_changed(time, event["charge_changed"])
        elif "measured" in event:
            for given in event["measured"]["items"]:
                key = (given["charge_id"], self.paths.get(given["cgroup"], given["cgroup"]),
                       given["region"], False)
                item = self.change(time, key)
                assert item.measured == int(given["before_bytes"]), (event, item.measured)
                item.measured = int(given["after_bytes"])
        elif "region_changed" in event:
            self.add_region(event["region_changed"])
        elif "cgroup_changed" in event and event["cgroup_changed"]["kind"].endswith("DYING"):
            change = event["cgroup_changed"]
            self.paths["@" + change["id"]] = change["cgroup"]
        assert "omitted" not in event

    def add_changed(self, time, charge):
        name = charge["charge_id"]
        assert charge["omitted_items"] == "0"
        for given in charge["items"]:
            kind = given["kind"].rpartition("_")[2]
            key = (name, given["cgroup"], given["region"], given["reserved"])
            if kind == "REMOVED":
                assert self.items[key].booked == int(given["before_bytes"]), (given, key)
                self.remove(time, key)
                continue
            if kind == "PLACED" and given["reserved_before"]:
                before = (name, given["cgroup"], given["region"], True)
                item = self.change(time, before)
                del self.items[before], self.since[before]
                self.items[key], self.since[key] = item, time
            if kind != "ADDED":
                assert key in self.items, (given, key)
            item = self.change(time, key, self.groups.get(given["region"]))
            assert item.booked == int(given["before_bytes"]), given
            item.booked = int(given["after_bytes"])
            if given["measured_before_bytes"] != given["measured_after_bytes"]:
                assert item.measured == int(given["measured_before_bytes"]), given
                item.measured = int(given["measured_after_bytes"])
        if charge["ended"]:
            self.owners.pop(name)

    def add_region(self, change):
        name, kind = change["region"], change["kind"].rpartition("_")[2]
        if kind in ("REGISTERED", "UPDATED"):
            self.groups[name] = name if change["is_group"] else change["after"]["parent"]
        elif kind == "GONE":
            self.groups[name] = self.groups[name.split("@")[0]]
            self.rename(name.split("@")[0], name)

    def close(self, time):
        for key in list(self.items):
            self.change(time, key)

    def integral(self, begin, end, by):
        sums = collections.defaultdict(lambda: [0, 0])
        for since, until, item, booked, measured in self.segments:
            lasted = min(until, end) - max(since, begin)
            if lasted <= 0:
                continue
            row = sums[tuple(
                field for key in by for field in
                {"cgroup": [item.cgroup], "region": [item.region], "group": [item.group],
                 "owner": item.charge[0]}[key])]
            row[0] += booked * lasted
            row[1] += measured * lasted
        return {key: tuple(row) for key, row in sums.items() if any(row)}


def reported(address, begin, end, by):
    text = run(DMEMCTL, "--server", address, "report", "usage", "--from", rfc3339(begin), "--to",
               rfc3339(end), "--by", ",".join(by), "-o", "csv")
    rows = list(csv.reader(io.StringIO(text)))
    return {tuple(row[:-2]): (byte_micros(row[-2]), byte_micros(row[-1])) for row in rows[1:]}


class UsageTest(unittest.TestCase):
    maxDiff = None

    def check(self, seed, commands):
        dice = random.Random(seed)
        with Dmemd() as dmemd:
            self.assertGreater(int(run(CHURN, dmemd.address, str(seed), str(commands), "1")), 10)
            told = events(dmemd.address)
            history = History()
            for event in told:
                history.add(event)
            begin, end = micros(told[0]["time"]), micros(told[-1]["time"])
            history.close(end)
            self.assertTrue(any(measured for *_, measured in history.segments))
            windows = [(begin, end), (begin - 10**9, end)]
            for _ in range(12):
                windows.append(tuple(sorted(dice.randint(begin, end) for _ in range(2))))
            # Exactly at events, where a change must count on one side only.
            for _ in range(6):
                windows.append(tuple(sorted(micros(dice.choice(told)["time"]) for _ in range(2))))
            for since, until in windows:
                for by in (["cgroup"], ["group"], ["owner"], ["region", "cgroup"],
                           ["cgroup", "group", "owner"]):
                    self.assertEqual(history.integral(since, until, by),
                                     reported(dmemd.address, since, until, by),
                                     f"seed {seed}, {since} to {until} by {by}")

    def test_reports_equal_an_integral_of_the_events(self):
        for seed in (1, 2, 3):
            with self.subTest(seed=seed):
                self.check(seed, 400)


if __name__ == "__main__":
    unittest.main()
