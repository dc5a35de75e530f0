#!/usr/bin/env python3
# Copyright 2026 The dmemd Authors
# SPDX-License-Identifier: Apache-2.0
"""What a replay of a trace must report, calculated without dmemd.

An independent calculation of the numbers of //bench:trace_replay, written from docs/trace-replay.md
alone; it shares no code with it.

    expected.py --openb-nodes FILE --openb-pods FILE [--take-nodes N]
    expected.py --usage FILE
"""

import argparse
import collections
import csv
import json

GIB = 1024**3
SIZE = {
    "P100": 16 * GIB,
    "T4": 16 * GIB,
    "V100M16": 16 * GIB,
    "V100M32": 32 * GIB,
    "A10": 24 * GIB,
    "G1": 16 * GIB,
    "G2": 24 * GIB,
    "G3": 80 * GIB,
}


def rows(path):
    with open(path, newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def whole(text):
    """A whole number, also as 17.0; int(float()) would lose digits of large ones."""
    return int(text[: text.index(".")] if "." in text else text)


class Account:
    """Usage and peak of each cgroup in the whole cluster."""

    def __init__(self):
        self.now = collections.Counter()
        self.peak = collections.Counter()
        self.count = collections.Counter()

    def move(self, cgroup, difference):
        for name in ("/", cgroup):
            self.now[name] += difference
            self.peak[name] = max(self.peak[name], self.now[name])

    def report(self, cgroups, placed=0, unplaced=0):
        return {
            "tasks_placed": placed,
            "tasks_unplaced": unplaced,
            "charges": self.count["charge"],
            "uncharges": self.count["uncharge"],
            "resizes": self.count["resize"],
            "live_charges": self.count["charge"] - self.count["uncharge"],
            "live_bytes": self.now["/"],
            "peak_bytes": {name: self.peak[name] for name in sorted({"/", *cgroups})},
        }


def would_refuse(max_bytes, usage, size, wanted, free):
    """Where a charge of `wanted` items of `size` passes a max in "cluster", or None if it does not."""
    if max_bytes is None or usage + wanted * size <= max_bytes:
        return None
    item = next(i for i in range(wanted) if usage + (i + 1) * size > max_bytes)
    return {
        "region": "cluster",
        "item": item,
        "usage_bytes": usage,
        "max_bytes": max_bytes,
        "requested_bytes": wanted * size,
        "short_bytes": usage + wanted * size - max_bytes,
        "largest_grantable_bytes": min(max(0, max_bytes - usage), free[item]),
    }


def openb(nodes_file, pods_file, take, maxes=None, enforced_from=None, calls=None):
    """The report of a replay.

    `maxes`: by first-level cgroup, in "cluster"; observed, but from the call `enforced_from` on (counted
    from 0) enforced. Appended to `calls`: of each charge that is asked for, its cgroup, its items, and
    where it would be, or is, refused.
    """
    maxes = maxes or {}
    calls = [] if calls is None else calls
    nodes = rows(nodes_file)
    if take is not None and take < len(nodes):
        nodes = nodes[:: len(nodes) // take][:take]
    nodes = [node for node in nodes if whole(node["gpu"]) > 0]
    free = [[SIZE[node["model"]]] * whole(node["gpu"]) for node in nodes]

    timeline = []
    cgroups = set()
    tasks = []
    for pod in rows(pods_file):
        if whole(pod["num_gpu"]) == 0:
            continue
        start = whole(pod["scheduled_time"] or pod["creation_time"])
        end = whole(pod["deletion_time"]) if pod["deletion_time"] else None
        if end is not None and end <= start:
            continue
        task = len(tasks)
        tasks.append(pod)
        cgroups.add("/" + pod["qos"].lower())
        timeline.append((start, 1, task))
        if end is not None:
            timeline.append((end, 0, task))

    account = Account()
    unplaced = 0
    holding = {}  # task: [(node, gpu, bytes)]
    for _, starts, task in sorted(timeline):
        pod = tasks[task]
        cgroup = "/" + pod["qos"].lower()
        if not starts:
            if task in holding:
                for node, gpu, size in holding[task]:
                    free[node][gpu] += size
                account.move(cgroup, -sum(size for _, _, size in holding.pop(task)))
                account.count["uncharge"] += 1
            continue
        wanted = whole(pod["num_gpu"])
        allowed = pod["gpu_spec"].split("|") if pod["gpu_spec"] else list(SIZE)
        for index, node in enumerate(nodes):
            if node["model"] not in allowed:
                continue
            size = SIZE[node["model"]]
            if wanted == 1:
                size = size * whole(pod["gpu_milli"]) // 1000
            fitting = [gpu for gpu, left in enumerate(free[index]) if left >= size][:wanted]
            if len(fitting) == wanted:
                refusal = would_refuse(maxes.get(cgroup), account.now[cgroup], size, wanted,
                                       [free[index][gpu] for gpu in fitting])
                enforced = enforced_from is not None and len(calls) >= enforced_from
                calls.append({
                    "cgroup": f"{cgroup}/{pod['name']}",
                    "items": [[f"{node['sn']}/gpu{gpu}", size] for gpu in fitting],
                    "granted": not (refusal and enforced),
                    "refusal": {"cgroup": cgroup, **refusal} if refusal else None,
                })
                if refusal and enforced:
                    unplaced += 1
                    break
                holding[task] = [(index, gpu, size) for gpu in fitting]
                for gpu in fitting:
                    free[index][gpu] -= size
                account.move(cgroup, size * wanted)
                account.count["charge"] += 1
                break
        else:
            unplaced += 1
    return account.report(cgroups, account.count["charge"], unplaced)


def usage(file):
    account = Account()
    held = collections.defaultdict(int)
    for sample in rows(file):
        size, container = whole(sample["used_bytes"]), sample["container"]
        before = held[container]
        if size == before:
            continue
        verb = "charge" if before == 0 else "uncharge" if size == 0 else "resize"
        account.count[verb] += 1
        account.move("/genai", size - before)
        held[container] = size
    return account.report({"/genai"})


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--openb-nodes")
    parser.add_argument("--openb-pods")
    parser.add_argument("--take-nodes", type=int)
    parser.add_argument("--usage")
    flags = parser.parse_args()
    if flags.usage:
        numbers = usage(flags.usage)
    else:
        numbers = openb(flags.openb_nodes, flags.openb_pods, flags.take_nodes)
    print(json.dumps(numbers, indent=2))


if __name__ == "__main__":
    main()
