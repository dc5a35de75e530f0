// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/books/holding.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace dmem::client {
namespace {

using Holders = std::vector<Holding*>;
using ItemIndex = size_t;  // In the list of known items.

// Which items there are of a charge in a region: one for each cgroup.
using Candidates = std::map<std::pair<std::string, std::string>, std::vector<ItemIndex>>;

// Of an item that is only reserved no other cgroup than its own takes anything.
std::optional<ItemIndex> AnyOf(const std::vector<KnownItem>& known,
                               const std::vector<ItemIndex>& candidates,
                               const std::set<ItemIndex>& taken) {
  std::optional<ItemIndex> first;
  for (const ItemIndex index : candidates) {
    if (known[index].is_reserved) continue;
    if (taken.count(index) == 0) return index;
    if (!first.has_value()) first = index;
  }
  return first;
}

std::map<ItemIndex, Holders> HoldersByItem(const std::vector<KnownItem>& known,
                                           std::vector<Holding>* holdings) {
  Candidates candidates;
  for (ItemIndex i = 0; i < known.size(); ++i)
    candidates[{known[i].charge_id, known[i].region}].push_back(i);
  std::map<ItemIndex, Holders> holders;
  std::set<ItemIndex> taken;  // By the tenants that they are charged to.
  Holders others;
  for (Holding& holding : *holdings) {
    const auto it = candidates.find({holding.charge_id, holding.region});
    if (holding.charge_id.empty() || it == candidates.end()) continue;
    const auto own = std::find_if(it->second.begin(), it->second.end(), [&](ItemIndex index) {
      return known[index].cgroup == holding.cgroup;
    });
    if (own == it->second.end()) {
      others.push_back(&holding);
    } else {
      holders[*own].push_back(&holding);
      taken.insert(*own);
    }
  }
  for (Holding* holding : others) {
    const auto index = AnyOf(known, candidates.at({holding->charge_id, holding->region}), taken);
    if (index.has_value()) holders[*index].push_back(holding);
  }
  for (auto& entry : holders) std::sort(entry.second.begin(), entry.second.end());
  return holders;
}

// What a charge has in a cgroup is moved at once, on whatever devices of the node.
void AgreeOnCgroups(const std::vector<KnownItem>& known,
                    const std::map<ItemIndex, Holders>& holders_of) {
  std::map<std::pair<std::string, std::string>, Holders> moved_at_once;  // By charge and cgroup.
  for (const auto& [index, holders] : holders_of) {
    if (known[index].is_reserved) continue;
    Holders& all = moved_at_once[{known[index].charge_id, known[index].cgroup}];
    all.insert(all.end(), holders.begin(), holders.end());
  }
  for (auto& [key, holders] : moved_at_once) {
    std::sort(holders.begin(), holders.end());
    const std::string& charged_to = key.second;
    const bool is_of_one = std::any_of(holders.begin(), holders.end(), [&](const Holding* holding) {
      return holding->cgroup == charged_to;
    });
    const std::string cgroup = is_of_one ? charged_to : holders.front()->cgroup;
    for (Holding* holding : holders) holding->cgroup = cgroup;
  }
}

uint64_t SaturatedSum(uint64_t a, uint64_t b) { return a > kNoLimit - b ? kNoLimit : a + b; }

// Takes at most `wanted` from `left`.
uint64_t Take(uint64_t wanted, uint64_t* left) {
  const uint64_t taken = std::min(wanted, *left);
  *left -= taken;
  return taken;
}

bool Runs(const Holding* holding) { return holding->state != HoldingState::kPending; }

// What is there beyond what is known goes to those that run and of which nothing is.
void GiveTheRest(const KnownItem& item, const Holders& holders) {
  uint64_t forced = 0;
  Holders unknown;
  for (Holding* holding : holders) {
    forced = SaturatedSum(forced, holding->forced_bytes);
    if (Runs(holding) && holding->is_as_charged) unknown.push_back(holding);
  }
  uint64_t left = item.bytes - std::min(item.bytes, forced);
  const auto give = [&left](Holding* holding, uint64_t bytes) {
    const uint64_t given = Take(bytes, &left);
    holding->booked_bytes += given;
    holding->forced_bytes += given;
  };
  for (Holding* holding : unknown) {
    const uint64_t measured = holding->measured_bytes.value_or(0);
    give(holding, measured - std::min(measured, holding->booked_bytes));
  }
  for (size_t i = 0; i < unknown.size(); ++i) give(unknown[i], left / (unknown.size() - i));
}

void LimitTo(uint64_t charged, Holding* holding) {
  if (charged >= holding->booked_bytes || holding->is_measured_basis) return;
  holding->is_limited = true;
  holding->max_bytes = std::min(holding->max_bytes, charged);
  holding->low_bytes = std::min(holding->low_bytes, holding->max_bytes);
}

// One that has the item for itself has all of it, and no more.
void ChargeOne(const KnownItem& item, Holding* holding) {
  holding->charged_bytes.reset();
  if (Runs(holding) || item.bytes >= holding->booked_bytes) holding->charged_bytes = item.bytes;
  if (!item.is_measured_basis) LimitTo(item.bytes, holding);
}

void ChargeEach(const KnownItem& item, const Holders& holders) {
  uint64_t left = item.bytes;
  // What those of which nothing says what they are to have share once they run: never less than
  // `left`. One that would have nothing of it waits.
  uint64_t for_unknown = item.bytes;
  for (Holding* holding : holders) {
    holding->charged_bytes.reset();
    if (!Runs(holding)) continue;
    holding->charged_bytes = Take(holding->forced_bytes, &left);
    if (!holding->is_as_charged) for_unknown -= *holding->charged_bytes;
  }
  Holders by_size = holders;
  std::stable_sort(by_size.begin(), by_size.end(), [](const Holding* a, const Holding* b) {
    return a->booked_bytes < b->booked_bytes;
  });
  for (Holding* holding : by_size) {
    if (!Runs(holding)) continue;
    const uint64_t missing =
        holding->booked_bytes - std::min(holding->booked_bytes, *holding->charged_bytes);
    *holding->charged_bytes += Take(missing, &left);
    if (!item.is_measured_basis)
      LimitTo(std::max(*holding->charged_bytes, holding->forced_bytes), holding);
  }
  for (Holding* holding : by_size) {
    if (Runs(holding) || holding->is_as_charged || holding->booked_bytes > left) continue;
    holding->charged_bytes = Take(holding->booked_bytes, &left);
    for_unknown -= *holding->charged_bytes;
  }
  for (Holding* holding : by_size) {
    if (!Runs(holding) && holding->is_as_charged && for_unknown > 0) holding->charged_bytes = 0;
  }
}

}  // namespace

std::vector<Holding*> HoldersOf(const std::vector<KnownItem>& known, const KnownItem& item,
                                std::vector<Holding>* holdings) {
  const auto items = std::count_if(known.begin(), known.end(), [&item](const KnownItem& other) {
    return !other.is_reserved && other.charge_id == item.charge_id && other.region == item.region;
  });
  std::vector<Holding*> holders;
  for (Holding& holding : *holdings) {
    if (holding.charge_id == item.charge_id && holding.region == item.region &&
        (items == 1 || holding.cgroup == item.cgroup))
      holders.push_back(&holding);
  }
  return holders;
}

void ShareOut(const std::vector<KnownItem>& known, std::vector<Holding>* holdings) {
  const std::map<ItemIndex, Holders> holders_of = HoldersByItem(known, holdings);
  AgreeOnCgroups(known, holders_of);
  for (const auto& [index, holders] : holders_of) {
    const KnownItem& item = known[index];
    for (Holding* holding : holders) holding->item = item;
    GiveTheRest(item, holders);
    if (item.is_reserved) continue;
    if (holders.size() == 1) {
      ChargeOne(item, holders.front());
    } else {
      ChargeEach(item, holders);
    }
  }
}

}  // namespace dmem::client
