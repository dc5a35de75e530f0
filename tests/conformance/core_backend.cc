// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/conformance/core_backend.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/errors.h"
#include "core/invariants.h"
#include "core/limit_text.h"
#include "core/names.h"
#include "core/protection.h"

namespace dmem {
namespace conformance {
namespace {

constexpr size_t kFileBytesMax = 4 << 20;

Failure FailureOf(const absl::Status& status) {
  const ErrorFacts facts = FactsOf(status);
  Failure failure;
  failure.reason = facts.reason;
  failure.facts.insert(facts.metadata.begin(), facts.metadata.end());
  failure.text = std::string(status.message());
  return failure;
}

Failure Because(const std::string& reason, const std::string& text) { return {reason, {}, text}; }

Failure InvalidField(const std::string& field, uint64_t value) {
  return Because("INVALID_FIELD", absl::StrCat(field, " of ", value));
}

Failure NoRegion(const std::string& region) {
  return Because("REGION_NOT_FOUND", absl::StrCat("no region \"", region, "\""));
}

Failure NoCgroup(const std::string& cgroup) {
  return Because("CGROUP_NOT_FOUND", absl::StrCat("no cgroup \"", cgroup, "\""));
}

Decision Translate(EvictDecision decision) {
  switch (decision) {
    case EvictDecision::kMayEvict:
      return Decision::kMayEvict;
    case EvictDecision::kProtectedByLow:
      return Decision::kProtectedByLow;
    case EvictDecision::kProtectedByMin:
      return Decision::kProtectedByMin;
    case EvictDecision::kOutside:
      break;
  }
  return Decision::kOutside;
}

}  // namespace

absl::Time CoreBackend::Tick() { return time_ += absl::Milliseconds(1); }

Reply<Nothing> CoreBackend::Register(const std::string& region, uint64_t capacity) {
  if (!ValidateRegionName(region).ok()) return Because("INVALID_FIELD", "name " + region);
  const absl::optional<ByteCount> bytes = ByteCount::FromUint64(capacity);
  if (!bytes.has_value() || bytes->is_zero()) return InvalidField("capacity_bytes", capacity);
  RegisterCommand command;
  command.time = Tick();
  command.name = region;
  command.capacity = *bytes;
  command.grantable = kUnlimited;
  const absl::Status status = ledger_.Register(command).status();
  if (!status.ok()) return FailureOf(status);
  return Nothing();
}

Reply<Nothing> CoreBackend::Unregister(const std::string& region, bool force) {
  const absl::Status status = ledger_.Unregister({Tick(), region, force}).status();
  if (!status.ok()) return FailureOf(status);
  return Nothing();
}

Reply<Nothing> CoreBackend::Charge(const std::string& charge_id, const std::string& cgroup,
                                   const std::string& region, uint64_t bytes) {
  const absl::optional<ByteCount> amount = ByteCount::FromUint64(bytes);
  if (!amount.has_value()) return InvalidField("bytes", bytes);
  const ChargeItemSpec item = {cgroup, region, *amount, absl::nullopt};
  ChargeCommand command;
  command.time = Tick();
  command.charge_id = charge_id;
  command.created_at = command.time;
  command.items = absl::MakeConstSpan(&item, 1);
  const absl::Status status = ledger_.Charge(command).status();
  if (!status.ok()) return FailureOf(status);
  return Nothing();
}

Reply<Uncharged> CoreBackend::Uncharge(const std::string& charge_id) {
  const absl::string_view id = charge_id;
  const absl::StatusOr<UnchargeResult> result =
      ledger_.Uncharge({Tick(), absl::MakeConstSpan(&id, 1)});
  if (!result.ok()) return FailureOf(result.status());
  Uncharged uncharged;
  switch (result->outcomes.front()) {
    case UnchargeOutcome::kReleased:
      uncharged.outcome = Released::kReleased;
      break;
    case UnchargeOutcome::kAlready:
      uncharged.outcome = Released::kAlready;
      break;
    case UnchargeOutcome::kNeverSeen:
      uncharged.outcome = Released::kNeverSeen;
      break;
  }
  uncharged.freed_cgroups = result->freed_cgroups;
  return uncharged;
}

Reply<Nothing> CoreBackend::SetLimit(const std::string& cgroup, const std::string& region,
                                     Limit which, uint64_t bytes) {
  const absl::optional<ByteCount> value = ByteCount::FromUint64(bytes);
  if (!value.has_value()) return InvalidField("limit", bytes);
  return SetLimit(absl::string_view(cgroup), region, which, *value);
}

Reply<Nothing> CoreBackend::SetLimit(absl::string_view cgroup, absl::string_view region,
                                     Limit which, ByteCount value) {
  if (cgroup == "/") return Because("ROOT_HAS_NO_LIMITS", "limits of \"/\"");
  LimitsUpdate update;
  update.cgroup = cgroup;
  update.region = region;
  if (which == Limit::kMin) update.min = value;
  if (which == Limit::kLow) update.low = value;
  if (which == Limit::kMax) update.max = value;
  SetLimitsCommand command;
  command.time = Tick();
  command.updates = absl::MakeConstSpan(&update, 1);
  const absl::Status status = ledger_.SetLimits(command).status();
  if (!status.ok()) return FailureOf(status);
  return Nothing();
}

Reply<uint64_t> CoreBackend::CreateCgroup(const std::string& path) {
  const absl::StatusOr<CreateCgroupResult> result =
      ledger_.CreateCgroup({Tick(), path, absl::nullopt});
  if (!result.ok()) return FailureOf(result.status());
  return ledger_.state().cgroups[result->cgroup].id;
}

Reply<Deleted> CoreBackend::DeleteCgroup(const std::string& path) {
  if (path == "/") return Because("ROOT_HAS_NO_LIMITS", "deletion of \"/\"");
  const absl::StatusOr<DeleteCgroupResult> result = ledger_.DeleteCgroup({Tick(), path});
  if (!result.ok()) return FailureOf(result.status());
  return Deleted{result->id, result->dying};
}

Reply<Decision> CoreBackend::EvictValuable(const absl::optional<std::string>& limit,
                                           const std::string& cgroup, const std::string& region,
                                           bool ignore_low) {
  const State& state = ledger_.state();
  const Index r = state.FindRegion(region);
  if (r == kNone) return NoRegion(region);
  const Index test = state.FindCgroup(cgroup);
  if (test == kNone) return NoCgroup(cgroup);
  const Index hit = limit.has_value() ? state.FindCgroup(*limit) : kNone;
  if (limit.has_value() && hit == kNone) return NoCgroup(*limit);
  return Translate(dmem::EvictValuable(state, hit, test, r, ignore_low).decision);
}

Reply<PoolNumbers> CoreBackend::GetPool(const std::string& cgroup, const std::string& region,
                                        const std::string& relative_to) {
  const State& state = ledger_.state();
  const Index r = state.FindRegion(region);
  if (r == kNone) return NoRegion(region);
  const Index c = state.FindCgroup(cgroup);
  if (c == kNone) return NoCgroup(cgroup);
  const Index limit = state.FindCgroup(relative_to);
  if (limit == kNone) return NoCgroup(relative_to);
  if (c != limit && !state.IsBelow(c, limit)) {
    return Because("NOT_BELOW", absl::StrCat("\"", cgroup, "\" is not below"));
  }
  const Index pool = state.FindPool(c, r);
  if (pool != kNone) return Numbers(pool, limit);
  PoolNumbers defaults;
  defaults.cgroup = cgroup;
  defaults.max = kUnlimited.value();
  return defaults;
}

Reply<std::vector<PoolNumbers>> CoreBackend::ListPools(const std::string& region,
                                                       const std::string& relative_to) {
  const State& state = ledger_.state();
  const Index r = state.FindRegion(region);
  if (r == kNone) return NoRegion(region);
  const Index limit = state.FindCgroup(relative_to);
  if (limit == kNone) return NoCgroup(relative_to);
  std::vector<PoolNumbers> pools;
  for (Index i = 0; i < state.pools.size(); ++i) {
    const PoolRecord& pool = state.pools[i];
    if (pool.cgroup == kNone || pool.region != r || !state.IsBelow(pool.cgroup, limit)) continue;
    pools.push_back(Numbers(i, limit));
  }
  return pools;
}

Reply<std::string> CoreBackend::ReadFile(const std::string& cgroup, const std::string& file) {
  const Index c = ledger_.state().FindCgroup(cgroup);
  if (c == kNone) return NoCgroup(cgroup);
  absl::StatusOr<std::string> text = ReadLimitFile(ledger_.state(), c, file, kFileBytesMax);
  if (!text.ok()) return FailureOf(text.status());
  return *std::move(text);
}

Reply<uint64_t> CoreBackend::WriteFile(const std::string& cgroup, const std::string& file,
                                       const std::string& text) {
  Limit which = Limit::kMax;
  if (file == "dmem.min") {
    which = Limit::kMin;
  } else if (file == "dmem.low") {
    which = Limit::kLow;
  } else if (file != "dmem.max") {
    const bool exists = file == "dmem.current" || (file == "dmem.capacity" && cgroup == "/") ||
                        (file == "dmem.peak" && cgroup != "/");
    return Because(exists ? "READ_ONLY_FILE" : "FILE_NOT_FOUND", file);
  }
  if (cgroup == "/") return Because("ROOT_HAS_NO_LIMITS", "limits of \"/\"");
  const absl::StatusOr<LimitLine> line = ParseLimitLine(text);
  if (!line.ok()) return FailureOf(line.status());
  const Reply<Nothing> set = SetLimit(absl::string_view(cgroup), line->region, which, line->value);
  if (!set.ok()) return *set.failure;
  return line->value.value();
}

Reply<Inventory> CoreBackend::List() {
  const State& state = ledger_.state();
  Inventory inventory;
  for (Index i = state.scalars.first_region; i != kNone; i = state.regions[i].next) {
    inventory.regions.push_back(state.RegionName(i));
  }
  for (Index i = 0; i < state.cgroups.size(); ++i) {
    if (state.cgroups[i].is_used && i != kRootCgroup) {
      inventory.cgroups.push_back(state.CgroupName(i));
    }
  }
  for (Index i = 0; i < state.charges.size(); ++i) {
    if (!state.charges[i].id.empty()) {
      inventory.charges.emplace_back(state.charges[i].id.view());
    }
  }
  return inventory;
}

Reply<std::vector<std::string>> CoreBackend::Audit() {
  return CheckInvariants(ledger_.state()).violations;
}

PoolNumbers CoreBackend::Numbers(Index pool, Index relative_to) const {
  const State& state = ledger_.state();
  const PageCounter& counter = state.pools[pool].counter;
  const EffectiveProtection protection = ProtectionOf(state, pool, relative_to);
  PoolNumbers numbers;
  numbers.cgroup = state.CgroupName(state.pools[pool].cgroup);
  numbers.usage = counter.usage.value();
  numbers.peak = counter.peak.value();
  numbers.min = counter.min.value();
  numbers.low = counter.low.value();
  numbers.max = counter.max.value();
  numbers.emin = protection.emin.value();
  numbers.elow = protection.elow.value();
  return numbers;
}

}  // namespace conformance
}  // namespace dmem
