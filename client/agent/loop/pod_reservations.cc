// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/loop/pod_reservations.h"

#include <iterator>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/agent/books/pod_annotations.h"
#include "client/agent/read_file.h"
#include "client/agent/write_file.h"

namespace dmem::client {
namespace {

constexpr char kHeader[] = "dmem-agent reservations 1";
constexpr size_t kFileBytesMax = size_t{64} << 20;

std::set<std::string> UidsOf(const std::vector<SeenPod>& pods) {
  std::set<std::string> uids;
  for (const SeenPod& seen : pods) uids.insert(seen.pod.cgroup_uid);
  return uids;
}

}  // namespace

PodReservations::PodReservations(const std::string& state_dir)
    : file_(absl::StrCat(state_dir, "/reservations")), status_(Read()) {}

void PodReservations::Remember(const std::vector<SeenPod>& pods) {
  bool is_new = !status_.ok();
  for (const SeenPod& seen : pods) {
    const auto named = seen.pod.annotations.find(kChargeAnnotation);
    if (named == seen.pod.annotations.end() || seen.pod.cgroup_uid.empty()) continue;
    std::string& id = ids_[seen.pod.cgroup_uid];
    if (id == named->second) continue;
    id = named->second;
    is_new = true;
  }
  if (is_new) Keep();
}

std::set<std::string> PodReservations::IdsOfOthers(const std::vector<SeenPod>& pods) const {
  const std::set<std::string> uids = UidsOf(pods);
  std::set<std::string> ids;
  for (const auto& [uid, id] : ids_) {
    if (uids.count(uid) == 0) ids.insert(id);
  }
  return ids;
}

void PodReservations::Forget(const std::vector<SeenPod>& pods,
                             const std::set<std::string>& charged) {
  const std::set<std::string> uids = UidsOf(pods);
  std::set<std::string> named;
  const size_t before = ids_.size();
  for (auto it = ids_.begin(); it != ids_.end();) {
    const bool is_needed = uids.count(it->first) > 0 || charged.count(it->second) > 0;
    if (is_needed) named.insert(it->second);
    it = is_needed ? std::next(it) : ids_.erase(it);
  }
  for (auto it = ended_ids_.begin(); it != ended_ids_.end();)
    it = named.count(it->first) > 0 ? std::next(it) : ended_ids_.erase(it);
  if (ids_.size() != before) Keep();
}

// A header; then a line for each pod: its uid and the charge's id, both escaped, and a tab between.
absl::Status PodReservations::Read() {
  const absl::StatusOr<std::string> text = ReadSmallFile(file_, kFileBytesMax);
  if (absl::IsNotFound(text.status())) return absl::OkStatus();
  if (!text.ok()) return text.status();
  std::vector<std::string> lines = absl::StrSplit(*text, '\n');
  if (lines.front() != kHeader || !lines.back().empty()) {
    return absl::DataLossError(absl::StrCat(file_, " is not whole: not used"));
  }
  for (auto line = lines.begin() + 1; line != lines.end() - 1; ++line) {
    const std::pair<std::string, std::string> words = absl::StrSplit(*line, '\t');
    std::string uid, id;
    if (absl::CUnescape(words.first, &uid) && absl::CUnescape(words.second, &id) && !id.empty())
      ids_[uid] = id;
  }
  return absl::OkStatus();
}

void PodReservations::Keep() {
  std::string text = absl::StrCat(kHeader, "\n");
  for (const auto& [uid, id] : ids_)
    absl::StrAppend(&text, absl::CEscape(uid), "\t", absl::CEscape(id), "\n");
  status_ = WriteWholeFile(file_, text);
}

}  // namespace dmem::client
