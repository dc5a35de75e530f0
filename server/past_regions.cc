// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/past_regions.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/events.h"

namespace dmem::server {

PastRegions::PastRegions(const State& state) {
  for (Index i = state.scalars.first_region; i != kNone; i = state.regions[i].next) {
    const RegionRecord& record = state.regions[i];
    Region& region = regions_[record.id];
    region.name = std::string(record.name.view());
    region.parent = record.parent == kNone ? 0 : state.regions[record.parent].id;
    region.is_group = record.is_group;
    region.is_gone = record.is_gone;
    if (!record.is_gone) live_[region.name] = record.id;
  }
}

void PastRegions::Undo(const v1::RegionChanged& change) {
  const std::string name(WithoutId(change.region()));
  switch (change.kind()) {
    case v1::REGION_CHANGE_KIND_REGISTERED:
      regions_.erase(change.id());
      live_.erase(name);
      return;
    case v1::REGION_CHANGE_KIND_UPDATED:
      regions_[change.id()].parent = IdOf(change.before().parent());
      return;
    case v1::REGION_CHANGE_KIND_GONE:
      regions_[change.id()].is_gone = false;
      live_[name] = change.id();
      return;
    case v1::REGION_CHANGE_KIND_REMOVED: {
      Region& region = regions_[change.id()];
      region.name = name;
      region.parent = IdOf(change.before().parent());
      region.is_group = change.is_group();
      region.is_gone = name.size() != change.region().size();
      if (!region.is_gone) live_[name] = change.id();
      return;
    }
    default:
      return;  // Cordoned or not.
  }
}

uint64_t PastRegions::IdOf(absl::string_view name) const {
  const size_t at = name.find('@');
  if (at != absl::string_view::npos) {
    uint64_t id = 0;
    return absl::SimpleAtoi(name.substr(at + 1), &id) ? id : 0;
  }
  const auto found = live_.find(std::string(name));
  return found == live_.end() ? 0 : found->second;
}

const PastRegions::Region& PastRegions::Get(uint64_t id) const {
  static const Region* const kNoRegion = new Region;
  const auto found = regions_.find(id);
  return found == regions_.end() ? *kNoRegion : found->second;
}

std::string PastRegions::ShownNameOf(uint64_t id) const {
  const Region& region = Get(id);
  return region.is_gone ? absl::StrCat(region.name, "@", id) : region.name;
}

const std::string& PastRegions::GroupOf(uint64_t id) const {
  const Region& region = Get(id);
  return region.is_group ? region.name : Get(region.parent).name;
}

bool PastRegions::IsAtOrBelow(uint64_t id, absl::string_view name) const {
  for (int level = 0; id != 0 && level <= kGroupDepthMax; ++level) {
    const Region& region = Get(id);
    if (region.name == name) return true;
    id = region.parent;
  }
  return false;
}

}  // namespace dmem::server
