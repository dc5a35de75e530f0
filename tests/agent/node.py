# Copyright 2026 The dmemd Authors
# SPDX-License-Identifier: Apache-2.0
"""A dmemd, and nodes that are made of files, each with a dmem-agent."""

import json
import os
import re
import signal
import subprocess
import time
import urllib.request

from dmemd_process import SECONDS_MAX, DmemdProcess, await_stop, eventually, spawn

AGENT = os.path.join("client", "dmem-agent")
DMEMCTL = os.path.join("client", "dmemctl")
GIB = 1 << 30


def write(path, text):
    """Replaces a file at once, as programs that are read from do."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(path + ".new", path)


class Server(DmemdProcess):
    """A dmemd, and what its operators ask of it."""

    def __init__(self, directory, *flags):
        super().__init__(directory, "--store=rocksdb", *flags)

    def dmemctl(self, *arguments):
        done = subprocess.run([DMEMCTL, f"--server={self.address}", *arguments],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=SECONDS_MAX, check=False)
        if done.returncode != 0:
            raise AssertionError(f"dmemctl {' '.join(arguments)}: {done.stderr}")
        return done.stdout

    def charges(self):
        """Live charges, by id."""
        listed = json.loads(self.dmemctl("get", "charges", "-o", "json"))
        return {charge["charge_id"]: charge for charge in listed.get("charges", [])}

    def check(self):
        self.dmemctl("check")


class AgentProcess:
    """A dmem-agent whose files are in a directory; `config` is its configuration."""

    def __init__(self, directory, binary=AGENT):
        self._directory = directory
        self._binary = binary
        self._process = None
        self.config = {}

    def _path(self, *names):
        return os.path.join(self._directory, *names)

    def start(self):
        path = self._path("agent.yaml")
        write(path, json.dumps(self.config))  # JSON is YAML.
        with open(self._path("agent.log"), "ab") as log:
            self._process = spawn([self._binary, f"--config={path}"], stdout=log, stderr=log)

    def is_running(self):
        return self._process is not None and self._process.poll() is None

    def kill(self):
        self._process.kill()
        self._process.wait()

    def pause(self):
        """Until go_on(), nothing is heard of it."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self._process.send_signal(signal.SIGCONT)

    def stop(self):
        stop_all([self])

    def ask_to_stop(self):
        self.go_on()
        self._process.send_signal(signal.SIGTERM)

    def await_stop(self):
        code = await_stop(self._process, "dmem-agent")
        if code != 0:
            raise AssertionError(f"dmem-agent exited with {code}: {self.log()}")

    def log(self):
        with open(self._path("agent.log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def http_get(self, path):
        ports = re.findall(r"metrics on port (\d+)", self.log())
        with urllib.request.urlopen(f"http://127.0.0.1:{ports[-1]}{path}",
                                    timeout=SECONDS_MAX) as answer:
            return answer.read().decode()

    def metrics(self):
        """{name or name{labels}: value}. Of the process that runs now, once it serves them."""
        lines = self.http_get("/metrics").splitlines()
        return {name: float(value) for name, value in
                (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}

    def listed_since(self, since):
        """When it saw the last complete list that it has told, if that was after `since`."""
        try:
            seen = self.metrics()["dmem_agent_reconciled_timestamp_seconds"]
        except (OSError, IndexError):
            return None  # It has just been started.
        return seen if seen > since else None

    def await_lists(self, lists):
        """Until it has told so many complete lists, all of what is there now."""
        since = time.time()
        for _ in range(lists):
            since = eventually(lambda: self.listed_since(since),
                               lambda: f"there is a list after {since}: {self.log()[-2000:]}")


def await_passes(agents):
    """Until each has looked, from beginning to end, at what is there now."""
    before = [(agent, agent.metrics()["dmem_agent_passes_total"]) for agent in agents]
    for agent, passes in before:
        eventually(lambda: agent.metrics()["dmem_agent_passes_total"] >= passes + 2,
                   lambda: f"the agent goes on: {agent.log()[-2000:]}")


def stop_all(agents):
    """Those that run; all at once, since each may take a while."""
    running = [agent for agent in agents if agent.is_running()]
    for agent in running:
        agent.ask_to_stop()
    failures = []
    for agent in running:
        try:
            agent.await_stop()
        except AssertionError as failure:
            failures.append(str(failure))
    if failures:
        raise AssertionError("; ".join(failures))


class Node(AgentProcess):
    """A node of the fake backend: one device, pods in a file, processes in a tree like /proc."""

    def __init__(self, directory, name, server, **config):
        super().__init__(os.path.join(directory, name))
        self.name = name
        self.gate = os.path.join(self._directory, "gate")
        self.cgroups = os.path.join(self._directory, "cgroup")
        for made in (self.gate, self.cgroups, self._path("devices"), self._path("state")):
            os.makedirs(made)
        self._pods = {}
        self._processes = {}
        self.boot(1_700_000_000)
        self.write_device({})
        self._write_usage()
        self._write_pods()
        self.config = {
            "node_name": name,
            "servers": [server.address],
            "cgroup_root": self.cgroups,
            "proc_root": self._path("proc"),
            "state_dir": self._path("state"),
            "gate_dir": self.gate,
            "http": "127.0.0.1:0",
            "backends": [{"name": "fake", "options": {"directory": self._directory}}],
            "pods": {"pod_resources": {"enabled": False}, "file": self._path("pods.json")},
            "measure_interval": "100ms",
            "reconcile_interval": "1s",
            "report_interval": "1s",
        }
        self.config.update(config)

    def boot(self, seconds):
        write(self._path("proc", "stat"), f"cpu 0 0\nbtime {seconds}\n")

    def write_device(self, fields):
        device = {"region": "gpu0", "capacity_bytes": 48 * GIB, "reserved_bytes": GIB,
                  "device_ids": ["GPU-a"], "token": "1"}
        device.update(fields)
        write(self._path("devices", "gpu0.json"), json.dumps(device))

    # What runs.

    def add_pod(self, uid, phase="Running", annotations=None, devices=("GPU-a",)):
        self.add_pods([uid], phase, annotations, devices)

    def add_pods(self, uids, phase="Running", annotations=None, devices=("GPU-a",)):
        for uid in uids:
            self._pods[uid] = {
                "metadata": {"uid": uid, "namespace": "ml", "name": f"pod-{uid}",
                             "annotations": annotations or {}},
                "spec": {"nodeName": self.name, "containers": [{"name": "main"}]},
                "status": {"phase": phase, "qosClass": "Burstable", "containerStatuses": [{
                    "name": "main", "allocatedResourcesStatus": [
                        {"name": "example.com/gpu",
                         "resources": [{"resourceID": device} for device in devices]}]}]},
            }
        self._write_pods()

    def delete_pod(self, uid):
        """By force: its processes live on."""
        self.delete_pods([uid])

    def delete_pods(self, uids):
        for uid in uids:
            del self._pods[uid]
        self._write_pods()

    def _write_pods(self):
        write(self._path("pods.json"), json.dumps(list(self._pods.values())))

    def add_process(self, pid, uid, used_bytes):
        path = f"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{uid}.slice" \
               f"/cri-containerd-{pid:064x}.scope"
        write(self._path("proc", str(pid), "cgroup"), f"0::{path}\n")
        self._processes[pid] = used_bytes
        self._write_usage()

    def end_process(self, pid):
        del self._processes[pid]
        self._write_usage()

    def _write_usage(self):
        write(self._path("usage", "all.json"), json.dumps({"processes": [
            {"pid": pid, "region": "gpu0", "used_bytes": used}
            for pid, used in self._processes.items()]}))

    def may_start(self, uid):
        return os.path.exists(os.path.join(self.gate, uid))

    def dry_run(self):
        path = self._path("agent.yaml")
        write(path, json.dumps(self.config))
        return subprocess.run([AGENT, f"--config={path}", "--dry-run"], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=SECONDS_MAX,
                              check=True).stdout
