// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/device_backend.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace dmem::client {
namespace {

constexpr size_t kMaxCgroupBytes = 4000;  // The kernel's PATH_MAX, less the cgroup root's.
constexpr size_t kMaxRegionBytes = 200;   // Of dmemd's 255, less the node's name.

}  // namespace

absl::string_view CapabilityName(Capability capability) {
  switch (capability) {
    case Capability::kBlind:
      return "BLIND";
    case Capability::kWatching:
      return "WATCHING";
    case Capability::kEnforcing:
      return "ENFORCING";
  }
  return "";
}

absl::string_view LimitOutcomeName(LimitOutcome outcome) {
  switch (outcome) {
    case LimitOutcome::kStands:
      return "stands";
    case LimitOutcome::kWritten:
      return "written";
    case LimitOutcome::kDrifted:
      return "drifted";
    case LimitOutcome::kForeign:
      return "foreign";
    case LimitOutcome::kUnsupported:
      return "unsupported";
    case LimitOutcome::kGone:
      return "gone";
    case LimitOutcome::kFailed:
      return "failed";
  }
  return "";
}

Capability CapabilityOf(const std::vector<Device>& devices) {
  bool any = false;
  Capability least = Capability::kEnforcing;
  for (const Device& device : devices) {
    if (device.failed) continue;
    any = true;
    least = std::min(least, device.capability);
  }
  return any ? least : Capability::kBlind;
}

absl::Status CheckCgroupPath(absl::string_view cgroup) {
  const auto bad = [cgroup](absl::string_view why) {
    return absl::InvalidArgumentError(
        absl::StrCat("cgroup \"", absl::CHexEscape(cgroup.substr(0, 200)), "\" ", why));
  };
  if (cgroup.empty() || cgroup.front() != '/') return bad("is no absolute path");
  if (cgroup.size() > kMaxCgroupBytes) {
    return bad(absl::StrCat("has ", cgroup.size(), " bytes, more than ", kMaxCgroupBytes));
  }
  if (cgroup == "/") return absl::OkStatus();
  for (const absl::string_view component : absl::StrSplit(cgroup.substr(1), '/')) {
    if (component.empty()) return bad("has an empty component");
    if (component == "." || component == "..") return bad("has a component . or ..");
    if (component.find('\0') != absl::string_view::npos) return bad("has a zero byte");
  }
  return absl::OkStatus();
}

absl::Status CheckDeviceRegion(absl::string_view region) {
  const bool fits = !region.empty() && region.size() <= kMaxRegionBytes &&
                    std::all_of(region.begin(), region.end(),
                                [](char c) { return c > ' ' && c <= '~' && c != '@'; });
  if (fits) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("region \"", absl::CHexEscape(region.substr(0, 300)), "\" is not 1 to ",
                   kMaxRegionBytes, " printable ASCII bytes without white space and @"));
}

}  // namespace dmem::client
