// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/pods/pod_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"

namespace dmem::client {
namespace {

using nlohmann::json;

constexpr char kClaimPrefix[] = "claim:";

// A null value where there is no such member.
const json& MemberOf(const json& object, const std::string& key) {
  static const json* const kNothing = new json();
  if (!object.is_object()) return *kNothing;
  const auto it = object.find(key);
  return it == object.end() ? *kNothing : *it;
}

std::map<std::string, std::string> TextsOf(const json& object) {
  std::map<std::string, std::string> texts;
  if (!object.is_object()) return texts;
  for (const auto& [key, value] : object.items()) {
    if (value.is_string()) texts[key] = value.get<std::string>();
  }
  return texts;
}

PodContainer& ContainerOf(const std::string& name, Pod& pod) {
  const auto it = std::find_if(pod.containers.begin(), pod.containers.end(),
                               [&name](const auto& container) { return container.name == name; });
  if (it != pod.containers.end()) return *it;
  pod.containers.push_back({name, "", {}});
  return pod.containers.back();
}

// status.containerStatuses[].allocatedResourcesStatus[]: {name, resources: [{resourceID}]}, where
// the name is an extended resource, or claim:CLAIM/REQUEST with CDI devices.
void AddDevices(const json& allocated, Pod& pod, PodContainer& container) {
  pod.has_devices_known = true;
  std::string resource = TextAt(allocated, {"name"});
  std::string claim;
  if (absl::StartsWith(resource, kClaimPrefix)) {
    const std::vector<std::string> parts =
        absl::StrSplit(resource.substr(sizeof(kClaimPrefix) - 1), absl::MaxSplits('/', 1));
    claim = absl::StrCat(pod.name_space, "/", parts[0]);
    resource = "";
  }
  for (const json& each : MemberOf(allocated, "resources")) {
    std::string id = TextAt(each, {"resourceID"});
    if (!claim.empty()) id = id.substr(id.find('=') + 1);
    if (!id.empty()) container.devices.push_back({resource, {id}, claim, ""});
  }
}

}  // namespace

std::string TextAt(const json& object, const std::vector<std::string>& path) {
  const json* at = &object;
  for (const std::string& key : path) at = &MemberOf(*at, key);
  return at->is_string() ? at->get<std::string>() : "";
}

absl::StatusOr<json> ParseJson(absl::string_view text) {
  json parsed = json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (parsed.is_discarded()) {
    return absl::InvalidArgumentError(absl::StrCat("is no JSON (", text.size(), " bytes)"));
  }
  return parsed;
}

absl::StatusOr<Pod> PodOfJson(const json& object) {
  Pod pod;
  pod.is_described = true;
  pod.name_space = TextAt(object, {"metadata", "namespace"});
  pod.name = TextAt(object, {"metadata", "name"});
  pod.uid = TextAt(object, {"metadata", "uid"});
  for (const auto& [what, value] :
       {std::make_pair("namespace", &pod.name_space), std::make_pair("name", &pod.name),
        std::make_pair("uid", &pod.uid)}) {
    if (!value->empty()) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("the pod \"", pod.name_space, "/", pod.name, "\" has no metadata.", what));
  }
  const json& metadata = MemberOf(object, "metadata");
  pod.labels = TextsOf(MemberOf(metadata, "labels"));
  pod.annotations = TextsOf(MemberOf(metadata, "annotations"));
  const auto mirror = pod.annotations.find(kMirrorAnnotation);
  pod.cgroup_uid = mirror == pod.annotations.end() ? pod.uid : mirror->second;
  pod.node = TextAt(object, {"spec", "nodeName"});
  pod.phase = TextAt(object, {"status", "phase"});
  pod.qos_class = TextAt(object, {"status", "qosClass"});
  const std::string deletion = TextAt(metadata, {"deletionTimestamp"});
  pod.is_deleting = !deletion.empty();
  std::string ignored;
  if (pod.is_deleting &&
      !absl::ParseTime(absl::RFC3339_full, deletion, &pod.deletion_time, &ignored)) {
    pod.deletion_time = absl::InfiniteFuture();
  }

  const json& spec = MemberOf(object, "spec");
  for (const char* kind : {"initContainers", "containers", "ephemeralContainers"}) {
    for (const json& container : MemberOf(spec, kind)) {
      const std::string name = TextAt(container, {"name"});
      if (!name.empty()) ContainerOf(name, pod);
    }
  }
  const json& status = MemberOf(object, "status");
  for (const char* kind :
       {"initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses"}) {
    for (const json& from : MemberOf(status, kind)) {
      const std::string name = TextAt(from, {"name"});
      if (name.empty()) continue;
      PodContainer& container = ContainerOf(name, pod);
      const std::string id = TextAt(from, {"containerID"});  // RUNTIME://ID
      const size_t scheme = id.find("://");
      container.id = scheme == std::string::npos ? id : id.substr(scheme + 3);
      for (const json& allocated : MemberOf(from, "allocatedResourcesStatus")) {
        AddDevices(allocated, pod, container);
      }
    }
  }
  return pod;
}

absl::StatusOr<std::vector<Pod>> PodsOfJson(const json& list) {
  const json& items = list.is_array() ? list : MemberOf(list, "items");
  // A list without pods may be written as null.
  const bool is_empty_list = list.is_object() && list.contains("items") && items.is_null();
  if (!items.is_array() && !is_empty_list) {
    return absl::InvalidArgumentError("is no list of pods, and has none as \"items\"");
  }
  std::vector<Pod> pods;
  for (const json& item : items) {
    absl::StatusOr<Pod> pod = PodOfJson(item);
    if (!pod.ok()) return pod.status();
    pods.push_back(*std::move(pod));
  }
  return pods;
}

}  // namespace dmem::client
