// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// What people and programs write in one word: amounts, names, page tokens, templates of cgroups.

#include <string>

#include "absl/strings/string_view.h"
#include "client/agent/mapping.h"
#include "client/cli/byte_size.h"
#include "core/names.h"
#include "server/page_token.h"
#include "tests/fuzz/fail.h"
#include "tests/fuzz/fuzz_target.h"

namespace {

void TryByteSize(absl::string_view text) {
  const absl::StatusOr<uint64_t> bytes = dmem::client::ParseByteSize(text);
  if (!bytes.ok()) return;
  const std::string exact = dmem::client::FormatExactByteSize(*bytes);
  const absl::StatusOr<uint64_t> again = dmem::client::ParseByteSize(exact);
  if (!again.ok() || *again != *bytes) dmem::fuzz::Fail("another amount: " + exact);
  (void)dmem::client::FormatByteSizeAndBytes(*bytes);
}

void TryPageToken(absl::string_view text) {
  const absl::StatusOr<uint64_t> cursor = dmem::server::ParsePageToken("charges of /a", text);
  if (!cursor.ok() || text.empty()) return;
  if (dmem::server::MakePageToken("charges of /a", *cursor) != text) {
    dmem::fuzz::Fail("two tokens for one place");
  }
}

void TryTemplate(absl::string_view text) {
  if (!dmem::client::CheckCgroupTemplate(text).ok()) return;
  dmem::client::MappingRule rule;
  rule.cgroup = std::string(text);
  dmem::client::Pod pod;
  pod.uid = "0f1e";
  pod.name_space = "ns";
  pod.name = "train-1";
  pod.is_described = true;
  pod.labels = {{"team", "a/../b"}};
  const std::string cgroup = dmem::client::MapPod({rule}, pod).cgroup;
  if (!dmem::ValidateCgroupPath(cgroup).ok()) dmem::fuzz::Fail("mapped to " + cgroup);
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  TryByteSize(text);
  TryPageToken(text);
  TryTemplate(text);
  (void)dmem::ValidateRegionRef(text);
  (void)dmem::ValidateCgroupRef(text);
  (void)dmem::ValidateChargeId(text);
  return 0;
}
