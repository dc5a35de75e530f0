// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_PODS_KUBELET_POD_SOURCE_H_
#define DMEMD_CLIENT_AGENT_PODS_KUBELET_POD_SOURCE_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "client/agent/pods/pod_source.h"

namespace dmem::client {

// kubelet's PodResources service, v1, on its unix socket: for each pod its namespace, name, and the
// devices of its containers, from device plugins and from claims (DRA). Each List is a call of at
// most `timeout`. A kubelet that restarts makes its socket anew, and is found again.
//
// A snapshot's status is UNAVAILABLE while nothing answers there, UNIMPLEMENTED for a kubelet
// without the service (before 1.20), and names the socket. Pods have no uid and are not described.
std::unique_ptr<PodSource> MakeKubeletPodSource(const std::string& socket, absl::Duration timeout,
                                                std::function<absl::Time()> now);

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_PODS_KUBELET_POD_SOURCE_H_
