// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/usage_report.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/errors.h"
#include "core/views.h"
#include "server/cgroup_path.h"
#include "server/convert.h"

namespace dmem::server {

namespace {

constexpr uint64_t kPageSizeDefault = 1000;
// On the way: what there was after the time of the report comes to nothing in the end.
constexpr size_t kRowsHeldMax = 1000000;
// Of one step.
constexpr size_t kItemsOfStep = 20000;

std::string ListingOf(v1::ReportUsageRequest request) {
  request.clear_page_token();
  request.clear_page_size();
  return absl::StrCat("usage ", request.SerializeAsString());
}

// The first `depth` components of a path; 0: all.
std::string Cut(const std::string& cgroup, uint32_t depth) {
  size_t end = 0;
  for (uint32_t i = 0; i < depth && end != std::string::npos; ++i) end = cgroup.find('/', end + 1);
  return depth == 0 || end == std::string::npos ? cgroup : cgroup.substr(0, end);
}

bool Has(const v1::ReportUsageRequest& request, v1::UsageKey key) {
  return std::find(request.by().begin(), request.by().end(), key) != request.by().end();
}

unsigned __int128 Wide(uint64_t bytes) { return bytes; }

}  // namespace

UsageReportRead::UsageReportRead(const EventLog* log, ReadView view,
                                 const v1::ReportUsageRequest* request)
    : view_(std::move(view)),
      request_(*request),
      listing_(ListingOf(*request)),
      by_cgroup_(Has(*request, v1::USAGE_KEY_CGROUP)),
      by_region_(Has(*request, v1::USAGE_KEY_REGION)),
      by_group_(Has(*request, v1::USAGE_KEY_GROUP)),
      by_owner_(Has(*request, v1::USAGE_KEY_OWNER)),
      past_(log, view_.state(), by_owner_ ? EndedFacts::kOwners : EndedFacts::kNone) {}

absl::Status UsageReportRead::Start() {
  from_us_ = ToMicroseconds(request_.from());
  int64_t to_us = view_.time_us;
  if (request_.has_to()) to_us = std::min(to_us, ToMicroseconds(request_.to()));
  // A time that has not come yet has used nothing.
  to_us = std::max(to_us, from_us_);
  const absl::StatusOr<PastPage> page = ParsePastToken(listing_, request_.page_token(), to_us);
  if (!page.ok()) return page.status();
  page_ = *page;
  return past_.DownTo(from_us_);
}

bool UsageReportRead::IsMeant(const Place& place) const {
  return (request_.cgroup().empty() || IsPathAtOrBelow(place.cgroup, request_.cgroup())) &&
         (request_.region().empty() ||
          past_.regions().IsAtOrBelow(place.region, request_.region()));
}

template <typename OwnerOf>
UsageReportRead::Sums& UsageReportRead::SumsOf(const Place& place, const OwnerOf& owner_of) {
  Key key;
  if (by_cgroup_) std::get<0>(key) = Cut(place.cgroup, request_.cgroup_depth());
  if (by_region_) std::get<1>(key) = past_.regions().NameOf(place.region);
  if (by_group_) std::get<2>(key) = past_.regions().GroupOf(place.region);
  if (by_owner_) {
    const v1::Owner owner = owner_of();
    std::get<3>(key) = owner.kind();
    std::get<4>(key) = owner.namespace_();
    std::get<5>(key) = owner.name();
  }
  return rows_[std::move(key)];
}

bool UsageReportRead::AddPresent() {
  const State& state = view_.state();
  const unsigned __int128 time = static_cast<uint64_t>(page_.time_us - from_us_);
  size_t looked_at = 0;
  for (; next_pool_ < state.pools.size() && looked_at < kItemsOfStep; ++next_pool_) {
    ++looked_at;
    const PoolRecord& pool = state.pools[next_pool_];
    if (pool.cgroup == kNone || pool.first_item == kNone) continue;
    const std::string cgroup = state.CgroupPath(pool.cgroup);
    const Place place = {cgroup, state.regions[pool.region].id};
    if (!IsMeant(place)) continue;
    for (Index i = pool.first_item; i != kNone; i = state.items[i].next_in_pool) {
      ++looked_at;
      const ItemRecord& item = state.items[i];
      Sums& sums = SumsOf(place, [&] { return FactsOf(state, item.charge).owner; });
      sums.booked += time * item.bytes.value();
      if (item.measured != kNone)
        sums.measured += time * state.measured[item.measured].bytes.value();
    }
  }
  return next_pool_ >= state.pools.size();
}

absl::StatusOr<bool> UsageReportRead::Step(v1::ReportUsageResponse* response) {
  if (!is_started_) {
    is_started_ = true;
    if (absl::Status status = Start(); !status.ok()) return status;
    return false;
  }
  bool is_done = false;
  if (!has_present_) {
    has_present_ = AddPresent();
  } else {
    absl::StatusOr<bool> was_last = past_.Step([this](const v1::Event& event) { Undo(event); });
    if (!was_last.ok()) return was_last;
    is_done = *was_last;
  }
  if (rows_.size() > rows_swept_at_) Sweep();
  if (rows_.size() > kRowsHeldMax) return TooMany("rows of a report", kRowsHeldMax);
  if (absl::Status status = past_.CheckBounds(); !status.ok()) return status;
  if (!is_done) return false;
  if (absl::Status status = Finish(response); !status.ok()) return status;
  return true;
}

void UsageReportRead::Sweep() {
  for (auto row = rows_.begin(); row != rows_.end();)
    row = row->second.IsZero() ? rows_.erase(row) : std::next(row);
  rows_swept_at_ = std::max(kRowsMax, 2 * rows_.size());
}

unsigned __int128 UsageReportRead::WeightOf(const v1::Event& event) const {
  const int64_t time_us = ToMicroseconds(event.time());
  return static_cast<uint64_t>(std::min(std::max(time_us, from_us_), page_.time_us) - from_us_);
}

void UsageReportRead::Undo(const v1::Event& event) {
  switch (event.what_case()) {
    case v1::Event::kChargeGranted:
      UndoGrant(event);
      break;
    case v1::Event::kChargeChanged:
      UndoChange(event);
      break;
    case v1::Event::kMeasured:
      UndoMeasured(event);
      break;
    default:
      break;
  }
}

void UsageReportRead::UndoGrant(const v1::Event& event) {
  const v1::ChargeGranted& charge = event.charge_granted();
  const unsigned __int128 weight = WeightOf(event);
  for (const v1::ChargeItem& item : charge.items()) {
    const Place place = {item.cgroup(), past_.regions().IdOf(item.region())};
    if (!IsMeant(place)) continue;
    SumsOf(place, [&] { return charge.owner(); }).booked -= weight * item.bytes();
  }
}

void UsageReportRead::UndoChange(const v1::Event& event) {
  const v1::ChargeChanged& charge = event.charge_changed();
  const unsigned __int128 weight = WeightOf(event);
  for (const v1::ItemChange& item : charge.items()) {
    const Place place = {item.cgroup(), past_.regions().IdOf(item.region())};
    if (!IsMeant(place)) continue;
    Sums& sums = SumsOf(
        place, [&] { return past_.charges().FactsOf(charge.charge_id(), event.sequence()).owner; });
    sums.booked -= weight * (Wide(item.after_bytes()) - item.before_bytes());
    sums.measured -= weight * (Wide(item.measured_after_bytes()) - item.measured_before_bytes());
  }
}

void UsageReportRead::UndoMeasured(const v1::Event& event) {
  const unsigned __int128 weight = WeightOf(event);
  for (const v1::ItemMeasured& item : event.measured().items()) {
    const std::string cgroup = past_.charges().PathOf(item.cgroup());
    const Place place = {cgroup, past_.regions().IdOf(item.region())};
    if (!IsMeant(place)) continue;
    Sums& sums = SumsOf(
        place, [&] { return past_.charges().FactsOf(item.charge_id(), event.sequence()).owner; });
    sums.measured -= weight * (Wide(item.after_bytes()) - item.before_bytes());
  }
}

void UsageReportRead::SetRow(const Key& key, const Sums& sums, v1::UsageRow* row) const {
  row->set_cgroup(std::get<0>(key));
  row->set_region(std::get<1>(key));
  row->set_group(std::get<2>(key));
  if (by_owner_) {
    row->mutable_owner()->set_kind(std::get<3>(key));
    row->mutable_owner()->set_namespace_(std::get<4>(key));
    row->mutable_owner()->set_name(std::get<5>(key));
  }
  row->set_booked_byte_seconds(FormatByteSeconds(sums.booked));
  row->set_measured_byte_seconds(FormatByteSeconds(sums.measured));
}

absl::Status UsageReportRead::Finish(v1::ReportUsageResponse* response) {
  ToProto(from_us_, response->mutable_from());
  ToProto(page_.time_us, response->mutable_to());
  response->set_omitted_items(past_.omitted_items());
  const uint64_t size = request_.page_size() == 0 ? kPageSizeDefault : request_.page_size();
  Sums total;
  uint64_t n = 0;
  for (const auto& [key, sums] : rows_) {
    if (sums.IsZero()) continue;
    total.booked += sums.booked;
    total.measured += sums.measured;
    if (n >= page_.first && n < page_.first + size) SetRow(key, sums, response->add_rows());
    ++n;
  }
  if (n > kRowsMax) return TooMany("rows", kRowsMax);
  if (n > page_.first + size) {
    response->set_next_page_token(MakePastToken(listing_, {page_.time_us, page_.first + size}));
  }
  response->mutable_total()->set_booked_byte_seconds(FormatByteSeconds(total.booked));
  response->mutable_total()->set_measured_byte_seconds(FormatByteSeconds(total.measured));
  return absl::OkStatus();
}

}  // namespace dmem::server
