// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/loop/waiting_pods.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "client/agent/books/pod_annotations.h"

namespace dmem::client {
namespace {

constexpr char kUnansweredText[] =
    "the authority does not answer, or not this node (the log of dmem-agent says why)";
constexpr char kNotAskedText[] =
    "not asked for yet (the log of dmem-agent says why), or it has no dmemd/limit and others have "
    "all that its reservation holds there";
constexpr char kNotScannedText[] =
    "the software of a device has not answered since dmem-agent started (its log says why)";
constexpr char kDevicesUnknownText[] =
    "which devices it has is not known: kubelet has not said it (the log of dmem-agent says why, "
    "if it does not answer)";

void Add(const std::string& reason, const std::string& why, WaitingPod* pod) {
  if (pod->reason.empty()) pod->reason = reason;
  absl::StrAppend(&pod->why, pod->why.empty() ? "" : "; ", why);
}

// What was asked for, or could not be.
void AddHoldings(const NodeBooks& books, const std::set<std::string>& admitted, bool is_connected,
                 const std::function<const WaitingList::Refused*(const Holding&)>& refused_of,
                 std::map<std::string, WaitingPod>* waiting) {
  using Reason = std::pair<std::string, std::string>;            // With the text.
  std::map<std::string, std::map<Reason, std::string>> regions;  // By pod and reason.
  for (const Holding& holding : books.holdings) {
    if (holding.state != HoldingState::kPending || holding.charged_bytes.has_value() ||
        admitted.count(holding.pod_uid) > 0)
      continue;
    const WaitingList::Refused* refused = refused_of(holding);
    Reason reason = {kNotAsked, kNotAskedText};
    if (!is_connected) reason = {kUnanswered, kUnansweredText};
    if (refused != nullptr) reason = {refused->reason, refused->why};
    std::string& where = regions[holding.pod_uid][reason];
    absl::StrAppend(&where, where.empty() ? "" : ", ", holding.region);
  }
  for (const auto& [uid, reasons] : regions) {
    for (const auto& [reason, where] : reasons)
      Add(reason.first, absl::StrCat(where, ": ", reason.second), &(*waiting)[uid]);
  }
}

}  // namespace

std::map<std::string, WaitingPod> WaitingPods(
    const NodeSight& sight, const NodeBooks& books, const std::set<std::string>& admitted,
    bool is_connected,
    const std::function<const WaitingList::Refused*(const Holding&)>& refused_of) {
  std::map<std::string, WaitingPod> waiting;
  AddHoldings(books, admitted, is_connected, refused_of, &waiting);
  for (const SeenPod& seen : sight.pods) {
    const Pod& pod = seen.pod;
    const bool is_pending = pod.phase == "Pending" && !pod.is_deleting;
    if (!is_pending || pod.cgroup_uid.empty() || admitted.count(pod.cgroup_uid) > 0) continue;
    WaitingPod& one = waiting[pod.cgroup_uid];
    one.pod = absl::StrCat(pod.name_space, "/", pod.name);
    if (!pod.has_devices_known) {
      Add(kDevicesUnknown, kDevicesUnknownText, &one);
    } else if (sight.has_unscanned_devices) {
      Add(kNotScanned, kNotScannedText, &one);
    } else if (one.why.empty()) {
      Add(is_connected ? kNotAsked : kUnanswered, is_connected ? kNotAskedText : kUnansweredText,
          &one);
    }
    for (const absl::Status& problem : AnnotationProblems(pod))
      absl::StrAppend(&one.why, "; ", std::string(problem.message()));
  }
  return waiting;
}

}  // namespace dmem::client
