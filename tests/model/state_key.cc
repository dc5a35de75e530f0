// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/model/state_key.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/model/ledger_runner.h"

namespace dmem {
namespace model {
namespace {

class Key {
 public:
  Key(const State& state, int64_t time_us)
      : state_(state), time_us_(time_us), view_(LookAt(state, time_us)) {
    for (Index i = 0; i < state.items.size(); ++i) {
      if (state.items[i].charge != kNone) placed_[state.items[i].placed_sequence];
    }
    uint64_t rank = 0;
    for (auto& [sequence, order] : placed_) order = rank++;
  }

  std::string Make() {
    const StateScalars& s = state_.scalars;
    absl::StrAppend(&text_, time_us_, " ", s.outage_us, " ", s.ticked_at_us, " ",
                    view_.ids_covered_since_us, "\n");
    AddRegions();
    AddCgroups();
    AddPools();
    AddCharges();
    AddSpentIds();
    for (const LeaseRow& row : view_.leases) {
      if (!absl::StartsWith(row.text, "region ")) absl::StrAppend(&text_, row.text, "\n");
    }
    return std::move(text_);
  }

 private:
  void AddRegions() {
    for (RegionRow row : view_.regions) {
      const RegionRecord& record = state_.regions[state_.FindRegion(row.name)];
      const uint64_t order = regions_.size();
      regions_[row.id] = order;
      region_names_[row.name] = absl::StrCat("R", order);
      row.id = order;
      if (row.is_gone) row.name = absl::StrCat(row.name.substr(0, row.name.find('@')), "@");
      absl::StrAppend(&text_, row.ToString(), record.is_failed, record.is_lost,
                      record.is_unconfirmed, record.node == kNone ? "" : "bound", "\n");
    }
  }

  void AddCgroups() {
    for (CgroupRow row : view_.cgroups) {
      const uint64_t order = cgroups_.size();
      cgroups_[row.id] = order;
      cgroup_names_[row.name] = absl::StrCat("C", order);
      row.id = order;
      row.parent = cgroups_[row.parent];  // Made before its children.
      row.name = row.is_dying ? "@" : row.name;
      absl::StrAppend(&text_, row.ToString(), "\n");
    }
  }

  void AddPools() {
    for (PoolRow row : view_.pools) {
      row.cgroup = cgroups_[row.cgroup];
      row.region = regions_[row.region];
      row.etag = std::min<uint64_t>(row.etag, 1);
      row.refusals = std::min<uint64_t>(row.refusals, 2);
      row.would_refuse = std::min<uint64_t>(row.would_refuse, 2);
      absl::StrAppend(&text_, row.ToString(), "\n");
    }
  }

  void AddCharges() {
    std::vector<std::pair<uint64_t, uint32_t>> granted;
    for (Index i = 0; i < state_.charges.size(); ++i) {
      const ChargeRecord& charge = state_.charges[i];
      if (!charge.id.empty()) granted.emplace_back(charge.granted_sequence, charge.granted_index);
    }
    std::sort(granted.begin(), granted.end());
    for (ChargeRow row : view_.charges) {
      const ChargeRecord& charge = state_.charges[state_.FindCharge(row.id)];
      row.granted_sequence = static_cast<uint64_t>(
          std::find(granted.begin(), granted.end(),
                    std::make_pair(charge.granted_sequence, charge.granted_index)) -
          granted.begin());
      for (Item& item : row.items) {
        item.cgroup = cgroup_names_[item.cgroup];
        item.region = region_names_[item.region];
      }
      absl::StrAppend(&text_, row.ToString(), " ", charge.fingerprint_high, " ",
                      charge.fingerprint_low, " ", charge.items_granted, " ",
                      charge.lifecycle.view());
      for (Index i = charge.first_item; i != kNone; i = state_.items[i].next_in_charge) {
        const ItemRecord& item = state_.items[i];
        // An as_of is the present sequence or the one before it.
        absl::StrAppend(&text_, " ", placed_[item.placed_sequence], "/",
                        std::min<uint64_t>(state_.scalars.sequence - item.placed_sequence, 2));
      }
      absl::StrAppend(&text_, "\n");
    }
  }

  // In the order in which they will be forgotten.
  void AddSpentIds() {
    std::vector<std::tuple<uint64_t, std::string>> spent;
    for (Index i = 0; i < state_.tombstones.size(); ++i) {
      const TombstoneRecord& record = state_.tombstones[i];
      if (record.id.empty()) continue;
      spent.emplace_back(record.serial, absl::StrCat(record.id.view(), " ", record.covers_until_us,
                                                     record.is_skewed ? " skewed" : ""));
    }
    std::sort(spent.begin(), spent.end());
    for (const auto& [serial, text] : spent) absl::StrAppend(&text_, text, "\n");
  }

  const State& state_;
  const int64_t time_us_;
  const View view_;
  std::string text_;
  std::map<uint64_t, uint64_t> placed_, regions_, cgroups_;         // To their order.
  std::map<std::string, std::string> region_names_, cgroup_names_;  // To that, too.
};

}  // namespace

std::string KeyOf(const State& state, int64_t time_us) { return Key(state, time_us).Make(); }

}  // namespace model
}  // namespace dmem
