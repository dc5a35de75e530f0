// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// GetPool, EvictValuable and ReadFile: numbers of pools.

#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "core/errors.h"
#include "core/limit_text.h"
#include "core/protection.h"
#include "core/views.h"
#include "server/cgroup_path.h"
#include "server/convert.h"
#include "server/errors.h"
#include "server/read.h"

namespace dmem::server {

namespace {

// With room in the message for what is around it.
constexpr size_t kTextBytesMax = (4 << 20) - 4096;

v1::EvictValuableResponse::Decision DecisionOf(EvictDecision decision) {
  switch (decision) {
    case EvictDecision::kMayEvict:
      return v1::EvictValuableResponse::MAY_EVICT;
    case EvictDecision::kProtectedByLow:
      return v1::EvictValuableResponse::PROTECTED_BY_LOW;
    case EvictDecision::kProtectedByMin:
      return v1::EvictValuableResponse::PROTECTED_BY_MIN;
    case EvictDecision::kOutside:
      return v1::EvictValuableResponse::OUTSIDE;
  }
  return v1::EvictValuableResponse::DECISION_UNSPECIFIED;
}

}  // namespace

absl::Status Read(const State& state, int64_t time_us, const v1::GetPoolRequest& request,
                  v1::GetPoolResponse* response) {
  const Index region = state.FindRegion(request.region());
  if (region == kNone) return RegionNotFound(request.region());
  const Index cgroup = state.FindCgroup(request.cgroup());
  if (cgroup == kNone && absl::StartsWith(request.cgroup(), "@")) {
    return CgroupNotFound(request.cgroup());
  }
  const std::string& relative_to = request.relative_to().empty() ? "/" : request.relative_to();
  const Index limit = state.FindCgroup(relative_to);
  if (limit == kNone) return CgroupNotFound(relative_to);
  const bool is_below = cgroup == kNone ? IsPathAtOrBelow(request.cgroup(), state.CgroupPath(limit))
                                        : cgroup == limit || state.IsBelow(cgroup, limit);
  if (!is_below) return NotBelow(request.cgroup(), relative_to);
  const Index pool = cgroup == kNone ? kNone : state.FindPool(cgroup, region);
  ToProto(pool != kNone ? ViewPool(state, pool, limit, time_us)
                        : DefaultPoolView(state, request.cgroup(), cgroup, region),
          response->mutable_pool());
  response->set_sequence(state.scalars.sequence);
  return absl::OkStatus();
}

absl::Status Read(const State& state, int64_t, const v1::EvictValuableRequest& request,
                  v1::EvictValuableResponse* response) {
  const Index region = state.FindRegion(request.region());
  if (region == kNone) return RegionNotFound(request.region());
  Index limit = kNone;
  if (!request.limit_cgroup().empty()) {
    limit = state.FindCgroup(request.limit_cgroup());
    if (limit == kNone) return CgroupNotFound(request.limit_cgroup());
  }
  const Index cgroup = state.FindCgroup(request.cgroup());
  if (cgroup == kNone) return CgroupNotFound(request.cgroup());
  const EvictAnswer answer = EvictValuable(state, limit, cgroup, region, request.ignore_low());
  response->set_decision(DecisionOf(answer.decision));
  response->set_usage_bytes(answer.usage.value());
  response->set_emin_bytes(answer.protection.emin.value());
  response->set_elow_bytes(answer.protection.elow.value());
  response->set_sequence(state.scalars.sequence);
  return absl::OkStatus();
}

absl::Status Read(const State& state, int64_t, const v1::ReadFileRequest& request,
                  v1::ReadFileResponse* response) {
  const Index cgroup = state.FindCgroup(request.cgroup());
  if (cgroup == kNone) return CgroupNotFound(request.cgroup());
  absl::StatusOr<std::string> text = ReadLimitFile(state, cgroup, request.file(), kTextBytesMax);
  if (!text.ok()) return text.status();
  response->set_text(*std::move(text));
  response->set_sequence(state.scalars.sequence);
  return absl::OkStatus();
}

}  // namespace dmem::server
