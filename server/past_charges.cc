// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/past_charges.h"

#include "absl/strings/numbers.h"
#include "core/details.h"

namespace dmem::server {

ChargeFacts FactsOf(const State& state, Index charge) {
  const ChargeDetails details = DecodeChargeDetails(state.charges[charge].details.view());
  const auto copy = [](absl::string_view text) { return std::string(text.data(), text.size()); };
  ChargeFacts facts;
  facts.owner.set_kind(copy(details.owner_kind));
  facts.owner.set_namespace_(copy(details.owner_namespace));
  facts.owner.set_name(copy(details.owner_name));
  facts.owner.set_uid(copy(details.owner_uid));
  facts.owner.set_container(copy(details.owner_container));
  for (const auto& [key, value] : details.labels) facts.labels[copy(key)] = copy(value);
  return facts;
}

void PastCharges::BeforeUndo(const v1::Event& event) {
  if (event.has_charge_changed() && event.charge_changed().ended()) {
    if (remembered_ == EndedFacts::kNone) return;
    const v1::ChargeChanged& change = event.charge_changed();
    ChargeFacts& facts = ended_[change.charge_id()];
    facts.owner = change.owner();
    if (remembered_ == EndedFacts::kAll)
      facts.labels = {change.labels().begin(), change.labels().end()};
  } else if (event.has_cgroup_changed() &&
             event.cgroup_changed().kind() == v1::CGROUP_CHANGE_KIND_FREED) {
    freed_[event.cgroup_changed().id()] = event.cgroup_changed().cgroup();
  }
}

void PastCharges::AfterUndo(const v1::Event& event) {
  if (event.has_charge_granted()) {
    ended_.erase(event.charge_granted().charge_id());
  } else if (event.has_charge_changed() &&
             event.charge_changed().granted_sequence() == event.sequence()) {
    ended_.erase(event.charge_changed().charge_id());  // Recorded by a Reconcile.
  }
}

ChargeFacts PastCharges::FactsOf(const std::string& charge_id, uint64_t sequence) const {
  const auto ended = ended_.find(charge_id);
  if (ended != ended_.end()) return ended->second;
  const Index charge = state_.FindCharge(charge_id);
  if (charge == kNone || state_.charges[charge].granted_sequence > sequence) return {};
  return server::FactsOf(state_, charge);
}

std::string PastCharges::PathOf(const std::string& cgroup) const {
  uint64_t id = 0;
  if (cgroup.empty() || cgroup[0] != '@' || !absl::SimpleAtoi(cgroup.substr(1), &id)) return cgroup;
  const auto freed = freed_.find(id);
  if (freed != freed_.end()) return freed->second;
  const Index dying = state_.FindCgroup(cgroup);
  return dying == kNone ? cgroup : state_.CgroupPath(dying);
}

}  // namespace dmem::server
