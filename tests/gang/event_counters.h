// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef TESTS_GANG_EVENT_COUNTERS_H_
#define TESTS_GANG_EVENT_COUNTERS_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "dmem/v1/events.pb.h"

namespace dmem {

// Every counter of the ledger, counted anew from its events alone: usage is what charges and their
// changes add up to, in each cgroup above the item's and in each region above its region; its bound
// is what LIMITS_CHANGED says or, of "/" in a region, what the region grants.
//
// Thread-compatible.
class EventCounters {
 public:
  using Counter = std::pair<std::string, std::string>;  // Cgroup, region or group.

  // Takes all events of a ledger, in order, from the first on.
  void Add(const v1::Event& event);

  // What is wrong at the sequence of the last event, when that is the sequence's last one: counters
  // above their bounds or below zero, and events that were left out. In words; empty: nothing.
  std::vector<std::string> Violations() const;

  // Without those that are 0.
  std::map<Counter, uint64_t> Usage() const;

 private:
  void Change(const std::string& cgroup, const std::string& region, int64_t bytes);

  std::map<Counter, int64_t> usage_;
  std::map<Counter, uint64_t> bounds_;
  std::map<std::string, std::string> parents_;  // Of regions and groups; "": none.
  uint64_t sequence_ = 0;
  uint64_t omitted_ = 0;
};

}  // namespace dmem

#endif  // TESTS_GANG_EVENT_COUNTERS_H_
