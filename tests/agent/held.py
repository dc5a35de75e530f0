# Copyright 2026 The dmemd Authors
# SPDX-License-Identifier: Apache-2.0
"""What nodes hold, summed up from their files alone, by the rules of docs/agent.md.

Shares nothing with the agent, nor with what writes the files.
"""

import glob
import json
import os
import re

UNITS = {"Mi": 1 << 20, "Gi": 1 << 30}


def read(*path):
    with open(os.path.join(*path), encoding="utf-8") as file:
        return file.read()


def tenant_of(pod):
    """As the mapping of MAPPING says."""
    labels, namespace = pod["metadata"]["labels"], pod["metadata"]["namespace"]
    if "team" in labels:
        return f"/teams/{labels['team']}/{namespace}"
    if "queue" in labels:
        return f"/kueue/{labels['queue']}"
    return f"/ns/{namespace}"


MAPPING = [{"cgroup": "/teams/{label:team}/{namespace}"}, {"cgroup": "/kueue/{label:queue}"},
           {"cgroup": "/ns/{namespace}"}]


def devices(directory):
    """{region: (bytes that can be granted, the name that kubelet has for it)}"""
    result = {}
    capacity = os.path.join(directory, "cgroup", "dmem.capacity")
    if os.path.exists(capacity):
        for line in read(capacity).splitlines():
            region, size = line.split()
            result[region] = (int(size), region.split("/")[1])
    for path in glob.glob(os.path.join(directory, "devices", "*.json")):
        device = json.loads(read(path))
        result[device["region"]] = (device["capacity_bytes"] - device["reserved_bytes"],
                                    device["device_ids"][0])
    return result


def used(directory):
    """{(pod uid, region): bytes in use}, of pods that use any."""
    result = {}
    for path in glob.glob(os.path.join(directory, "cgroup", "*", "*", "*-pod*", "dmem.current")):
        uid = re.search(r"-pod(.*)\.slice/", path)[1].replace("_", "-")
        for line in read(path).splitlines():
            region, size = line.split()
            if int(size) > 0:
                result[uid, region] = int(size)
    for path in glob.glob(os.path.join(directory, "usage", "*.json")):
        for process in json.loads(read(path))["processes"]:
            cgroup = read(directory, "proc", str(process["pid"]), "cgroup")
            key = (re.search(r"-pod(.*?)\.slice/", cgroup)[1].replace("_", "-"), process["region"])
            result[key] = result.get(key, 0) + process["used_bytes"]
    return result


def held(directory):
    """{(pod uid, tenant, region with the node): (booked bytes, measured bytes)}"""
    result = {}
    node = os.path.basename(directory)
    usage = used(directory)
    pods = {pod["metadata"]["uid"]: pod for pod in json.loads(read(directory, "pods.json"))}
    strangers = {uid for uid, _ in usage} - set(pods)
    assert not strangers, f"at a quiet point {strangers} run, and the cluster knows nothing of them"
    for uid, pod in pods.items():
        limit = pod["metadata"]["annotations"].get("dmemd/limit")
        given = {each["resourceID"]
                 for container in pod["status"]["containerStatuses"]
                 for resource in container["allocatedResourcesStatus"]
                 for each in resource["resources"]}
        for region, (grantable, device_id) in devices(directory).items():
            measured = usage.get((uid, region), 0)
            if device_id not in given and measured == 0:
                continue
            if limit is not None:
                booked = int(limit[:-2]) * UNITS[limit[-2:]]
            elif device_id in given:
                booked = grantable
            else:
                booked = measured
            result[uid, tenant_of(pod), f"{node}/{region}"] = (booked, measured)
    return result


def sums(directories, group):
    """Booked and measured of all nodes: {(cgroup, region): bytes}, each of these two.

    Booked in each tenant's cgroup and each above it, in each region and in the group of all;
    measured in the tenant's alone.
    """
    booked, measured = {}, {}
    for directory in directories:
        for (_, tenant, region), (booked_bytes, measured_bytes) in held(directory).items():
            measured[tenant, region] = measured.get((tenant, region), 0) + measured_bytes
            cgroup = tenant
            while cgroup:
                for where in (region, group):
                    booked[cgroup, where] = booked.get((cgroup, where), 0) + booked_bytes
                cgroup = "" if cgroup == "/" else cgroup.rpartition("/")[0] or "/"
    return booked, measured
