// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/crash/worker.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/error_facts.h"
#include "google/protobuf/util/message_differencer.h"
#include "tests/crash/topology.h"

namespace dmem::crash {
namespace {

using google::protobuf::util::MessageDifferencer;

constexpr size_t kRecentlySpentMax = 64;

}  // namespace

bool PoolLimits::operator==(const PoolLimits& other) const {
  return min_bytes == other.min_bytes && low_bytes == other.low_bytes &&
         max_bytes == other.max_bytes && enforcement == other.enforcement && etag == other.etag;
}

PoolLimits LimitsOf(const v1::Pool& pool) {
  return {pool.min_bytes(), pool.low_bytes(), pool.max_bytes(), pool.enforcement(), pool.etag()};
}

v1::Charge Lasting(v1::Charge charge) {
  charge.clear_expires_at();
  return charge;
}

v1::Charge Committed(v1::Charge charge) {
  charge.set_state(v1::CHARGE_STATE_HELD);
  for (v1::ChargeItem& item : *charge.mutable_items()) item.clear_reserved();
  return charge;
}

void WorkerStats::Add(const WorkerStats& more) {
  acknowledged += more.acknowledged;
  refused += more.refused;
  settled += more.settled;
}

Worker::Worker(const Options& options)
    : options_(options),
      cgroup_(WorkerCgroup(options.number)),
      id_prefix_(absl::StrCat("w", options.number, "-")),
      random_(options.seed) {}

int Worker::Below(int bound) { return std::uniform_int_distribution<int>(0, bound - 1)(random_); }

uint64_t Worker::RandomBytes() {
  if (Below(50) == 0) return 0;
  const uint64_t bound = uint64_t{1} << (20 + Below(14));  // 1 MiB to 8 GiB.
  return std::uniform_int_distribution<uint64_t>(1, bound)(random_);
}

std::string Worker::RandomCgroup() {
  const int job = Below(5);
  return job == 4 ? cgroup_ : absl::StrCat(cgroup_, "/job-", job);
}

const std::string& Worker::RandomHeld() {
  return std::next(state_.held.begin(), Below(static_cast<int>(state_.held.size())))->first;
}

std::string Worker::NewId() { return absl::StrCat(id_prefix_, next_id_++); }

bool Worker::IsOwn(absl::string_view charge_id) const {
  return absl::StartsWith(charge_id, id_prefix_);
}

void Worker::Saw(uint64_t sequence) { sequence_max_ = std::max(sequence_max_, sequence); }

bool Worker::IsAnswer(const absl::Status& status) {
  if (absl::IsDeadlineExceeded(status)) {
    violations_.Other(absl::StrCat("no answer in ", absl::FormatDuration(kAnswerTimeout)));
  }
  return status.ok() || (!client::FactsOf(status).reason.empty() && !absl::IsUnavailable(status));
}

v1::ChargeRequest Worker::NewCharge(int items) {
  v1::ChargeRequest request;
  request.set_charge_id(NewId());
  const absl::Time now = absl::Now();
  request.mutable_created_at()->set_seconds(absl::ToUnixSeconds(now));
  request.mutable_created_at()->set_nanos(
      static_cast<int32_t>(absl::ToUnixMicros(now) % 1000000 * 1000));
  request.mutable_owner()->set_kind("Pod");
  request.mutable_owner()->set_name(request.charge_id());
  if (Below(4) == 0) (*request.mutable_labels())["attempt"] = absl::StrCat(Below(10));
  if (Below(4) == 0) request.set_priority(Below(100) - 50);
  if (Below(30) == 0) request.set_mode(v1::CHARGE_MODE_FORCE);
  if (Below(5) == 0) request.mutable_ttl()->set_seconds(24 * 60 * 60);  // Longer than any test.
  std::set<PoolKey> chosen;
  while (static_cast<int>(chosen.size()) < items) {
    const std::string& region = Regions()[Below(static_cast<int>(Regions().size()))];
    const PoolKey key(RandomCgroup(), region);
    if (!chosen.insert(key).second) continue;
    v1::ChargeItem* item = request.add_items();
    item->set_cgroup(key.first);
    item->set_region(key.second);
    item->set_bytes(RandomBytes());
    if (Below(10) == 0) item->set_region_incarnation(1);
  }
  return request;
}

Worker::Call Worker::NewBatch() {
  v1::BatchChargeRequest request;
  // Some longer than one slice, so that a crash can part them.
  for (int left = Below(10) == 0 ? 500 : 1 + Below(20); left > 0; --left) {
    *request.add_charges() = NewCharge(1);
  }
  return request;
}

Worker::Call Worker::NewUncharge() {
  v1::UnchargeRequest request;
  if (Below(20) == 0) {
    request.add_charge_ids(NewId());  // Never sent: cancelled unseen.
    return request;
  }
  // Back to the bound, where batches have gone beyond it.
  const size_t surplus = state_.held.size() > options_.held_max ? 300 : 1;
  const size_t count = std::min(state_.held.size(), surplus + Below(3));
  std::set<std::string> ids;
  while (ids.size() < count) ids.insert(RandomHeld());
  for (const std::string& id : ids) request.add_charge_ids(id);
  return request;
}

Worker::Call Worker::NewResize() {
  v1::ResizeRequest request;
  std::set<std::pair<std::string, PoolKey>> chosen;
  for (int left = 1 + Below(3); left > 0; --left) {
    const v1::Charge& charge = state_.held.at(RandomHeld()).charge;
    const v1::ChargeItem& item = charge.items(Below(charge.items_size()));
    const PoolKey pool(item.cgroup(), item.region());
    if (!chosen.insert({charge.charge_id(), pool}).second) continue;
    v1::ResizeItem* resize = request.add_items();
    resize->set_charge_id(charge.charge_id());
    resize->set_cgroup(item.cgroup());
    resize->set_region(item.region());
    uint64_t bytes = RandomBytes();
    if (bytes == item.bytes()) ++bytes;  // So that it can be seen whether it was applied.
    resize->set_bytes(bytes);
    resize->set_expected_bytes(item.bytes());
  }
  return request;
}

Worker::Call Worker::NewSetLimits() {
  v1::SetLimitsRequest request;
  std::set<PoolKey> chosen;
  for (int left = 1 + Below(3); left > 0; --left) {
    const PoolKey key(RandomCgroup(), Levels()[Below(static_cast<int>(Levels().size()))]);
    if (!chosen.insert(key).second) continue;
    v1::LimitsUpdate* update = request.add_updates();
    update->set_cgroup(key.first);
    update->set_region(key.second);
    const auto known = state_.limits.find(key);
    update->set_etag(known == state_.limits.end() ? 0 : known->second.etag);
    // Never all defaults, so that the pool stays and its etag with it.
    update->set_max_bytes((uint64_t{1} << 30) + RandomBytes() * 8);
    if (Below(2) == 0) update->set_min_bytes(RandomBytes());
    if (Below(2) == 0) update->set_low_bytes(RandomBytes());
    if (Below(4) == 0) update->set_enforcement(v1::ENFORCEMENT_OBSERVE);
    if (Below(4) == 0) update->set_enforcement(v1::ENFORCEMENT_ENFORCE);
  }
  if (Below(3) == 0) request.set_below_usage(v1::BELOW_USAGE_POLICY_APPLY);
  return request;
}

// Of all that a charge has reserved.
Worker::Call Worker::NewCommit() {
  std::vector<std::string> reserved;
  for (const auto& [id, held] : state_.held) {
    if (held.exact && held.charge.state() == v1::CHARGE_STATE_RESERVED) reserved.push_back(id);
  }
  if (reserved.empty()) return NewUncharge();
  v1::CommitRequest request;
  request.set_charge_id(reserved[Below(static_cast<int>(reserved.size()))]);
  request.set_commit_id("all");
  return request;
}

Worker::Call Worker::NextCall() {
  const int dice = Below(100);
  if (state_.held.size() > options_.held_max) return NewUncharge();
  if (dice < 25) return NewCharge(1);
  if (dice < 40) return NewCharge(2 + Below(7));
  if (dice < 43 && options_.batches) return NewBatch();
  if (dice < 45) {
    v1::ChargeRequest asked = NewCharge(1);
    asked.set_mode(v1::CHARGE_MODE_CHECK_ONLY);
    return asked;
  }
  if (dice < 53) return NewSetLimits();
  if (state_.held.empty()) return NewCharge(1);
  if (dice < 70) return NewResize();
  if (dice < 75) return NewCommit();
  if (dice < 78) return state_.held.at(RandomHeld()).request;  // Sent again.
  return NewUncharge();
}

bool Worker::Step(client::Connection& server) {
  pending_ = NextCall();
  return Send(server);
}

bool Worker::Send(client::Connection& server) {
  bool finished = false;
  if (const auto* charge = std::get_if<v1::ChargeRequest>(&pending_)) {
    const bool again = state_.held.count(charge->charge_id()) != 0;
    finished = Finish(*charge, server.Charge(*charge, kAnswerTimeout),
                      again ? Sent::kAgainApplied : Sent::kFirst);
  } else if (const auto* batch = std::get_if<v1::BatchChargeRequest>(&pending_)) {
    finished = Finish(*batch, server.BatchCharge(*batch, kAnswerTimeout), {});
  } else if (const auto* uncharge = std::get_if<v1::UnchargeRequest>(&pending_)) {
    finished = Finish(*uncharge, server.Uncharge(*uncharge, kAnswerTimeout), Sent::kFirst);
  } else if (const auto* resize = std::get_if<v1::ResizeRequest>(&pending_)) {
    finished = Finish(*resize, server.Resize(*resize, kAnswerTimeout), Sent::kFirst);
  } else if (const auto* limits = std::get_if<v1::SetLimitsRequest>(&pending_)) {
    finished = Finish(*limits, server.SetLimits(*limits, kAnswerTimeout), Sent::kFirst);
  } else if (const auto* commit = std::get_if<v1::CommitRequest>(&pending_)) {
    finished = Finish(*commit, server.Commit(*commit, kAnswerTimeout), Sent::kFirst);
  }
  if (finished) pending_ = std::monostate();
  return finished;
}

void Worker::Granted(const v1::ChargeRequest& request, const v1::ChargeResponse& answer,
                     Sent sent) {
  const std::string& id = request.charge_id();
  if (sent == Sent::kAgainApplied && !answer.replayed()) {
    violations_.Doubled(absl::StrCat("charge ", id, " charged again"));
  }
  if (sent != Sent::kAgainApplied && answer.replayed()) {
    violations_.Other(absl::StrCat("charge ", id, " was not there and is called replayed"));
  }
  const auto known = state_.held.find(id);
  if (known != state_.held.end() && known->second.exact &&
      !MessageDifferencer::Equals(known->second.charge, Lasting(answer.charge()))) {
    violations_.Lost(absl::StrCat("charge ", id, ", sent again, is ",
                                  answer.charge().ShortDebugString(), " and was ",
                                  known->second.charge.ShortDebugString()));
  }
  state_.held[id] = {request, Lasting(answer.charge()), true};
}

bool Worker::Finish(const v1::ChargeRequest& request,
                    const absl::StatusOr<v1::ChargeResponse>& answer, Sent sent) {
  if (!IsAnswer(answer.status())) return false;
  if (answer.ok()) {
    ++stats_.acknowledged;
    Saw(answer->sequence());
    if (request.mode() == v1::CHARGE_MODE_CHECK_ONLY) {
      refused_.insert(request.charge_id());  // Like one: it leaves nothing.
    } else {
      Granted(request, *answer, sent);
    }
  } else if (sent == Sent::kAgainApplied) {
    violations_.Lost(
        absl::StrCat("charge ", request.charge_id(), ", sent again: ", answer.status().ToString()));
  } else if (absl::IsResourceExhausted(answer.status())) {
    ++stats_.refused;
    refused_.insert(request.charge_id());
  } else {
    violations_.Other(absl::StrCat("Charge: ", answer.status().ToString()));
  }
  return true;
}

bool Worker::Finish(const v1::BatchChargeRequest& request,
                    const absl::StatusOr<v1::BatchChargeResponse>& answer,
                    const std::set<std::string>& applied) {
  if (!IsAnswer(answer.status())) return false;
  if (!answer.ok() || answer->results_size() != request.charges_size()) {
    violations_.Other(absl::StrCat("BatchCharge: ", answer.status().ToString()));
    return true;
  }
  for (int i = 0; i < request.charges_size(); ++i) {
    const v1::ChargeRequest& charge = request.charges(i);
    const std::string& id = charge.charge_id();
    const v1::BatchChargeResult& result = answer->results(i);
    const bool was_applied = applied.count(id) != 0;
    Saw(result.sequence());
    if (!result.has_error()) {
      ++stats_.acknowledged;
      if (was_applied && !result.replayed()) {
        violations_.Doubled(absl::StrCat("batched charge ", id, " charged again"));
      }
      if (!was_applied && result.replayed()) {
        violations_.Other(absl::StrCat("batched charge ", id, " is new and called replayed"));
      }
      HeldCharge held;
      held.request = charge;
      held.charge.set_charge_id(id);
      *held.charge.mutable_items() = charge.items();
      if (charge.has_ttl()) held.charge.set_state(v1::CHARGE_STATE_RESERVED);
      held.exact = false;
      state_.held[id] = std::move(held);
    } else if (was_applied) {
      violations_.Lost(
          absl::StrCat("batched charge ", id, ", sent again: ", result.error().message()));
    } else if (result.error().code() == static_cast<int>(absl::StatusCode::kResourceExhausted)) {
      ++stats_.refused;
      refused_.insert(id);
    } else {
      violations_.Other(absl::StrCat("BatchCharge: ", result.error().message()));
    }
  }
  return true;
}

void Worker::Spend(const std::string& charge_id) {
  spent_.insert(charge_id);
  const auto held = state_.held.find(charge_id);
  if (held == state_.held.end()) return;
  if (recently_spent_.size() == kRecentlySpentMax) recently_spent_.pop_front();
  recently_spent_.push_back(std::move(held->second.request));
  state_.held.erase(held);
}

bool Worker::Finish(const v1::UnchargeRequest& request,
                    const absl::StatusOr<v1::UnchargeResponse>& answer, Sent sent) {
  if (!IsAnswer(answer.status())) return false;
  if (!answer.ok() || answer->results_size() != request.charge_ids_size()) {
    violations_.Other(absl::StrCat("Uncharge: ", answer.status().ToString()));
    return true;
  }
  ++stats_.acknowledged;
  Saw(answer->sequence());
  for (const v1::UnchargeResult& result : answer->results()) {
    const std::string& id = result.charge_id();
    const bool held = state_.held.count(id) != 0;
    v1::UnchargeOutcome expected = v1::UNCHARGE_OUTCOME_RELEASED;
    if (!held) expected = v1::UNCHARGE_OUTCOME_NEVER_SEEN;
    if (sent == Sent::kAgainApplied) expected = v1::UNCHARGE_OUTCOME_ALREADY;
    // An id cancelled unseen leaves no charge by which Reconcile could tell whether it was.
    const bool unknown = !held && sent != Sent::kFirst;
    if (result.outcome() != expected &&
        !(unknown && result.outcome() == v1::UNCHARGE_OUTCOME_ALREADY)) {
      violations_.Lost(absl::StrCat("Uncharge of ", id, " answered ",
                                    v1::UnchargeOutcome_Name(result.outcome()), ", not ",
                                    v1::UnchargeOutcome_Name(expected)));
    }
    Spend(id);
  }
  return true;
}

bool Worker::Finish(const v1::ResizeRequest&, const absl::StatusOr<v1::ResizeResponse>& answer,
                    Sent sent) {
  if (!IsAnswer(answer.status())) return false;
  if (answer.ok()) {
    ++stats_.acknowledged;
    Saw(answer->sequence());
    for (const v1::Charge& charge : answer->charges()) {
      HeldCharge& held = state_.held.at(charge.charge_id());
      held.charge = Lasting(charge);
      held.exact = true;
    }
  } else if (sent == Sent::kAgainApplied) {
    violations_.Lost(absl::StrCat("Resize, sent again: ", answer.status().ToString()));
  } else if (absl::IsResourceExhausted(answer.status())) {
    ++stats_.refused;
  } else {
    violations_.Other(absl::StrCat("Resize: ", answer.status().ToString()));
  }
  return true;
}

bool Worker::Finish(const v1::CommitRequest& request,
                    const absl::StatusOr<v1::CommitResponse>& answer, Sent sent) {
  if (!IsAnswer(answer.status())) return false;
  if (!answer.ok()) {
    violations_.Other(absl::StrCat("Commit: ", answer.status().ToString()));
    return true;
  }
  ++stats_.acknowledged;
  Saw(answer->sequence());
  if (answer->replayed() != (sent == Sent::kAgainApplied)) {
    violations_.Doubled(
        absl::StrCat("commit of ", request.charge_id(), ", replayed is ", answer->replayed()));
  }
  HeldCharge& held = state_.held.at(request.charge_id());
  held.charge = Lasting(answer->charge());
  held.exact = true;
  return true;
}

bool Worker::Finish(const v1::SetLimitsRequest& request,
                    const absl::StatusOr<v1::SetLimitsResponse>& answer, Sent sent) {
  if (!IsAnswer(answer.status())) return false;
  const std::string reason = client::FactsOf(answer.status()).reason;
  if (sent == Sent::kAgainApplied) {
    // Its etags are of before: that it is refused now says that it was applied then.
    if (reason != "ETAG_MISMATCH") {
      violations_.Doubled(
          absl::StrCat("SetLimits, applied and sent again: ", answer.status().ToString()));
    }
    for (const v1::LimitsUpdate& update : request.updates()) {
      const PoolKey key(update.cgroup(), update.region());
      state_.limits[key] = observed_limits_[key];
    }
  } else if (answer.ok()) {
    ++stats_.acknowledged;
    Saw(answer->sequence());
    for (const v1::Pool& pool : answer->pools()) {
      state_.limits[{pool.cgroup(), pool.region()}] = LimitsOf(pool);
    }
  } else if (reason == "MAX_BELOW_USAGE") {
    ++stats_.refused;
  } else {
    violations_.Other(absl::StrCat("SetLimits: ", answer.status().ToString()));
  }
  return true;
}

}  // namespace dmem::crash
