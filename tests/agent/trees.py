# Copyright 2026 The dmemd Authors
# SPDX-License-Identifier: Apache-2.0
"""Nodes of several GPUs that are made of files: what pods hold is changed, and agents look."""

import dataclasses
import json
import os
import shutil

from node import GIB, AgentProcess, write

CAPACITY = 48 * GIB
SLICES = ("kubepods.slice", "kubepods-burstable.slice")


@dataclasses.dataclass
class Pod:
    uid: str
    namespace: str
    gpu: int
    labels: dict
    annotations: dict
    is_given_gpu: bool  # By kubelet; otherwise nothing but its usage says that it has one.
    used_bytes: int = 0


class Tree(AgentProcess):
    """What both kinds of node have in common."""

    def __init__(self, directory, name, server, binary, gpus, **config):
        super().__init__(os.path.join(directory, name), binary)
        self.name = name
        self.gpus = range(gpus)
        self._pods = {}  # Those that the cluster knows of, by uid.
        for made in ("cgroup", "state"):
            os.makedirs(self._path(made))
        write(self._path("proc", "stat"), "cpu 0 0\nbtime 1700000000\n")
        self._write_pods()
        self.config = {
            "node_name": name,
            "servers": [server.address],
            "cgroup_root": self._path("cgroup"),
            "proc_root": self._path("proc"),
            "state_dir": self._path("state"),
            "http": "127.0.0.1:0",
            "pods": {"pod_resources": {"enabled": False}, "file": self._path("pods.json")},
            "measure_interval": "200ms",
            "reconcile_interval": "1s",
            "report_interval": "1s",
            **config,
        }

    @property
    def directory(self):
        return self._directory

    def region(self, gpu):
        return f"{self.name}/{self.local_region(gpu)}"

    def add(self, pod):
        self._pods[pod.uid] = pod
        self._write_pods()
        self._begin(pod)

    def lose_reservations(self):
        """The agent's file of whose they are, if there is one. It does not run."""
        assert not self.is_running()
        path = self._path("state", "reservations")
        if os.path.exists(path):
            os.remove(path)

    def describe(self, pod):
        """Its labels or annotations have changed."""
        assert pod.uid in self._pods
        self._write_pods()

    def forget(self, pod):
        """The cluster knows nothing of it any more; what it holds it holds."""
        del self._pods[pod.uid]
        self._write_pods()

    def use(self, pod, used_bytes):
        pod.used_bytes = used_bytes
        self._use(pod)

    def end(self, pod):
        """Nothing of it runs any more."""
        pod.used_bytes = 0
        self._end(pod)

    def pods(self):
        return list(self._pods.values())

    def _write_pods(self):
        write(self._path("pods.json"), json.dumps([{
            "metadata": {"uid": pod.uid, "namespace": pod.namespace, "name": f"pod-{pod.uid}",
                         "labels": pod.labels, "annotations": pod.annotations},
            "spec": {"nodeName": self.name, "containers": [{"name": "main"}]},
            "status": {"phase": "Running", "qosClass": "Burstable", "containerStatuses": [{
                "name": "main", "allocatedResourcesStatus": [
                    {"name": "example.com/gpu",
                     "resources": [{"resourceID": self.device_id(pod.gpu)}]}]
                if pod.is_given_gpu else []}]},
        } for pod in self._pods.values()]))


class DmemTree(Tree):
    """Its devices are counted by the kernel's dmem controller: a cgroup tree of plain files."""

    def __init__(self, directory, name, server, binary, gpus, **config):
        super().__init__(directory, name, server, binary, gpus, **config)
        self.config["backends"] = [{"name": "dmem", "options": {
            "sysfs_root": self._path("sys")}}]
        self._holders = {}  # Pods that hold memory, by uid; the cluster may know nothing of some.
        self.make_cgroup("")
        write(self._path("cgroup", "dmem.capacity"),
              "".join(f"{self.local_region(gpu)} {CAPACITY}\n" for gpu in self.gpus))
        for depth in range(1, len(SLICES) + 1):
            self.make_cgroup(os.path.join(*SLICES[:depth]))

    def local_region(self, gpu):
        return f"drm/{self.device_id(gpu)}/vram0"

    def device_id(self, gpu):
        return f"0000:{gpu + 1:02x}:00.0"

    def cgroup_of(self, pod):
        return os.path.join(*SLICES, f"kubepods-burstable-pod{pod.uid.replace('-', '_')}.slice")

    def make_cgroup(self, cgroup):
        """One in which nothing is used."""
        path = self._path("cgroup", cgroup)
        write(os.path.join(path, "cgroup.subtree_control"), "dmem\n")
        for file, value in (("low", 0), ("max", "max")):
            write(os.path.join(path, f"dmem.{file}"),
                  "".join(f"{self.local_region(gpu)} {value}\n" for gpu in self.gpus))
        self._write_current(cgroup, lambda gpu: 0)

    def write_limit(self, cgroup, file, gpu, value):
        """As somebody else on the node may do."""
        path = self._path("cgroup", cgroup, f"dmem.{file}")
        with open(path, encoding="ascii") as old:
            lines = old.read().splitlines()
        region = self.local_region(gpu)
        write(path, "".join(f"{region} {value}\n" if line.startswith(f"{region} ") else f"{line}\n"
                            for line in lines))

    def _write_current(self, cgroup, used_of):
        write(self._path("cgroup", cgroup, "dmem.current"),
              "".join(f"{self.local_region(gpu)} {used_of(gpu)}\n" for gpu in self.gpus))

    def _begin(self, pod):
        self._holders[pod.uid] = pod
        self.make_cgroup(self.cgroup_of(pod))

    def _use(self, pod):
        # As in the kernel, what is used below is used in each cgroup above.
        self._write_current(self.cgroup_of(pod),
                            lambda gpu: pod.used_bytes if gpu == pod.gpu else 0)
        for depth in range(len(SLICES), -1, -1):
            self._write_current(os.path.join("", *SLICES[:depth]), lambda gpu: sum(
                each.used_bytes for each in self._holders.values() if each.gpu == gpu))

    def _end(self, pod):
        self._use(pod)
        del self._holders[pod.uid]
        shutil.rmtree(self._path("cgroup", self.cgroup_of(pod)))


class ProcessTree(Tree):
    """Its device software lists processes: the fake backend's files, and a tree like /proc."""

    RESERVED = GIB // 2

    def __init__(self, directory, name, server, binary, gpus, **config):
        super().__init__(directory, name, server, binary, gpus, **config)
        self.config["backends"] = [{"name": "fake", "options": {"directory": self._directory}}]
        self._pids = {}  # Of pods that run, by uid; the cluster may know nothing of some.
        self._last_pid = 1000
        os.makedirs(self._path("usage"))
        for gpu in self.gpus:
            write(self._path("devices", f"gpu{gpu}.json"), json.dumps({
                "region": self.local_region(gpu), "capacity_bytes": CAPACITY,
                "reserved_bytes": self.RESERVED, "device_ids": [self.device_id(gpu)],
                "token": "1"}))

    def local_region(self, gpu):
        return f"gpu{gpu}"

    def device_id(self, gpu):
        return f"{self.name}-GPU-{gpu}"

    def _begin(self, pod):
        self._last_pid += 1
        self._pids[pod.uid] = self._last_pid
        path = "/".join(("", *SLICES,
                         f"kubepods-burstable-pod{pod.uid.replace('-', '_')}.slice",
                         f"cri-containerd-{self._last_pid:064x}.scope"))
        write(self._path("proc", str(self._last_pid), "cgroup"), f"0::{path}\n")

    def _use(self, pod):
        write(self._path("usage", f"{pod.uid}.json"), json.dumps({"processes": [
            {"pid": self._pids[pod.uid], "region": self.local_region(pod.gpu),
             "used_bytes": pod.used_bytes}]}))

    def _end(self, pod):
        os.remove(self._path("usage", f"{pod.uid}.json"))
        shutil.rmtree(self._path("proc", str(self._pids.pop(pod.uid))))
