// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_PODS_POD_JSON_H_
#define DMEMD_CLIENT_AGENT_PODS_POD_JSON_H_

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/agent/pods/pod.h"

namespace dmem::client {

// Kubernetes' objects, as its API and kubectl write them. What has another type than it should is
// as if it were not there, unless it is named below. None of these throws.

// kubelet's mark on the copy of a static pod in the API: what the pod that really runs is called
// by.
inline constexpr char kMirrorAnnotation[] = "kubernetes.io/config.mirror";

// A v1.Pod. INVALID_ARGUMENT, with why: it is no object, or has no metadata.namespace, name or uid.
absl::StatusOr<Pod> PodOfJson(const nlohmann::json& object);

// The text of a member, through maps: {"metadata", "name"}. Empty where it is not there, or no
// text.
std::string TextAt(const nlohmann::json& object, const std::vector<std::string>& path);

// Parses JSON. INVALID_ARGUMENT: it is none.
absl::StatusOr<nlohmann::json> ParseJson(absl::string_view text);

// All pods of a v1.PodList or v1.List, or of a plain list. INVALID_ARGUMENT, with why: there is no
// list in it, or one of them is as for PodOfJson.
absl::StatusOr<std::vector<Pod>> PodsOfJson(const nlohmann::json& list);

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_PODS_POD_JSON_H_
