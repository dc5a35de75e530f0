// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// The part of GrpcRunner that looks at what the server lists.

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <map>
#include <string>
#include <tuple>

#include "google/protobuf/util/time_util.h"
#include "tests/model/grpc_runner.h"

namespace dmem {
namespace model {
namespace {

using google::protobuf::util::TimeUtil;
using Stub = v1::QuotaService::StubInterface;

constexpr int kPage = 3;

// Calls `use` with each page.
template <typename Request, typename Response, typename Use>
void ForEachPage(Stub& stub,
                 grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                 const Use& use) {
  Request request;
  request.set_page_size(kPage);
  do {
    grpc::ClientContext context;
    Response response;
    // An answer that does not come leaves the view short, which is a difference.
    if (!(stub.*method)(&context, request, &response).ok()) return;
    use(response);
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
}

RegionRow RowOf(const v1::Region& region) {
  RegionRow row;
  row.id = region.id();
  row.name = region.name();
  row.parent = region.parent();
  row.node = region.attributes().node();
  row.is_gone = region.state() == v1::REGION_STATE_GONE;
  row.is_cordoned = region.cordoned();
  row.grantable_is_explicit = region.grantable_is_explicit();
  row.capacity = region.capacity_bytes();
  row.reserved = region.reserved_bytes();
  row.grantable = region.grantable_bytes();
  row.incarnation = region.incarnation();
  row.usage = region.usage_bytes();
  row.over = region.over_bytes();
  row.live_items = region.live_items();
  row.reservations = region.reservations_bytes();
  row.device_used = region.device_used_bytes();
  row.unattributed = region.unattributed_bytes();
  row.measured = region.measured_bytes();
  row.over_grant = region.over_grant_bytes();
  return row;
}

RegionRow RowOf(const v1::RegionGroup& group) {
  RegionRow row;
  row.id = group.id();
  row.name = group.name();
  row.parent = group.parent();
  row.is_group = true;
  row.capacity = group.capacity_bytes();
  row.grantable = group.grantable_bytes();
  row.usage = group.usage_bytes();
  row.member_regions = group.member_regions();
  row.member_groups = group.member_groups();
  row.reservations = group.reservations_bytes();
  return row;
}

CgroupRow RowOf(const v1::Cgroup& cgroup) {
  CgroupRow row;
  row.id = cgroup.id();
  row.name = cgroup.path();
  row.is_dying = cgroup.state() == v1::CGROUP_STATE_DYING;
  row.path = row.is_dying ? cgroup.path_before_deletion() : cgroup.path();
  row.is_implicit = cgroup.implicit();
  row.has_priority = cgroup.priority_is_explicit();
  row.priority = cgroup.priority();
  row.children = cgroup.children();
  row.live_items = cgroup.live_items();
  return row;
}

PoolRow RowOf(const v1::Pool& pool, uint64_t region) {
  PoolRow row;
  row.cgroup = pool.cgroup_id();
  row.region = region;
  row.usage = pool.usage_bytes();
  row.own = pool.own_bytes();
  row.peak = pool.peak_bytes();
  row.min = pool.min_bytes();
  row.low = pool.low_bytes();
  row.max = pool.max_bytes();
  row.is_observed = pool.enforcement() == v1::ENFORCEMENT_OBSERVE;
  row.etag = pool.etag();
  row.over = pool.over_bytes();
  row.refusals = pool.refusals();
  row.would_refuse = pool.would_refuse();
  row.byte_seconds = pool.byte_seconds();
  return row;
}

ChargeRow RowOf(const v1::Charge& charge) {
  ChargeRow row;
  row.id = charge.charge_id();
  for (const v1::ChargeItem& item : charge.items()) {
    row.items.push_back(
        {item.cgroup(), item.region(), item.bytes(), absl::nullopt, item.reserved()});
    if (item.has_measured_bytes()) row.items.back().measured = item.measured_bytes();
  }
  row.is_partial = charge.state() == v1::CHARGE_STATE_PARTIAL;
  row.has_priority = charge.priority_is_explicit();
  row.priority = charge.priority();
  row.is_preemptible = charge.preemptible();
  row.is_measured = charge.basis() == v1::BASIS_MEASURED;
  row.created_at_us = TimeUtil::TimestampToMicroseconds(charge.created_at());
  row.granted_sequence = charge.granted_sequence();
  row.owner = charge.owner().name();
  row.is_reserved = charge.state() == v1::CHARGE_STATE_RESERVED;
  if (charge.has_expires_at())
    row.expires_at_us = TimeUtil::TimestampToMicroseconds(charge.expires_at());
  row.is_releasing = charge.state() == v1::CHARGE_STATE_RELEASING;
  row.release = charge.release().requested_by();
  return row;
}

}  // namespace

View GrpcRunner::Look() {
  View view;
  std::map<std::string, uint64_t> region_ids;
  ForEachPage<v1::ListRegionsRequest, v1::ListRegionsResponse>(
      stub_, &Stub::ListRegions, [&](const v1::ListRegionsResponse& page) {
        for (const v1::Region& region : page.regions()) view.regions.push_back(RowOf(region));
        for (const v1::RegionGroup& group : page.groups()) view.regions.push_back(RowOf(group));
        view.sequence = page.sequence();
      });
  std::sort(view.regions.begin(), view.regions.end(),
            [](const RegionRow& a, const RegionRow& b) { return a.id < b.id; });
  for (const RegionRow& row : view.regions) region_ids[row.name] = row.id;
  ForEachPage<v1::ListCgroupsRequest, v1::ListCgroupsResponse>(
      stub_, &Stub::ListCgroups, [&](const v1::ListCgroupsResponse& page) {
        for (const v1::Cgroup& cgroup : page.cgroups()) view.cgroups.push_back(RowOf(cgroup));
      });
  ForEachPage<v1::ListPoolsRequest, v1::ListPoolsResponse>(
      stub_, &Stub::ListPools, [&](const v1::ListPoolsResponse& page) {
        for (const v1::Pool& pool : page.pools()) {
          view.pools.push_back(RowOf(pool, region_ids[pool.region()]));
        }
      });
  ForEachPage<v1::ListChargesRequest, v1::ListChargesResponse>(
      stub_, &Stub::ListCharges, [&](const v1::ListChargesResponse& page) {
        for (const v1::Charge& charge : page.charges()) view.charges.push_back(RowOf(charge));
      });
  std::sort(view.cgroups.begin(), view.cgroups.end(),
            [](const CgroupRow& a, const CgroupRow& b) { return a.id < b.id; });
  std::sort(view.pools.begin(), view.pools.end(), [](const PoolRow& a, const PoolRow& b) {
    return std::tie(a.cgroup, a.region) < std::tie(b.cgroup, b.region);
  });
  std::sort(view.charges.begin(), view.charges.end(),
            [](const ChargeRow& a, const ChargeRow& b) { return a.id < b.id; });
  return view;
}

void Hide(View* view) {
  view->leases.clear();  // The test has no sessions.
  view->spent_ids.clear();
  view->ids_covered_since_us = 0;
  for (RegionRow& row : view->regions) {
    if (row.is_group) row.live_items = 0;
    row.device_used_at_us = 0;
  }
  for (CgroupRow& row : view->cgroups) row.parent = row.live_children = 0;
  for (ChargeRow& row : view->charges) {
    row.granted_at_us = row.expires_at_us = 0;
    for (Item& item : row.items) item.measured_at_us = 0;
    // One state is shown; the times are the server's.
    if (row.is_reserved || row.is_releasing) row.is_partial = false;
    row.release.clear();
  }
  for (PoolRow& row : view->pools) row.byte_seconds = "0";
  view->pools.erase(std::remove_if(view->pools.begin(), view->pools.end(),
                                   [](const PoolRow& row) { return row.is_default(); }),
                    view->pools.end());
}

}  // namespace model
}  // namespace dmem
