// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// After a crash: what must be there, and what became of the call that was under way.

#include <map>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/error_facts.h"
#include "google/protobuf/util/message_differencer.h"
#include "tests/crash/worker.h"

namespace dmem::crash {
namespace {

using google::protobuf::util::MessageDifferencer;

// How many calls of before the crash are sent again, of each kind.
constexpr int kReplays = 4;

// Whether `charge` is what `request` asked for.
bool IsCharge(const v1::Charge& charge, const v1::ChargeRequest& request) {
  if (charge.charge_id() != request.charge_id() || charge.items_size() != request.items_size() ||
      charge.state() != (request.has_ttl() ? v1::CHARGE_STATE_RESERVED : v1::CHARGE_STATE_HELD) ||
      charge.priority_is_explicit() != request.has_priority() ||
      (request.has_priority() && charge.priority() != request.priority()) ||
      !MessageDifferencer::Equals(charge.created_at(), request.created_at()) ||
      !MessageDifferencer::Equals(charge.owner(), request.owner()) ||
      charge.labels_size() != request.labels_size()) {
    return false;
  }
  for (const auto& [key, value] : request.labels()) {
    const auto label = charge.labels().find(key);
    if (label == charge.labels().end() || label->second != value) return false;
  }
  for (int i = 0; i < request.items_size(); ++i) {
    const v1::ChargeItem& item = charge.items(i);
    const v1::ChargeItem& asked = request.items(i);
    if (item.cgroup() != asked.cgroup() || item.region() != asked.region() ||
        item.bytes() != asked.bytes()) {
      return false;
    }
  }
  return true;
}

// `charge` after `resize`.
v1::Charge Resized(v1::Charge charge, const v1::ResizeRequest& resize) {
  for (const v1::ResizeItem& change : resize.items()) {
    if (change.charge_id() != charge.charge_id()) continue;
    for (v1::ChargeItem& item : *charge.mutable_items()) {
      if (item.cgroup() == change.cgroup() && item.region() == change.region()) {
        item.set_bytes(change.bytes());
      }
    }
  }
  return charge;
}

bool Names(const v1::UnchargeRequest& request, const std::string& id) {
  for (const std::string& named : request.charge_ids()) {
    if (named == id) return true;
  }
  return false;
}

bool Names(const v1::ResizeRequest& request, const std::string& id) {
  for (const v1::ResizeItem& item : request.items()) {
    if (item.charge_id() == id) return true;
  }
  return false;
}

}  // namespace

void Worker::Reconcile(const Observation& observed, Violations* violations) {
  applied_ = false;
  applied_ids_.clear();
  observed_limits_.clear();
  ReconcileHeld(observed, violations);
  ReconcileNotHeld(observed, violations);
  ReconcileLimits(observed, violations);
}

void Worker::ReconcileHeld(const Observation& observed, Violations* violations) {
  const auto* uncharge = std::get_if<v1::UnchargeRequest>(&pending_);
  const auto* resize = std::get_if<v1::ResizeRequest>(&pending_);
  const auto* commit = std::get_if<v1::CommitRequest>(&pending_);
  // Of the charges that the call under way names.
  int as_before = 0;
  int as_after = 0;
  for (auto& [id, held] : state_.held) {
    const auto it = observed.charges.find(id);
    if (uncharge != nullptr && Names(*uncharge, id)) {
      if (it == observed.charges.end()) {
        ++as_after;
        continue;
      }
      ++as_before;
    }
    if (it == observed.charges.end()) {
      violations->Lost(absl::StrCat("charge ", id, ": ", held.charge.ShortDebugString()));
      continue;
    }
    const v1::Charge charge = Lasting(it->second);
    if (!held.exact) {
      // What it is besides what was asked for is known from now on.
      v1::ChargeRequest asked = held.request;
      *asked.mutable_items() = held.charge.items();
      held.charge = charge;
      held.exact = true;
      for (int i = 0; i < asked.items_size() && i < charge.items_size(); ++i) {
        held.charge.mutable_items(i)->set_bytes(asked.items(i).bytes());
      }
      if (!IsCharge(held.charge, asked)) {
        violations->Lost(absl::StrCat("charge ", id, " is ", charge.ShortDebugString(),
                                      ", asked for was ", asked.ShortDebugString()));
      }
    }
    if (resize != nullptr && Names(*resize, id)) {
      if (MessageDifferencer::Equals(charge, Resized(held.charge, *resize))) {
        ++as_after;
        continue;
      }
      ++as_before;
    }
    if (commit != nullptr && commit->charge_id() == id &&
        MessageDifferencer::Equals(charge, Committed(held.charge))) {
      ++as_after;
      continue;
    }
    if (!MessageDifferencer::Equals(charge, held.charge)) {
      violations->Lost(absl::StrCat("charge ", id, " is ", charge.ShortDebugString(), " and was ",
                                    held.charge.ShortDebugString()));
    }
  }
  if (as_before > 0 && as_after > 0) {
    violations->Other("a call that is all or nothing was applied in part");
  }
  applied_ = as_after > 0;
}

void Worker::ReconcileNotHeld(const Observation& observed, Violations* violations) {
  std::map<std::string, const v1::ChargeRequest*> under_way;
  if (const auto* charge = std::get_if<v1::ChargeRequest>(&pending_)) {
    if (charge->mode() != v1::CHARGE_MODE_CHECK_ONLY) under_way[charge->charge_id()] = charge;
  } else if (const auto* batch = std::get_if<v1::BatchChargeRequest>(&pending_)) {
    for (const v1::ChargeRequest& charge : batch->charges())
      under_way[charge.charge_id()] = &charge;
  }
  for (auto it = observed.charges.lower_bound(id_prefix_);
       it != observed.charges.end() && IsOwn(it->first); ++it) {
    const std::string& id = it->first;
    const auto asked = under_way.find(id);
    if (asked != under_way.end()) applied_ids_.insert(id);
    if (state_.held.count(id) != 0) continue;
    if (asked == under_way.end()) {
      const char* what = "was never acknowledged";
      if (refused_.count(id) != 0) what = "was refused";
      if (spent_.count(id) != 0) what = "was uncharged";
      violations->Doubled(absl::StrCat("charge ", id, " is there and ", what));
    } else if (!IsCharge(it->second, *asked->second)) {
      violations->Other(absl::StrCat("charge ", id, " is ", it->second.ShortDebugString(),
                                     ", asked for was ", asked->second->ShortDebugString()));
    }
  }
}

void Worker::ReconcileLimits(const Observation& observed, Violations* violations) {
  std::map<PoolKey, PoolLimits> after;
  if (const auto* set = std::get_if<v1::SetLimitsRequest>(&pending_)) {
    for (const v1::LimitsUpdate& update : set->updates()) {
      const PoolKey key(update.cgroup(), update.region());
      PoolLimits limits;
      limits.enforcement = v1::ENFORCEMENT_ENFORCE;
      const auto known = state_.limits.find(key);
      if (known != state_.limits.end()) limits = known->second;
      if (update.has_min_bytes()) limits.min_bytes = update.min_bytes();
      if (update.has_low_bytes()) limits.low_bytes = update.low_bytes();
      if (update.has_max_bytes()) limits.max_bytes = update.max_bytes();
      if (update.enforcement() != v1::ENFORCEMENT_UNSPECIFIED) {
        limits.enforcement = update.enforcement();
      }
      after[key] = limits;
    }
  }
  size_t applied = 0;
  for (auto it = observed.pools.lower_bound({cgroup_, ""});
       it != observed.pools.end() && absl::StartsWith(it->first.first, cgroup_); ++it) {
    const PoolKey& key = it->first;
    // "/team-a/w1" is not below "/team-a/w10", nor the other way round.
    if (key.first.size() > cgroup_.size() && key.first[cgroup_.size()] != '/') continue;
    const PoolLimits limits = LimitsOf(it->second);
    const auto known = state_.limits.find(key);
    const uint64_t etag = known == state_.limits.end() ? 0 : known->second.etag;
    const auto changed = after.find(key);
    if (changed != after.end() && limits.etag > etag) {
      changed->second.etag = limits.etag;
      if (limits == changed->second) {
        observed_limits_[key] = limits;
        ++applied;
        continue;
      }
    }
    if (known == state_.limits.end() ? limits.etag != 0 : !(limits == known->second)) {
      violations->Lost(absl::StrCat("limits of ", key.first, " in ", key.second, ", now ",
                                    it->second.ShortDebugString(), ", etag was ", etag));
    }
  }
  for (const auto& [key, limits] : state_.limits) {
    if (observed.pools.count(key) == 0) {
      violations->Lost(absl::StrCat("limits of ", key.first, " in ", key.second, ", etag ",
                                    limits.etag, ": no such pool"));
    }
  }
  if (applied != 0 && applied != after.size()) {
    violations->Other("SetLimits was applied in part");
  }
  if (applied != 0) applied_ = true;
}

void Worker::Cancel(client::Connection& server, const v1::ChargeRequest& request) {
  v1::UnchargeRequest cancel;
  cancel.add_charge_ids(request.charge_id());
  const auto answer = server.Uncharge(cancel, kAnswerTimeout);
  if (!answer.ok() || answer->results_size() != 1) {
    violations_.Other(absl::StrCat("Uncharge to cancel: ", answer.status().ToString()));
    return;
  }
  const v1::UnchargeOutcome expected = applied_ids_.count(request.charge_id()) != 0
                                           ? v1::UNCHARGE_OUTCOME_RELEASED
                                           : v1::UNCHARGE_OUTCOME_NEVER_SEEN;
  if (answer->results(0).outcome() != expected) {
    violations_.Other(absl::StrCat("Uncharge to cancel ", request.charge_id(), " answered ",
                                   v1::UnchargeOutcome_Name(answer->results(0).outcome()), ", not ",
                                   v1::UnchargeOutcome_Name(expected)));
  }
  Saw(answer->sequence());
  Spend(request.charge_id());
  if (recently_spent_.empty() || recently_spent_.back().charge_id() != request.charge_id()) {
    recently_spent_.push_back(request);
  }
}

void Worker::Settle(client::Connection& server) {
  if (!std::holds_alternative<std::monostate>(pending_)) ++stats_.settled;
  const Sent sent = applied_ ? Sent::kAgainApplied : Sent::kAgainNotApplied;
  bool finished = true;
  if (const auto* charge = std::get_if<v1::ChargeRequest>(&pending_)) {
    if (Below(3) == 0) {
      Cancel(server, *charge);
    } else {
      const bool there = applied_ids_.count(charge->charge_id()) != 0;
      finished = Finish(*charge, server.Charge(*charge, kAnswerTimeout),
                        there ? Sent::kAgainApplied : Sent::kAgainNotApplied);
    }
  } else if (const auto* batch = std::get_if<v1::BatchChargeRequest>(&pending_)) {
    finished = Finish(*batch, server.BatchCharge(*batch, kAnswerTimeout), applied_ids_);
  } else if (const auto* uncharge = std::get_if<v1::UnchargeRequest>(&pending_)) {
    finished = Finish(*uncharge, server.Uncharge(*uncharge, kAnswerTimeout), sent);
  } else if (const auto* resize = std::get_if<v1::ResizeRequest>(&pending_)) {
    finished = Finish(*resize, server.Resize(*resize, kAnswerTimeout), sent);
  } else if (const auto* limits = std::get_if<v1::SetLimitsRequest>(&pending_)) {
    finished = Finish(*limits, server.SetLimits(*limits, kAnswerTimeout), sent);
  } else if (const auto* commit = std::get_if<v1::CommitRequest>(&pending_)) {
    finished = Finish(*commit, server.Commit(*commit, kAnswerTimeout), sent);
  }
  if (!finished) violations_.Other("no answer from a server that is up");
  pending_ = std::monostate();
  ReplaySome(server);
  recently_spent_.clear();
}

void Worker::ReplaySome(client::Connection& server) {
  for (int i = 0; i < kReplays && !state_.held.empty(); ++i) {
    const v1::ChargeRequest request = state_.held.at(RandomHeld()).request;
    if (!Finish(request, server.Charge(request, kAnswerTimeout), Sent::kAgainApplied)) {
      violations_.Other("no answer from a server that is up");
    }
  }
  for (int i = 0; i < kReplays && !recently_spent_.empty(); ++i) {
    const v1::ChargeRequest& request =
        recently_spent_[Below(static_cast<int>(recently_spent_.size()))];
    const auto charged = server.Charge(request, kAnswerTimeout);
    if (client::FactsOf(charged.status()).reason != "ALREADY_RELEASED") {
      violations_.Doubled(absl::StrCat("charge ", request.charge_id(),
                                       ", uncharged, sent again: ", charged.status().ToString()));
    }
    v1::UnchargeRequest uncharge;
    uncharge.add_charge_ids(request.charge_id());
    const auto uncharged = server.Uncharge(uncharge, kAnswerTimeout);
    if (!uncharged.ok() || uncharged->results_size() != 1 ||
        uncharged->results(0).outcome() != v1::UNCHARGE_OUTCOME_ALREADY) {
      violations_.Other(absl::StrCat("Uncharge of ", request.charge_id(),
                                     " again: ", uncharged.status().ToString()));
    }
  }
}

}  // namespace dmem::crash
