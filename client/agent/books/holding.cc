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

std::map<ItemIndex, Holders> HoldersOf(const std::vector<KnownItem>& known,
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

// What is there beyond what is known goes to one of those of which nothing is.
void GiveTheRest(const KnownItem& item, const Holders& holders) {
  uint64_t sum = 0;
  for (const Holding* holding : holders) sum = SaturatedSum(sum, holding->booked_bytes);
  const auto first = std::find_if(holders.begin(), holders.end(),
                                  [](const Holding* holding) { return holding->is_as_charged; });
  if (first != holders.end() && sum < item.bytes) (*first)->booked_bytes += item.bytes - sum;
}

// One that has the item for itself has all of it, and no more.
void ChargeOne(const KnownItem& item, Holding* holding) {
  const bool is_short = item.bytes < holding->booked_bytes;
  if (holding->state != HoldingState::kPending || !is_short) holding->charged_bytes = item.bytes;
  if (!is_short || item.is_measured_basis || holding->is_measured_basis) return;
  holding->is_limited = true;
  holding->max_bytes = std::min(holding->max_bytes, item.bytes);
  holding->low_bytes = std::min(holding->low_bytes, holding->max_bytes);
}

void ChargeEach(const KnownItem& item, const Holders& holders) {
  uint64_t sum = 0;
  for (Holding* holding : holders) {
    if (holding->state == HoldingState::kPending) continue;
    holding->charged_bytes = holding->booked_bytes;
    sum = SaturatedSum(sum, holding->booked_bytes);
  }
  for (Holding* holding : holders) {
    if (holding->state != HoldingState::kPending) continue;
    sum = SaturatedSum(sum, holding->booked_bytes);
    if (sum > item.bytes) return;
    holding->charged_bytes = holding->booked_bytes;
  }
}

}  // namespace

void ShareOut(const std::vector<KnownItem>& known, std::vector<Holding>* holdings) {
  const std::map<ItemIndex, Holders> holders_of = HoldersOf(known, holdings);
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
