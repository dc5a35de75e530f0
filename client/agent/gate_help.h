// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_GATE_HELP_H_
#define DMEMD_CLIENT_AGENT_GATE_HELP_H_

namespace dmem::client {

// Of a pod that waits at the gate, as it is in docs/agent.md: valid YAML for Kubernetes.
inline constexpr char kGatedPod[] = R"yaml(apiVersion: v1
kind: Pod
metadata:
  name: train
  annotations:
    dmemd/limit: 40Gi
spec:
  initContainers:
    - name: wait-for-device-memory
      image: registry.example/dmem-agent:latest    # any image with dmem-agent in it
      command: [dmem-agent, gate, $(POD_UID), --dir, /gate, --timeout, "600"]
      env:
        - name: POD_UID
          valueFrom:
            fieldRef:
              fieldPath: metadata.uid
      volumeMounts:
        - name: gate
          mountPath: /gate
          readOnly: true
  containers:
    - name: main
      image: registry.example/train:latest
      resources:
        limits:
          nvidia.com/gpu: 1
  volumes:
    - name: gate
      hostPath:
        path: /run/dmem-agent/gate    # gate_dir of the agent's configuration
        type: Directory
)yaml";

// What stands under `dmem-agent gate --help`, before that.
inline constexpr char kGateFooter[] =
    "Waits for the file DIR/UID, which the agent of this node makes once all device memory of the\n"
    "pod is charged; at once for a pod without devices and, with when_unreachable: allow, once\n"
    "no dmemd has answered for unreachable_grace. DIR may be mounted read-only. It waits just so\n"
    "if DIR is not there.\n"
    "\n"
    "Exit codes: 0 the pod may start, 1 not in time, 2 usage. After 1 kubelet runs an init\n"
    "container again, unless the pod's restartPolicy is Never: then the pod fails.\n"
    "\n"
    "As an init container:\n"
    "\n";

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_GATE_HELP_H_
