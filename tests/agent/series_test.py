# Copyright 2026 The dmemd Authors
# SPDX-License-Identifier: Apache-2.0
"""What real containers used over a day, played into the files of nine nodes, 60 times as fast.

Each node has a dmem-agent, and there is one dmemd; all are killed at random and started again. At
quiet points the ledger must be what held.py makes of the nodes' files.

The series lies beside the checkout, in ../shared/traces; without it the test skips.
DMEMD_DEEP=1 plays all of it, otherwise its first hour. DMEMD_SEED says who is killed when.
DMEMD_AGENT is another dmem-agent, one that is to be found out: with it, the test passes if the same
comparison finds a difference at any of the quiet points.
"""

import collections
import csv
import json
import os
import random
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "trace")]

# pylint: disable=wrong-import-position
import cases
import held
from node import AGENT, Server, eventually, stop_all
from trees import DmemTree, Pod, ProcessTree

SERIES = "../shared/traces/genai_pod_gpu_memory_used_bytes.csv"
SPEED = 60
GPUS = 8  # A node's: a container each.
GROUP = "cluster"
RESERVATION_TTL = "2m"
LIMITS = ("40Gi", "44Gi", "48Gi")  # The first is less than what some of the containers use.
TENANTS = (("prod", {"team": "vision"}), ("prod", {"team": "speech"}), ("batch", {"queue": "night"}),
           ("dev", {}), ("dev", {"team": "vision"}))


def read_series():
    """The times, in seconds from the first on, and {container: {time: bytes}}."""
    used = collections.defaultdict(dict)
    with open(SERIES, encoding="ascii", newline="") as file:
        for row in csv.DictReader(file):
            used[row["container"]][int(row["timestamp_s"])] = int(float(row["used_bytes"]))
    times = sorted({at for samples in used.values() for at in samples})
    return ([at - times[0] for at in times],
            {container: {at - times[0]: size for at, size in samples.items()}
             for container, samples in used.items()})


class SharedReservation:
    """Of two pods: made for both by the first to begin, cancelled by the last to end."""

    BYTES = "96Gi"  # Enough for the limits of both.

    def __init__(self, cluster):
        self._cluster = cluster
        self._holders = set()
        self._reservation = None

    def begin(self, container, uid):
        """The reservation's id; None: see reserve()."""
        if not self._holders:
            self._reservation = self._cluster.reserve(container, uid, self.BYTES)
        self._holders.add(container)
        return self._reservation

    def give_back_the_rest(self):
        """As a scheduler does that knows what its pods are to have: at quiet points."""
        if self._reservation is not None:
            self._cluster.cancel(self._reservation)

    def end(self, container):
        self._holders.discard(container)
        if not self._holders and self._reservation is not None:
            self._cluster.cancel(self._reservation)
            self._reservation = None


class Container:
    """One of the series' containers: a pod for as long as it uses memory."""

    # By what a pod's bytes are known: its limit; the device; only what it uses; a reservation.
    # The last two of a node are "shared": they have one reservation, for a device each or, on every
    # other two nodes, for one device.
    KINDS = ("limited", "whole", "measured", "reserved")

    def __init__(self, cluster, index, samples):
        self._cluster = cluster
        self._samples = samples
        self.node = cluster.nodes[index // GPUS]
        self._gpu = index % GPUS
        self._index = index
        self.shared = None
        if self._gpu < GPUS - 2:
            self.kind = self.KINDS[index % len(self.KINDS)]
            tenant = index
        else:
            self.kind = "shared"
            self.shared = cluster.shared_reservation(self.node)
            tenant = index // GPUS
            if tenant // 2 % 2 == 1:
                self._gpu = GPUS - 1
        self.namespace, self.labels = TENANTS[tenant % len(TENANTS)]
        self._pods = 0
        self.pod = None
        self._lingers = None  # A pod that the cluster knows nothing of any more, and that runs on.
        self.reservation = None

    def step(self, at):
        """As the series says for this time."""
        used = self._samples.get(at, 0)
        self.end_lingering()
        if self.pod is not None and used == 0:
            self.end(by_force=self._index % 2 == 1)
        elif self.pod is not None and used != self.pod.used_bytes:
            self.node.use(self.pod, used)
        elif self.pod is None and used > 0:
            self._begin(used)

    def _begin(self, used):
        self._pods += 1
        uid = f"c{self._index:02}-{self._pods}"
        annotations = {}
        if self.kind in ("limited", "reserved", "shared"):
            annotations["dmemd/limit"] = LIMITS[self._index % len(LIMITS)]
        if self.kind == "reserved":
            self.reservation = self._cluster.reserve(self, uid, annotations["dmemd/limit"])
        elif self.kind == "shared":
            self.reservation = self.shared.begin(self, uid)
        if self.reservation is not None:
            annotations["dmemd/charge-id"] = self.reservation
        self.pod = Pod(uid, self.namespace, self._gpu, dict(self.labels), annotations,
                       is_given_gpu=self.kind != "measured")
        self.node.add(self.pod)
        self.node.use(self.pod, used)

    def end(self, by_force=False):
        """Ends its pod; by force: its process runs on, for a while, after the pod is forgotten."""
        self.end_lingering()
        pod, self.pod = self.pod, None
        if by_force:
            self._lingers = pod
        else:
            self.node.end(pod)
        self.node.forget(pod)
        if self.shared is not None:
            self.shared.end(self)
        elif self.reservation is not None:
            self._cluster.cancel(self.reservation)
        self.reservation = None

    def end_lingering(self):
        if self._lingers is not None:
            self.node.end(self._lingers)
            self._lingers = None

    def move(self, labels):
        self.labels = self.pod.labels = dict(labels)
        self.node.describe(self.pod)


class Cluster:
    """The nodes, their agents, their containers and the authority."""

    def __init__(self, directory, used, agent):
        self.server = Server(directory)
        count = -(-len(used) // GPUS)
        self.nodes = [
            (DmemTree if index % 2 == 0 else ProcessTree)(
                directory, f"node-{index:03}", self.server, agent, GPUS, mapping=held.MAPPING)
            for index in range(count)]
        self._shared = {node: SharedReservation(self) for node in self.nodes}
        self.containers = [Container(self, index, used[name])
                           for index, name in enumerate(sorted(used))]
        self._to_cancel = []
        self.server.dmemctl("register", "group", GROUP)
        for node in self.nodes:
            for gpu in node.gpus:
                # The admin's: agents that register it leave its group as it is.
                self.server.dmemctl("register", "region", node.region(gpu), "--capacity=48Gi",
                                    f"--parent={GROUP}")

    def start(self):
        if not self.server.is_running():
            self.server.start()
        for node in self.nodes:
            if not node.is_running():
                node.start()

    def stop(self):
        try:
            stop_all(self.nodes)
        finally:
            self.server.stop()

    # As a scheduler does.

    def shared_reservation(self, node):
        return self._shared[node]

    def reserve(self, container, uid, limit):
        """None: the authority does not answer, and the pod starts all the same."""
        if not self.server.is_running():
            return None
        cgroup = held.tenant_of({"metadata": {"namespace": container.namespace,
                                              "labels": container.labels}})
        reservation = f"reservation-{uid}"
        self.server.dmemctl("charge", cgroup, GROUP, limit, f"--ttl={RESERVATION_TTL}",
                            f"--id={reservation}", f"--owner-uid={uid}")
        return reservation

    def cancel(self, reservation):
        """Of a pod that is gone: what was not committed goes, what it held its agent gives back."""
        self._to_cancel.append(reservation)
        self._cancel_all()

    def _cancel_all(self):
        while self._to_cancel and self.server.is_running():
            reservation = self._to_cancel.pop()
            charge = self.server.charges().get(reservation)
            if charge is not None and charge["state"] == "CHARGE_STATE_RESERVED":
                self.server.dmemctl("cancel", reservation)

    def held_reservations(self):
        """Those that were committed; none while the authority does not answer."""
        if not self.server.is_running():
            return set()
        return {charge_id for charge_id, charge in self.server.charges().items()
                if charge["state"] == "CHARGE_STATE_HELD"}

    # Quiet points.

    def become_quiet(self):
        """Until every agent has seen, listed and reported all as it is now."""
        self.start()
        for container in self.containers:
            container.end_lingering()
        self._await_full_passes()
        # All that is committed is: what is still reserved is in nobody's files.
        for shared in self._shared.values():
            shared.give_back_the_rest()
        self._cancel_all()
        self._await_full_passes()

    def _await_full_passes(self):
        quiet_since = time.time()

        def has_passed(node):
            try:
                seen = node.metrics()
            except (OSError, IndexError):
                return False  # It has just been started.
            return (seen["dmem_agent_reconciled_timestamp_seconds"] > quiet_since and
                    seen["dmem_agent_reported_timestamp_seconds"] > quiet_since)

        for node in self.nodes:
            eventually(lambda: has_passed(node), lambda: f"the agent of {node.name} has made a "
                       f"full pass: {node.log()[-2000:]}")

    def differences(self):
        """Lines, each something in which the ledger is not what the nodes hold."""
        booked, measured = held.sums([node.directory for node in self.nodes], GROUP)
        pools = json.loads(self.server.dmemctl("get", "pools", "-o", "json"))["pools"]
        charges = self.server.charges().values()
        told_booked = {(pool["cgroup"], pool["region"]): int(pool.get("usage_bytes", 0))
                       for pool in pools}
        told_measured = collections.Counter()
        for charge in charges:
            for item in charge["items"]:
                told_measured[item["cgroup"], item["region"]] += int(item.get("measured_bytes", 0))
        lines, places = [], set()
        for what, nodes, ledger in (("booked", booked, told_booked),
                                    ("measured", measured, told_measured)):
            for key in sorted(set(nodes) | set(ledger)):
                if nodes.get(key, 0) != ledger.get(key, 0):
                    lines.append(f"{what} of {key[0]} in {key[1]}: the nodes' files say "
                                 f"{nodes.get(key, 0)}, the ledger says {ledger.get(key, 0)}")
                    places.add(key)
        return lines + [f"there is {charge['charge_id']}, {charge['state']}: {charge['items']}"
                        for charge in charges
                        if places & {(item["cgroup"], item["region"]) for item in charge["items"]}]


class Plan:
    """What happens besides the series, by the number of the sample at which it does."""

    def __init__(self, chance, samples, quiet_points):
        early = range(3, samples - 1)
        self.quiet_points = set(chance.sample(early, quiet_points))
        self.agent_kills = set(chance.sample(early, samples // 5))
        self.server_kills = set(chance.sample(early, samples // 16))
        self.moves = set(chance.sample(early, samples // 8))


class SeriesTest(unittest.TestCase):
    def setUp(self):
        self.is_deep = "DMEMD_DEEP" in os.environ
        self.agent = os.environ.get("DMEMD_AGENT", AGENT)
        seed = int(os.environ.get("DMEMD_SEED", random.SystemRandom().randrange(1 << 32)))
        print(f"DMEMD_SEED={seed}", flush=True)
        self.chance = random.Random(seed)
        self.agent_kills = self.server_kills = 0
        # Reservations that were held by pods that ended without an agent, and that the next one
        # does not know to have been theirs.
        self.ended_unseen = []

    def test_ledger_is_what_the_nodes_hold_however_often_agents_and_server_are_killed(self):
        if not os.path.exists(SERIES):
            self.skipTest(f"there is no {SERIES}")
        directory = tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR"))
        self.addCleanup(directory.cleanup)
        times, used = read_series()
        if not self.is_deep:
            times = [at for at in times if at <= 3600]
        self.cluster = Cluster(directory.name, used, self.agent)
        self.addCleanup(self.cluster.stop)
        self.assertEqual(len(self.cluster.nodes), 9)
        plan = Plan(self.chance, len(times), 20 if self.is_deep else 5)
        differences = self.play(times, plan)
        print(f"{self.agent_kills} agents and {self.server_kills} servers were killed; "
              f"{len(self.ended_unseen)} pods ended that only a list could tell of", flush=True)
        if self.agent != AGENT:
            self.assertNotEqual(differences, [], "nothing is found out")
            return
        if differences:
            self.fail("\n".join(differences))
        self.assertGreater(self.agent_kills, 0)
        self.assertGreater(self.server_kills, 0)
        self.assertGreater(len(self.ended_unseen), 0, "nothing was there to reconcile")

    def play(self, times, plan):
        """Until the end, or the first quiet point with differences, which are returned."""
        self.cluster.start()
        begin = time.monotonic()
        down = {}  # Nodes without an agent, and None for the server: until which sample.
        for sample, at in enumerate(times):
            pause = begin + at / SPEED - time.monotonic()
            if pause > 0:
                time.sleep(pause)  # The series has its own time; nothing depends on it.
            for container in self.cluster.containers:
                container.step(at)
            for node in [node for node, until in down.items() if until <= sample]:
                (node or self.cluster.server).start()
                del down[node]
            if sample in plan.moves:
                self.move_a_pod()
            if sample in plan.agent_kills:
                node = self.chance.choice(self.cluster.nodes)
                if node.is_running():
                    self.kill_agent(node)
                    down[node] = sample + self.chance.randint(1, 4)
            if sample in plan.server_kills and self.cluster.server.is_running():
                self.cluster.server.kill()
                self.server_kills += 1
                down[None] = sample + self.chance.randint(1, 3)
            if sample in plan.quiet_points or sample == len(times) - 1:
                paused = time.monotonic()
                down.clear()
                differences = self.differences(at)
                if differences:
                    return differences
                begin += time.monotonic() - paused
        played = time.monotonic() - begin
        print(f"{times[-1] / 60:.0f} minutes of the series in {played:.0f} s", flush=True)
        return []

    def move_a_pod(self):
        """Its mapping changes. (What is reserved for the old tenant would stay so until its ttl, and
        what two pods share stays with the tenant of one.)"""
        committed = self.cluster.held_reservations()
        containers = [c for c in self.cluster.containers if c.pod and c.kind != "shared" and
                      (c.reservation is None or c.reservation in committed)]
        self.chance.choice(containers).move(TENANTS[self.chance.randrange(len(TENANTS))][1])

    def kill_agent(self, node):
        """Two of its containers end then; and, every other time, what the agent has kept of whose
        the reservations are is lost: what one of the two held, only Reconcile can know."""
        node.kill()
        self.agent_kills += 1
        is_lost = self.agent_kills % 2 == 1
        if is_lost:
            node.lose_reservations()
        containers = [c for c in self.cluster.containers if c.node is node and c.pod]
        reserved = [c for c in containers if c.kind == "reserved" and c.reservation is not None]
        committed = self.cluster.held_reservations()
        for container in (self.chance.choice(each) for each in (reserved, containers) if each):
            if container.pod is None:
                continue  # The same twice.
            if is_lost and container.reservation in committed:
                self.ended_unseen.append(container.reservation)
            container.end()

    def differences(self, at):
        began = time.monotonic()
        self.cluster.become_quiet()
        self.cluster.server.check()
        differences = self.cluster.differences()
        print(f"quiet after {at / 60:.0f} minutes of the series, within "
              f"{time.monotonic() - began:.1f} s: {len(differences)} differences", flush=True)
        return differences


if __name__ == "__main__":
    cases.main()
