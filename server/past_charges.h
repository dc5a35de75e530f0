// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// PastCharges: whose charges were, and which paths cgroups had.

#ifndef SERVER_PAST_CHARGES_H_
#define SERVER_PAST_CHARGES_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "core/state.h"
#include "dmem/v1/events.pb.h"

namespace dmem::server {

// Whose a charge is.
struct ChargeFacts {
  v1::Owner owner;
  std::map<std::string, std::string> labels;
};

// What of charges that have ended is remembered.
enum class EndedFacts { kNone, kOwners, kAll };

// Begins as a state has it, and goes back event by event. What ended since the state was is learned
// from the event of its end, and forgotten at that of its grant.
//
// Thread-compatible.
class PastCharges {
 public:
  // `state` must outlive it.
  PastCharges(const State& state, EndedFacts ended) : state_(state), remembered_(ended) {}

  // To be shown each event before anything else is done with it, ...
  void BeforeUndo(const v1::Event& event);
  // ... and after.
  void AfterUndo(const v1::Event& event);

  // Of the charge that had the id after the command of `sequence`; empty if there was none such. Of
  // one that has ended since, what is remembered.
  ChargeFacts FactsOf(const std::string& charge_id, uint64_t sequence) const;
  // The path of a cgroup as calls name it: "/a", or "@ID" while it was dying.
  std::string PathOf(const std::string& cgroup) const;
  // How much is remembered.
  size_t size() const { return ended_.size(); }

 private:
  const State& state_;
  const EndedFacts remembered_;
  absl::flat_hash_map<std::string, ChargeFacts> ended_;
  absl::flat_hash_map<uint64_t, std::string> freed_;  // Paths of dying cgroups.
};

ChargeFacts FactsOf(const State& state, Index charge);

}  // namespace dmem::server

#endif  // SERVER_PAST_CHARGES_H_
