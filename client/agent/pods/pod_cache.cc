// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/pods/pod_cache.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/agent/pods/pod_json.h"

namespace dmem::client {
namespace {

constexpr int kGone = 410;

absl::Status WatchError(const nlohmann::json& object) {
  const auto code = object.is_object() ? object.find("code") : object.end();
  const std::string why = absl::StrCat("the watch ends: ", TextAt(object, {"reason"}), ": ",
                                       TextAt(object, {"message"}));
  const bool is_gone = object.is_object() && code != object.end() && code->is_number_integer() &&
                       code->get<int64_t>() == kGone;
  return is_gone ? absl::OutOfRangeError(why) : absl::UnavailableError(why);
}

}  // namespace

absl::StatusOr<std::string> PodCache::AddPage(absl::string_view text, bool is_first) {
  const absl::StatusOr<nlohmann::json> list = ParseJson(text);
  if (!list.ok()) return list.status();
  absl::StatusOr<std::vector<Pod>> pods = PodsOfJson(*list);
  if (!pods.ok()) return pods.status();
  std::string version = TextAt(*list, {"metadata", "resourceVersion"});
  if (version.empty()) return absl::InvalidArgumentError("the list has no resourceVersion");
  if (is_first) listed_.clear();
  for (Pod& pod : *pods) listed_[pod.uid] = std::move(pod);
  std::string next = TextAt(*list, {"metadata", "continue"});
  if (next.empty()) {
    pods_ = std::move(listed_);
    listed_.clear();
    resource_version_ = std::move(version);
  }
  return next;
}

absl::Status PodCache::ApplyEvent(absl::string_view line) {
  const absl::StatusOr<nlohmann::json> event = ParseJson(line);
  if (!event.ok()) return event.status();
  const std::string type = TextAt(*event, {"type"});
  const bool has_object = event->is_object() && event->contains("object");
  if (!has_object) return absl::InvalidArgumentError("the event has no object");
  const nlohmann::json& object = event->at("object");
  if (type == "ERROR") return WatchError(object);
  std::string version = TextAt(object, {"metadata", "resourceVersion"});
  if (version.empty()) return absl::InvalidArgumentError("the event has no resourceVersion");
  if (type != "BOOKMARK") {
    absl::StatusOr<Pod> pod = PodOfJson(object);
    if (!pod.ok()) return pod.status();
    if (type == "DELETED") {
      pods_.erase(pod->uid);
    } else if (type == "ADDED" || type == "MODIFIED") {
      const std::string uid = pod->uid;
      pods_[uid] = *std::move(pod);
    } else {
      return absl::InvalidArgumentError(absl::StrCat("the event's type is \"", type, "\""));
    }
  }
  resource_version_ = std::move(version);
  return absl::OkStatus();
}

std::vector<Pod> PodCache::pods() const {
  std::vector<Pod> pods;
  pods.reserve(pods_.size());
  for (const auto& [uid, pod] : pods_) pods.push_back(pod);
  return pods;
}

}  // namespace dmem::client
