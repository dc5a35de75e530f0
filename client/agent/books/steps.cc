// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/books/steps.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/agent/books/charge_ids.h"

namespace dmem::client {
namespace {

// An item of the authority: charge id, region and cgroup.
using ItemKey = std::tuple<std::string, std::string, std::string>;
using Holders = std::vector<const Holding*>;

void SetOwner(const Holding& holding, v1::Owner* owner) {
  if (holding.pod_uid.empty()) return;
  owner->set_kind("Pod");
  owner->set_namespace_(holding.pod_namespace);
  owner->set_name(holding.pod_name);
  owner->set_uid(holding.pod_uid);
}

v1::Basis BasisOf(bool is_measured_basis) {
  return is_measured_basis ? v1::BASIS_MEASURED : v1::BASIS_BOOKED;
}

// One charge for all of `holdings`, which are of one pod and state.
v1::ChargeRequest ChargeFor(const Holders& holdings, const StepOptions& options) {
  const Holding& first = *holdings.front();
  v1::ChargeRequest request;
  request.set_charge_id(
      ChargeIdAt(holdings.size() == 1 ? first.id_base : PodIdBase(first.pod_uid), options.now));
  const int64_t micros = absl::ToUnixMicros(options.now);
  request.mutable_created_at()->set_seconds(micros / 1000000);
  request.mutable_created_at()->set_nanos(static_cast<int32_t>(micros % 1000000) * 1000);
  for (const Holding* holding : holdings) {
    v1::ChargeItem* item = request.add_items();
    item->set_cgroup(holding->cgroup);
    item->set_region(holding->region);
    item->set_bytes(holding->booked_bytes);
  }
  request.set_basis(BasisOf(first.is_measured_basis));
  request.set_mode(first.state == HoldingState::kPending ? v1::CHARGE_MODE_STRICT
                                                         : v1::CHARGE_MODE_FORCE);
  SetOwner(first, request.mutable_owner());
  request.set_session(options.session);
  return request;
}

// Pods that share a reservation on a device have one placement there: a commit that has a cgroup
// and region twice is refused, and would be taken for one of a reservation that has ended.
v1::Placement* PlacementFor(const Holding& holding, v1::CommitRequest* commit) {
  for (v1::Placement& placement : *commit->mutable_placements()) {
    if (placement.region() == holding.region) return &placement;
  }
  v1::Placement* placement = commit->add_placements();
  placement->set_cgroup(holding.cgroup);
  placement->set_region(holding.region);
  return placement;
}

void AddPlacement(const Holding& holding, Steps* steps) {
  Steps::Commit& commit = steps->commits[{holding.charge_id, holding.cgroup}];
  commit.request.set_charge_id(holding.charge_id);
  v1::Placement* placement = PlacementFor(holding, &commit.request);
  placement->set_bytes(placement->bytes() + holding.booked_bytes);
  commit.pods.insert(PodNameOf(holding));
  // The same for the same placements, whoever sends them.
  std::string placed = holding.cgroup;
  for (const v1::Placement& each : commit.request.placements())
    absl::StrAppend(&placed, " ", each.region(), " ", each.bytes());
  commit.request.set_commit_id(
      absl::StrCat("agent-", absl::Hex(StableIdHash(placed), absl::kZeroPad16)));
}

// Each charge that has nothing else on the node, as far as that is known, and under which nobody
// else holds there.
std::vector<Steps::Free> WholeCharges(const NodeBooks& books, const std::vector<KnownItem>& known) {
  std::map<std::string, size_t> held;
  for (const KnownItem& item : known) ++held[item.charge_id];
  std::map<std::string, Steps::Free> free;
  for (const NodeBooks::Freed& freed : books.freed) {
    --held[freed.item.charge_id];
    Steps::Free& whole = free[freed.item.charge_id];
    whole.charge_id = freed.item.charge_id;
    whole.is_releasing = freed.item.is_releasing;
    whole.regions.insert(freed.item.region);
    if (whole.evidence.empty()) whole.evidence = freed.evidence;
  }
  for (const Holding& holding : books.holdings) free.erase(holding.charge_id);
  std::vector<Steps::Free> whole;
  for (auto& charge : free) {
    if (held[charge.first] == 0) whole.push_back(std::move(charge.second));
  }
  return whole;
}

bool IsFarOff(uint64_t a, uint64_t b, uint64_t threshold) {
  return (a > b ? a - b : b - a) > threshold;
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

std::map<ItemKey, Holders> HoldersOfItems(const NodeBooks& books) {
  std::map<ItemKey, Holders> holders;
  for (const Holding& holding : books.holdings) {
    if (holding.IsHeld())
      holders[{holding.charge_id, holding.region, holding.item->cgroup}].push_back(&holding);
  }
  return holders;
}

// What the item is to have in all. By measure no less than what is used, whatever was said.
uint64_t WantedOf(const KnownItem& item, const Holders& holders) {
  uint64_t sum = 0;
  for (const Holding* holding : holders) {
    const bool is_used = item.is_measured_basis && holding->state != HoldingState::kPending;
    sum += std::max(holding->booked_bytes, is_used ? holding->measured_bytes.value_or(0) : 0);
  }
  return sum;
}

// Whether the charge was made for this holding alone, and not by a scheduler.
bool IsOwn(const Holding& holding) {
  const std::string base = holding.charge_id.substr(0, holding.charge_id.find('~'));
  return base == holding.id_base || base == PodIdBase(holding.pod_uid);
}

// What of the item is charged whatever the limits say, because it runs; by measure no less than
// what is used. Of a charge of its own, that it is there says that it was asked for.
uint64_t RunsUnder(const KnownItem& item, const Holders& holders) {
  uint64_t sum = 0;
  for (const Holding* holding : holders) {
    if (holding->state == HoldingState::kPending) continue;
    const uint64_t used = item.is_measured_basis ? holding->measured_bytes.value_or(0) : 0;
    sum += std::max(holding->forced_bytes, used);
  }
  const bool is_own = holders.size() == 1 && IsOwn(*holders.front()) && !item.is_measured_basis;
  return is_own ? std::min(sum, item.bytes) : sum;
}

class ItemSteps {
 public:
  ItemSteps(const Holders& holders, const StepOptions& options, Steps* steps)
      : holders_(holders), first_(*holders.front()), options_(options), steps_(*steps) {
    bytes_ = first_.item->bytes;
  }

  void Add() {
    if (first_.item->cgroup != first_.cgroup) Move();
    if (first_.item->is_measured_basis) {
      FollowTheMeasure();
    } else if (holders_.size() > 1) {
      Grow(RunsUnder(*first_.item, holders_), v1::CHARGE_MODE_FORCE, first_);
      AddWanted();
      if (first_.is_rest_free) Shrink();
    } else if (!first_.is_measured_basis && first_.state != HoldingState::kEnding) {
      Grow(RunsUnder(*first_.item, holders_), v1::CHARGE_MODE_FORCE, first_);
      Grow(first_.booked_bytes, v1::CHARGE_MODE_STRICT, first_);
      if (IsOwn(first_) || first_.is_rest_free) Shrink();
    }
  }

 private:
  void Move() {
    const bool is_moved = std::any_of(
        steps_.moves.begin(), steps_.moves.end(), [this](const v1::MoveChargeRequest& move) {
          return move.charge_id() == first_.charge_id && move.from_cgroup() == first_.item->cgroup;
        });
    if (is_moved) return;
    v1::MoveChargeRequest& move = steps_.moves.emplace_back();
    move.set_session(options_.session);
    move.set_charge_id(first_.charge_id);
    move.set_from_cgroup(first_.item->cgroup);
    move.set_to_cgroup(first_.cgroup);
  }

  // Once the pod says what it is to have, that is what it asks for. What is used changes all the
  // time, and counts beyond a threshold only.
  void FollowTheMeasure() {
    const uint64_t wanted = WantedOf(*first_.item, holders_);
    const uint64_t runs = RunsUnder(*first_.item, holders_);
    uint64_t said = 0;
    for (const Holding* holding : holders_)
      said += holding->is_measured_basis ? 0 : holding->booked_bytes;
    const bool is_said = said > 0 && wanted == said;
    if (wanted < bytes_) {
      if (is_said || IsFarOff(bytes_, wanted, options_.resize_threshold_bytes))
        Resize(wanted, v1::CHARGE_MODE_FORCE, first_);
      return;
    }
    if (IsFarOff(runs, bytes_, options_.resize_threshold_bytes))
      Grow(runs, v1::CHARGE_MODE_FORCE, first_);
    if (is_said || (said > 0 && IsFarOff(wanted, bytes_, options_.resize_threshold_bytes)))
      Grow(wanted, v1::CHARGE_MODE_STRICT, first_);
  }

  // What waits to join, the smallest first, and then what those that run want beyond what they
  // have: one after the other, so that one for which there is room need not wait for the next.
  void AddWanted() {
    uint64_t sum = 0;
    Holders wanting;
    for (const Holding* holding : holders_) {
      const uint64_t has = std::max(holding->charged_bytes.value_or(0), holding->forced_bytes);
      sum += has;
      if (has < holding->booked_bytes) wanting.push_back(holding);
    }
    std::stable_sort(wanting.begin(), wanting.end(), [](const Holding* a, const Holding* b) {
      const auto key = [](const Holding* holding) {
        return std::make_tuple(holding->state != HoldingState::kPending, holding->booked_bytes);
      };
      return key(a) < key(b);
    });
    for (const Holding* holding : wanting) {
      sum += holding->booked_bytes -
             std::max(holding->charged_bytes.value_or(0), holding->forced_bytes);
      Grow(sum, v1::CHARGE_MODE_STRICT, *holding);
    }
  }

  // To what is asked for now, but never to less than is used.
  void Shrink() {
    uint64_t least = 0;
    for (const Holding* holding : holders_) {
      uint64_t used = 0;
      if (holding->state != HoldingState::kPending)
        used = holding->measured_bytes.value_or(IsOwn(*holding) ? bytes_ : 0);
      least += std::max(holding->booked_bytes, used);
    }
    if (least < bytes_) Resize(least, v1::CHARGE_MODE_STRICT, first_);
  }

  void Grow(uint64_t bytes, v1::ChargeMode mode, const Holding& holding) {
    if (bytes > bytes_) Resize(bytes, mode, holding);
  }

  void Resize(uint64_t bytes, v1::ChargeMode mode, const Holding& holding) {
    bytes_ = bytes;
    Steps::Resize& resize = steps_.resizes.emplace_back();
    resize.pod = PodNameOf(holding);
    resize.pod_uid = holding.pod_uid;
    resize.is_waiting = holding.state == HoldingState::kPending;
    resize.request.set_mode(mode);
    resize.request.set_session(options_.session);
    v1::ResizeItem* item = resize.request.add_items();
    item->set_charge_id(first_.charge_id);
    item->set_cgroup(first_.cgroup);
    item->set_region(first_.region);
    item->set_bytes(bytes);
  }

  const Holders& holders_;
  const Holding& first_;  // Says the cgroup and the basis.
  const StepOptions& options_;
  Steps& steps_;
  uint64_t bytes_ = 0;  // What the item has after the steps.
};

void AddReleases(const std::map<ItemKey, Holders>& held, Steps* steps) {
  std::set<std::string> running, releasing;
  for (const auto& [key, holders] : held) {
    for (const Holding* holding : holders) {
      if (holding->state != HoldingState::kEnding) running.insert(std::get<0>(key));
    }
  }
  for (const auto& [key, holders] : held) {
    const std::string& id = std::get<0>(key);
    if (running.count(id) == 0 && !holders.front()->item->is_releasing &&
        releasing.insert(id).second)
      steps->releases.push_back(id);
  }
}

}  // namespace

std::string PodNameOf(const Holding& holding) {
  return holding.pod_name.empty() ? holding.pod_uid
                                  : absl::StrCat(holding.pod_namespace, "/", holding.pod_name);
}

Steps MakeSteps(const NodeBooks& books, const std::vector<KnownItem>& known,
                const StepOptions& options) {
  Steps steps;
  steps.free = WholeCharges(books, known);
  std::map<std::string, Holders> waiting;  // By pod.
  for (const Holding& holding : books.holdings) {
    if (holding.IsHeld()) continue;
    if (!holding.charge_id.empty()) {
      AddPlacement(holding, &steps);
    } else if (holding.state == HoldingState::kPending) {
      waiting[holding.pod_uid].push_back(&holding);
    } else {
      steps.charges.push_back(ChargeFor({&holding}, options));
    }
  }
  for (const auto& pod : waiting) steps.charges.push_back(ChargeFor(pod.second, options));
  const std::map<ItemKey, Holders> held = HoldersOfItems(books);
  for (const auto& item : held) ItemSteps(item.second, options, &steps).Add();
  AddReleases(held, &steps);
  return steps;
}

std::vector<v1::HeldItem> HeldItems(const NodeBooks& books) {
  std::vector<v1::HeldItem> items;
  const auto add = [&items](const Holding& holding, uint64_t bytes, bool is_measured_basis) {
    v1::HeldItem& item = items.emplace_back();
    item.set_charge_id(holding.charge_id);
    item.set_cgroup(holding.cgroup);
    item.set_region(holding.region);
    item.set_bytes(bytes);
    item.set_basis(BasisOf(is_measured_basis));
    SetOwner(holding, item.mutable_owner());
  };
  for (const auto& entry : HoldersOfItems(books)) {
    const Holders& holders = entry.second;
    const KnownItem& item = *holders.front()->item;
    const uint64_t kept =
        item.is_measured_basis ? std::min(item.bytes, WantedOf(item, holders)) : item.bytes;
    add(*holders.front(), std::max(kept, RunsUnder(item, holders)), item.is_measured_basis);
  }
  for (const Holding& holding : books.holdings) {
    if (holding.IsHeld() || holding.charge_id.empty() || holding.state == HoldingState::kPending)
      continue;
    add(holding, holding.booked_bytes, holding.is_measured_basis);
  }
  return Merged(std::move(items), [](const v1::HeldItem& item, v1::HeldItem* sum) {
    sum->set_bytes(sum->bytes() + item.bytes());
  });
}

bool HasUnplaced(const NodeBooks& books) {
  return std::any_of(books.holdings.begin(), books.holdings.end(), [](const Holding& holding) {
    return !holding.charge_id.empty() && holding.state != HoldingState::kPending &&
           !holding.IsHeld();
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
