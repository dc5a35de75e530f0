// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/books/charge_ids.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace dmem::client {
namespace {

constexpr size_t kBaseBytesMax = 108;

std::string BaseOf(absl::string_view kind, absl::string_view who, absl::string_view region) {
  std::string base = absl::StrCat(kind, "/", who, "/", region);
  if (base.size() <= kBaseBytesMax && !absl::StrContains(base, "~")) return base;
  return absl::StrCat(kind, "/", absl::Hex(StableIdHash(who), absl::kZeroPad16), "/",
                      absl::Hex(StableIdHash(region), absl::kZeroPad16));
}

}  // namespace

// FNV-1a.
uint64_t StableIdHash(absl::string_view text) {
  uint64_t hash = 14695981039346656037u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return hash;
}

std::string PodIdBase(absl::string_view pod_uid, absl::string_view local_region) {
  return BaseOf("pod", pod_uid, local_region);
}

std::string PodIdBase(absl::string_view pod_uid) {
  std::string base = absl::StrCat("pod/", pod_uid);
  if (base.size() <= kBaseBytesMax && !absl::StrContains(base, "~")) return base;
  return absl::StrCat("pod/", absl::Hex(StableIdHash(pod_uid), absl::kZeroPad16));
}

std::string HostIdBase(absl::string_view node, absl::string_view local_region) {
  return BaseOf("host", node, local_region);
}

std::string ChargeIdAt(absl::string_view base, absl::Time now) {
  return absl::StrCat(base, "~", absl::Hex(absl::ToUnixMicros(now)));
}

}  // namespace dmem::client
