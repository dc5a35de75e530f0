// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/gang/event_counters.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace dmem {

void EventCounters::Add(const v1::Event& event) {
  sequence_ = event.sequence();
  if (event.has_charge_granted()) {
    for (const v1::ChargeItem& item : event.charge_granted().items()) {
      Change(item.cgroup(), item.region(), static_cast<int64_t>(item.bytes()));
    }
  }
  if (event.has_charge_changed()) {
    omitted_ += event.charge_changed().omitted_items();
    for (const v1::ItemChange& item : event.charge_changed().items()) {
      Change(item.cgroup(), item.region(),
             static_cast<int64_t>(item.after_bytes()) - static_cast<int64_t>(item.before_bytes()));
    }
  }
  if (event.has_limits_changed()) {
    const v1::LimitsChanged& limits = event.limits_changed();
    bounds_[{limits.cgroup(), limits.region()}] = limits.after().max_bytes();
  }
  if (event.has_region_changed() && event.region_changed().has_after()) {
    const v1::RegionChanged& region = event.region_changed();
    parents_[region.region()] = region.after().parent();
    if (!region.is_group()) bounds_[{"/", region.region()}] = region.after().grantable_bytes();
  }
  omitted_ += event.omitted().events();
}

std::vector<std::string> EventCounters::Violations() const {
  std::vector<std::string> violations;
  const auto say = [&](const Counter& counter, const std::string& what) {
    violations.push_back(absl::StrCat("sequence ", sequence_, ": ", counter.first, " in ",
                                      counter.second, " ", what));
  };
  for (const auto& [counter, usage] : usage_) {
    if (usage < 0) say(counter, absl::StrCat("uses ", usage));
  }
  for (const auto& [counter, bound] : bounds_) {
    const auto usage = usage_.find(counter);
    if (usage == usage_.end() || usage->second <= static_cast<int64_t>(bound)) continue;
    say(counter, absl::StrCat("uses ", usage->second, " of ", bound));
  }
  if (omitted_ > 0) say({"/", "all"}, absl::StrCat("has ", omitted_, " changes left out"));
  return violations;
}

std::map<EventCounters::Counter, uint64_t> EventCounters::Usage() const {
  std::map<Counter, uint64_t> all;
  for (const auto& [counter, usage] : usage_) {
    if (usage != 0) all[counter] = static_cast<uint64_t>(usage);
  }
  return all;
}

void EventCounters::Change(const std::string& cgroup, const std::string& region, int64_t bytes) {
  for (std::string level = region; !level.empty(); level = parents_[level]) {
    for (std::string path = cgroup;; path.resize(std::max<size_t>(path.rfind('/'), 1))) {
      usage_[{path, level}] += bytes;
      if (path == "/") break;
    }
  }
}

}  // namespace dmem
