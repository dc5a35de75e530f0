// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/who_held.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/errors.h"
#include "server/cgroup_path.h"
#include "server/convert.h"

namespace dmem::server {

namespace {

constexpr size_t kPageSizeDefault = 100;
constexpr size_t kHoldingsMax = 250000;
// Of one step.
constexpr size_t kItemsOfStep = 20000;

std::string ListingOf(v1::WhoHeldRequest request) {
  request.clear_page_token();
  request.clear_page_size();
  return absl::StrCat("who ", request.SerializeAsString());
}

void SetFacts(const ChargeFacts& facts, v1::Holding* holding) {
  *holding->mutable_owner() = facts.owner;
  for (const auto& [key, value] : facts.labels) (*holding->mutable_labels())[key] = value;
}

}  // namespace

WhoHeldRead::WhoHeldRead(const EventLog* log, ReadView view, const v1::WhoHeldRequest* request)
    : view_(std::move(view)),
      request_(*request),
      listing_(ListingOf(*request)),
      past_(log, view_.state(), EndedFacts::kAll) {}

bool WhoHeldRead::IsRegionMeant(uint64_t region) const {
  return past_.regions().IsAtOrBelow(region, request_.region());
}

bool WhoHeldRead::IsCgroupMeant(const std::string& cgroup) const {
  return request_.cgroup().empty() || IsPathAtOrBelow(cgroup, request_.cgroup());
}

absl::Status WhoHeldRead::Start() {
  int64_t at_us = view_.time_us;
  if (request_.has_at()) at_us = std::min(at_us, ToMicroseconds(request_.at()));
  const absl::StatusOr<PastPage> page = ParsePastToken(listing_, request_.page_token(), at_us);
  if (!page.ok()) return page.status();
  page_ = *page;
  return past_.DownTo(page_.time_us);
}

bool WhoHeldRead::AddPresent() {
  const State& state = view_.state();
  size_t looked_at = 0;
  for (; next_pool_ < state.pools.size() && looked_at < kItemsOfStep; ++next_pool_) {
    looked_at += 1 + AddPool(state.pools[next_pool_]);
  }
  return next_pool_ >= state.pools.size();
}

size_t WhoHeldRead::AddPool(const PoolRecord& pool) {
  const State& state = view_.state();
  if (pool.cgroup == kNone || pool.first_item == kNone) return 0;
  const uint64_t region = state.regions[pool.region].id;
  if (!IsRegionMeant(region)) return 0;
  const std::string cgroup = state.CgroupPath(pool.cgroup);
  if (!IsCgroupMeant(cgroup)) return 0;
  size_t items = 0;
  // One too many is enough to know.
  for (Index i = pool.first_item; i != kNone && holdings_.size() <= kHoldingsMax;
       i = state.items[i].next_in_pool) {
    ++items;
    const ItemRecord& item = state.items[i];
    const ChargeRecord& charge = state.charges[item.charge];
    const std::string id(charge.id.view());
    v1::Holding& holding =
        holdings_[{id, charge.granted_sequence, cgroup, region, item.is_reserved}];
    holding.set_bytes(item.bytes.value());
    ToProto(charge.granted_at_us, holding.mutable_granted_at());
    SetFacts(FactsOf(state, item.charge), &holding);
  }
  return items;
}

absl::StatusOr<bool> WhoHeldRead::Step(v1::WhoHeldResponse* response) {
  if (!is_started_) {
    is_started_ = true;
    if (absl::Status status = Start(); !status.ok()) return status;
    return false;
  }
  absl::StatusOr<bool> is_done = false;
  if (!has_present_) {
    has_present_ = AddPresent();
  } else {
    is_done = past_.Step([this](const v1::Event& event) { Undo(event); });
    if (!is_done.ok()) return is_done;
  }
  if (holdings_.size() > kHoldingsMax) return TooMany("holdings", kHoldingsMax);
  if (absl::Status status = past_.CheckBounds(); !status.ok()) return status;
  if (!*is_done) return false;
  if (absl::Status status = Finish(response); !status.ok()) return status;
  return true;
}

void WhoHeldRead::Undo(const v1::Event& event) {
  switch (event.what_case()) {
    case v1::Event::kChargeGranted: {
      const v1::ChargeGranted& charge = event.charge_granted();
      for (const v1::ChargeItem& item : charge.items()) {
        holdings_.erase({charge.charge_id(), event.sequence(), item.cgroup(),
                         past_.regions().IdOf(item.region()), charge.reserved()});
      }
      break;
    }
    case v1::Event::kChargeChanged:
      UndoChange(event);
      break;
    default:
      break;
  }
}

void WhoHeldRead::UndoChange(const v1::Event& event) {
  const v1::ChargeChanged& change = event.charge_changed();
  for (auto item = change.items().rbegin(); item != change.items().rend(); ++item) {
    const uint64_t region = past_.regions().IdOf(item->region());
    if (!IsRegionMeant(region) || !IsCgroupMeant(item->cgroup())) continue;
    const Key after = {change.charge_id(), change.granted_sequence(), item->cgroup(), region,
                       item->reserved()};
    if (item->kind() == v1::ITEM_CHANGE_KIND_ADDED) {
      holdings_.erase(after);
      continue;
    }
    v1::Holding holding;
    const auto present = holdings_.find(after);
    if (item->kind() == v1::ITEM_CHANGE_KIND_REMOVED) {
      *holding.mutable_granted_at() = change.granted_at();
      SetFacts(past_.charges().FactsOf(change.charge_id(), event.sequence()), &holding);
      *holding.mutable_ended_at() = event.time();
      holding.set_ended_by(change.cause());
      holding.set_ended_actor(event.actor());
    } else if (present != holdings_.end()) {
      holding = std::move(present->second);
      holdings_.erase(present);
    }
    holding.set_bytes(item->before_bytes());
    Key before = after;
    std::get<4>(before) = item->reserved_before();
    holdings_[before] = std::move(holding);
  }
}

absl::Status WhoHeldRead::Finish(v1::WhoHeldResponse* response) {
  if (past_.regions().IdOf(request_.region()) == 0 && holdings_.empty() &&
      view_.state().FindRegion(request_.region()) == kNone) {
    return RegionNotFound(request_.region());
  }
  ToProto(page_.time_us, response->mutable_at());
  response->set_omitted_items(past_.omitted_items());
  const uint64_t size = request_.page_size() == 0 ? kPageSizeDefault : request_.page_size();
  uint64_t n = 0;
  for (auto& [key, holding] : holdings_) {
    if (n++ < page_.first) continue;
    if (static_cast<uint64_t>(response->holdings_size()) == size) {
      response->set_next_page_token(MakePastToken(listing_, {page_.time_us, page_.first + size}));
      break;
    }
    holding.set_charge_id(std::get<0>(key));
    holding.set_granted_sequence(std::get<1>(key));
    holding.set_cgroup(std::get<2>(key));
    holding.set_region(past_.regions().ShownNameOf(std::get<3>(key)));
    holding.set_reserved(std::get<4>(key));
    *response->add_holdings() = std::move(holding);
  }
  return absl::OkStatus();
}

}  // namespace dmem::server
