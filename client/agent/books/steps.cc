// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/books/steps.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"

namespace dmem::client {
namespace {

using Key = std::pair<std::string, std::string>;  // Charge id, region.

void SetOwner(const Holding& holding, v1::Owner* owner) {
  if (holding.pod_uid.empty()) return;
  owner->set_kind("Pod");
  owner->set_namespace_(holding.pod_namespace);
  owner->set_name(holding.pod_name);
  owner->set_uid(holding.pod_uid);
}

v1::Basis BasisOf(const Holding& holding) {
  return holding.is_measured_basis ? v1::BASIS_MEASURED : v1::BASIS_BOOKED;
}

v1::ChargeRequest ChargeFor(const Holding& holding, const StepOptions& options) {
  v1::ChargeRequest request;
  request.set_charge_id(holding.charge_id.empty() ? ChargeIdAt(holding.id_base, options.now)
                                                  : holding.charge_id);
  const int64_t micros = absl::ToUnixMicros(options.now);
  request.mutable_created_at()->set_seconds(micros / 1000000);
  request.mutable_created_at()->set_nanos(static_cast<int32_t>(micros % 1000000) * 1000);
  v1::ChargeItem* item = request.add_items();
  item->set_cgroup(holding.cgroup);
  item->set_region(holding.region);
  item->set_bytes(holding.booked_bytes);
  request.set_basis(BasisOf(holding));
  request.set_mode(holding.state == HoldingState::kPending ? v1::CHARGE_MODE_STRICT
                                                           : v1::CHARGE_MODE_FORCE);
  SetOwner(holding, request.mutable_owner());
  request.set_session(options.session);
  return request;
}

// Pods that share a reservation on a device have one placement there: a commit that has a cgroup
// and region twice is refused, and would be taken for one of a reservation that has ended.
v1::Placement* PlacementFor(const Holding& holding, v1::CommitRequest* commit) {
  for (v1::Placement& placement : *commit->mutable_placements()) {
    if (placement.cgroup() == holding.cgroup && placement.region() == holding.region)
      return &placement;
  }
  v1::Placement* placement = commit->add_placements();
  placement->set_cgroup(holding.cgroup);
  placement->set_region(holding.region);
  return placement;
}

void AddPlacement(const Holding& holding, Steps* steps) {
  v1::CommitRequest& commit = steps->commits[holding.charge_id];
  commit.set_charge_id(holding.charge_id);
  v1::Placement* placement = PlacementFor(holding, &commit);
  placement->set_bytes(placement->bytes() + holding.booked_bytes);
  // The same for the same placements, whoever sends them.
  commit.set_commit_id(absl::StrCat("agent-", commit.placements_size(), "-",
                                    absl::Hex(StableIdHash(holding.region), absl::kZeroPad16)));
}

// One of each charge that has nothing else on the node, and under which nobody else holds there.
std::vector<NodeBooks::Freed> WholeCharges(const NodeBooks& books,
                                           const std::vector<KnownItem>& known) {
  std::map<std::string, size_t> held;
  for (const KnownItem& item : known) ++held[item.charge_id];
  for (const NodeBooks::Freed& freed : books.freed) --held[freed.item.charge_id];
  std::vector<NodeBooks::Freed> whole;
  std::set<std::string> taken;
  for (const Holding& holding : books.holdings) taken.insert(holding.charge_id);
  for (const NodeBooks::Freed& freed : books.freed) {
    const std::string& id = freed.item.charge_id;
    if (held[id] == 0 && taken.insert(id).second) whole.push_back(freed);
  }
  return whole;
}

bool IsFarOff(uint64_t a, uint64_t b, uint64_t threshold) {
  return (a > b ? a - b : b - a) > threshold;
}

// What the authority has as held, not only as reserved.
std::set<Key> HeldKeys(const std::vector<KnownItem>& known) {
  std::set<Key> held;
  for (const KnownItem& item : known) {
    if (!item.is_reserved) held.emplace(item.charge_id, item.region);
  }
  return held;
}

// `items` without those that are of one charge, cgroup and region with one before them, to which
// `add` adds what they have. Those of a charge are neighbours then.
template <typename Item, typename Add>
std::vector<Item> Merged(std::vector<Item> items, Add add) {
  const auto key = [](const Item& item) {
    return std::tie(item.charge_id(), item.region(), item.cgroup());
  };
  std::stable_sort(items.begin(), items.end(),
                   [&](const Item& a, const Item& b) { return key(a) < key(b); });
  std::vector<Item> merged;
  for (Item& item : items) {
    if (!merged.empty() && key(merged.back()) == key(item)) {
      add(item, &merged.back());
    } else {
      merged.push_back(std::move(item));
    }
  }
  return merged;
}

// What holds under one item of a charge: a pod, or several that share it.
struct SharedItem {
  void Add(const Holding& holding, const KnownItem* item) {
    if (first == nullptr) first = &holding;
    known = item;
    bytes += holding.booked_bytes;
    is_shared = is_shared || first != &holding;
    is_ending = is_ending && holding.state == HoldingState::kEnding;
  }

  const Holding* first = nullptr;  // Says the cgroup and the basis.
  const KnownItem* known = nullptr;
  uint64_t bytes = 0;
  bool is_shared = false;
  bool is_ending = true;
};

void AddItemSteps(const SharedItem& item, const StepOptions& options, Steps* steps) {
  const Holding& first = *item.first;
  if (item.known->cgroup != first.cgroup) {
    v1::MoveChargeRequest& move = steps->moves.emplace_back();
    move.set_session(options.session);
    move.set_charge_id(first.charge_id);
    move.set_from_cgroup(item.known->cgroup);
    move.set_to_cgroup(first.cgroup);
  }
  // By measure: once the pod says what it is to have, that is what stands. Booked: a pod that has
  // joined since is added; what one that has gone held stays until the last has.
  const uint64_t threshold = first.is_measured_basis ? options.resize_threshold_bytes : 0;
  const bool is_off = item.known->is_measured_basis
                          ? IsFarOff(item.known->bytes, item.bytes, threshold)
                          : item.is_shared && item.known->bytes < item.bytes;
  if (!is_off) return;
  v1::ResizeItem& resize = steps->resizes.emplace_back();
  resize.set_charge_id(first.charge_id);
  resize.set_cgroup(first.cgroup);
  resize.set_region(first.region);
  resize.set_bytes(item.bytes);
}

}  // namespace

Steps MakeSteps(const NodeBooks& books, const std::vector<KnownItem>& known,
                const StepOptions& options) {
  std::map<Key, const KnownItem*> by_key;
  for (const KnownItem& item : known) by_key[{item.charge_id, item.region}] = &item;
  Steps steps;
  steps.free = WholeCharges(books, known);
  std::map<Key, SharedItem> held;
  for (const Holding& holding : books.holdings) {
    const Key key = {holding.charge_id, holding.region};
    const auto it = by_key.find(key);
    const bool is_known = it != by_key.end();
    if (is_known && !it->second->is_reserved) {
      held[key].Add(holding, it->second);
    } else if (is_known || !holding.charge_id.empty()) {
      AddPlacement(holding, &steps);
    } else {
      steps.charges.push_back(ChargeFor(holding, options));
    }
  }
  std::set<std::string> running, releasing;
  for (const auto& [key, item] : held) {
    AddItemSteps(item, options, &steps);
    if (!item.is_ending) running.insert(key.first);
  }
  for (const auto& [key, item] : held) {
    if (running.count(key.first) == 0 && !item.known->is_releasing &&
        releasing.insert(key.first).second)
      steps.releases.push_back(key.first);
  }
  return steps;
}

std::vector<v1::HeldItem> HeldItems(const NodeBooks& books, const std::vector<KnownItem>& known) {
  const std::set<Key> held = HeldKeys(known);
  std::vector<v1::HeldItem> items;
  for (const Holding& holding : books.holdings) {
    if (holding.charge_id.empty()) continue;
    if (holding.state == HoldingState::kPending &&
        held.count({holding.charge_id, holding.region}) == 0)
      continue;
    v1::HeldItem& item = items.emplace_back();
    item.set_charge_id(holding.charge_id);
    item.set_cgroup(holding.cgroup);
    item.set_region(holding.region);
    item.set_bytes(holding.booked_bytes);
    item.set_basis(BasisOf(holding));
    SetOwner(holding, item.mutable_owner());
  }
  return Merged(std::move(items), [](const v1::HeldItem& item, v1::HeldItem* sum) {
    sum->set_bytes(sum->bytes() + item.bytes());
  });
}

bool HasUnplaced(const NodeBooks& books, const std::vector<KnownItem>& known) {
  const std::set<Key> held = HeldKeys(known);
  return std::any_of(books.holdings.begin(), books.holdings.end(), [&](const Holding& holding) {
    return !holding.charge_id.empty() && holding.state != HoldingState::kPending &&
           held.count({holding.charge_id, holding.region}) == 0;
  });
}

std::vector<v1::MeasuredItem> MeasuredItems(const NodeBooks& books) {
  std::vector<v1::MeasuredItem> items;
  for (const Holding& holding : books.holdings) {
    if (holding.charge_id.empty() || !holding.measured_bytes.has_value()) continue;
    v1::MeasuredItem& item = items.emplace_back();
    item.set_charge_id(holding.charge_id);
    item.set_cgroup(holding.cgroup);
    item.set_region(holding.region);
    item.set_measured_bytes(*holding.measured_bytes);
  }
  return Merged(std::move(items), [](const v1::MeasuredItem& item, v1::MeasuredItem* sum) {
    sum->set_measured_bytes(sum->measured_bytes() + item.measured_bytes());
  });
}

}  // namespace dmem::client
