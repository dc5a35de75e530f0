// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/pods/file_pod_source.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/agent/config/about_key.h"
#include "client/agent/pods/pod_json.h"
#include "client/agent/read_file.h"

namespace dmem::client {
namespace {

constexpr size_t kMaxFileBytes = size_t{16} * 1024 * 1024;

absl::StatusOr<std::vector<Pod>> PodsOfText(absl::string_view text) {
  const absl::StatusOr<nlohmann::json> parsed = ParseJson(text);
  if (!parsed.ok()) return parsed.status();
  return PodsOfJson(*parsed);
}

class FilePodSource : public PodSource {
 public:
  FilePodSource(const std::string& path, absl::string_view node, std::function<absl::Time()> now)
      : path_(path), node_(node), now_(std::move(now)) {}

  absl::string_view name() const override { return "file"; }

  PodSnapshot List() override {
    const absl::Time asked = now_();
    last_.status = Read();
    if (last_.status.ok()) last_.as_of = asked;
    return last_;
  }

 private:
  absl::Status Read() {
    absl::StatusOr<std::string> text = ReadSmallFile(path_, kMaxFileBytes);
    if (!text.ok()) return AboutKey("pods.file", path_, text.status());
    // The text is compared, not the file's times: they are too coarse to see each change.
    if (is_read_ && *text == text_) return absl::OkStatus();
    absl::StatusOr<std::vector<Pod>> pods = PodsOfText(*text);
    if (!pods.ok()) {
      return absl::Status(pods.status().code(), absl::StrCat(path_, ": ", pods.status().message()));
    }
    pods->erase(
        std::remove_if(pods->begin(), pods->end(),
                       [this](const Pod& pod) { return !pod.node.empty() && pod.node != node_; }),
        pods->end());
    SortPods(*pods);
    last_.pods = *std::move(pods);
    text_ = *std::move(text);
    is_read_ = true;
    return absl::OkStatus();
  }

  const std::string path_;
  const std::string node_;
  const std::function<absl::Time()> now_;
  bool is_read_ = false;
  std::string text_;  // That `last_` was read from.
  PodSnapshot last_;
};

}  // namespace

std::unique_ptr<PodSource> MakeFilePodSource(const std::string& path, absl::string_view node,
                                             std::function<absl::Time()> now) {
  return std::make_unique<FilePodSource>(path, node, std::move(now));
}

}  // namespace dmem::client
