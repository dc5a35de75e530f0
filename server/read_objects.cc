// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// The listings, Check and GetServerInfo.

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/errors.h"
#include "core/invariants.h"
#include "core/state_codec.h"
#include "core/views.h"
#include "server/convert.h"
#include "server/errors.h"
#include "server/listing.h"
#include "server/read.h"

namespace dmem::server {

namespace {

// A page stops growing here, below the bound on messages with room for its last element (a charge
// has up to 1,000 items).
constexpr size_t kPageBytesMax = 3 << 20;

// Filters name what exists; empty is no filter.
absl::StatusOr<Index> FindOptionalCgroup(const State& state, const std::string& cgroup) {
  if (cgroup.empty()) return kNone;
  const Index found = state.FindCgroup(cgroup);
  if (found == kNone) return CgroupNotFound(cgroup);
  return found;
}

absl::StatusOr<Index> FindOptionalRegion(const State& state, const std::string& region) {
  if (region.empty()) return kNone;
  const Index found = state.FindRegion(region);
  if (found == kNone) return RegionNotFound(region);
  return found;
}

}  // namespace

absl::Status Read(const State& state, int64_t time_us, const v1::ListPoolsRequest& request,
                  v1::ListPoolsResponse* response) {
  const absl::StatusOr<Index> region = FindOptionalRegion(state, request.region());
  if (!region.ok()) return region.status();
  const absl::StatusOr<Index> cgroup = FindOptionalCgroup(state, request.cgroup());
  if (!cgroup.ok()) return cgroup.status();
  const absl::StatusOr<Index> below = FindOptionalCgroup(state, request.relative_to());
  if (!below.ok()) return below.status();
  PoolFilter filter;
  filter.region = *region;
  filter.cgroup = *cgroup;
  filter.below = *below;
  const std::string listing =
      IndexListingName(state, "pools", request.region(), request.cgroup(), request.relative_to());
  absl::StatusOr<Index> cursor = ParseIndexToken(listing, request.page_token());
  if (!cursor.ok()) return cursor.status();
  const Index limit = *below == kNone ? kRootCgroup : *below;
  for (const Index pool : ListPools(state, filter, &*cursor, PageSize(request.page_size()))) {
    ToProto(ViewPool(state, pool, limit, time_us), response->add_pools());
  }
  if (*cursor != kNone) response->set_next_page_token(MakePageToken(listing, *cursor));
  response->set_sequence(state.scalars.sequence);
  return absl::OkStatus();
}

absl::Status Read(const State& state, int64_t, const v1::ListRegionsRequest& request,
                  v1::ListRegionsResponse* response) {
  const std::string listing = ListingName("regions");
  absl::StatusOr<uint64_t> after_id = ParsePageToken(listing, request.page_token());
  if (!after_id.ok()) return after_id.status();
  std::vector<GroupView> groups;  // Made once, when first needed: a pass over all regions.
  for (const Index region : ListRegions(state, &*after_id, PageSize(request.page_size()))) {
    if (!state.regions[region].is_group) {
      ToProto(ViewRegion(state, region), response->add_regions());
      continue;
    }
    if (groups.empty()) groups = ViewGroups(state);
    const uint64_t id = state.regions[region].id;
    const auto found =
        std::lower_bound(groups.begin(), groups.end(), id,
                         [](const GroupView& group, uint64_t key) { return group.id < key; });
    ToProto(*found, response->add_groups());
  }
  if (*after_id != 0) response->set_next_page_token(MakePageToken(listing, *after_id));
  response->set_sequence(state.scalars.sequence);
  return absl::OkStatus();
}

absl::Status Read(const State& state, int64_t, const v1::ListCgroupsRequest& request,
                  v1::ListCgroupsResponse* response) {
  const absl::StatusOr<Index> cgroup = FindOptionalCgroup(state, request.cgroup());
  if (!cgroup.ok()) return cgroup.status();
  const std::string listing = IndexListingName(state, "cgroups", request.cgroup());
  absl::StatusOr<Index> cursor = ParseIndexToken(listing, request.page_token());
  if (!cursor.ok()) return cursor.status();
  for (const Index found : ListCgroups(state, *cgroup == kNone ? kRootCgroup : *cgroup, &*cursor,
                                       PageSize(request.page_size()))) {
    ToProto(ViewCgroup(state, found), response->add_cgroups());
  }
  if (*cursor != kNone) response->set_next_page_token(MakePageToken(listing, *cursor));
  response->set_sequence(state.scalars.sequence);
  return absl::OkStatus();
}

absl::Status Read(const State& state, int64_t, const v1::ListChargesRequest& request,
                  v1::ListChargesResponse* response) {
  const absl::StatusOr<Index> region = FindOptionalRegion(state, request.region());
  if (!region.ok()) return region.status();
  const absl::StatusOr<Index> cgroup = FindOptionalCgroup(state, request.cgroup());
  if (!cgroup.ok()) return cgroup.status();
  response->set_sequence(state.scalars.sequence);
  if (!request.charge_id().empty()) {
    const Index charge = state.FindCharge(request.charge_id());
    if (charge != kNone) ToProto(ViewCharge(state, charge), response->add_charges());
    return absl::OkStatus();
  }
  const std::string listing =
      IndexListingName(state, "charges", request.region(), request.cgroup());
  absl::StatusOr<Index> cursor = ParseIndexToken(listing, request.page_token());
  if (!cursor.ok()) return cursor.status();
  ChargeFilter filter;
  filter.region = *region;
  filter.cgroup = *cgroup;
  // One by one, as how many fit in a message depends on their sizes.
  size_t left = PageSize(request.page_size());
  size_t bytes = 0;
  while (left > 0 && bytes < kPageBytesMax && *cursor != kNone) {
    for (const Index charge : ListCharges(state, filter, &*cursor, 1)) {
      v1::Charge* added = response->add_charges();
      ToProto(ViewCharge(state, charge), added);
      bytes += added->ByteSizeLong();
      --left;
    }
  }
  if (*cursor != kNone) response->set_next_page_token(MakePageToken(listing, *cursor));
  return absl::OkStatus();
}

absl::Status Read(const State& state, int64_t, const v1::CheckRequest&,
                  v1::CheckResponse* response) {
  const AuditReport report = CheckInvariants(state);
  for (const std::string& violation : report.violations) response->add_violations(violation);
  response->set_violations_total(report.violations_total);
  response->set_state_hash(HashOf(state).ToHex());
  const StateScalars& scalars = state.scalars;
  response->set_regions(scalars.regions);
  response->set_groups(scalars.groups);
  response->set_cgroups(scalars.cgroups);
  response->set_pools(scalars.pools);
  response->set_charges(scalars.charges);
  response->set_charge_items(scalars.items);
  response->set_tombstones(scalars.tombstones);
  // A cluster's bytes fit in 64 bits; FORCE can book more than that over many regions.
  constexpr uint64_t kShownMax = std::numeric_limits<uint64_t>::max();
  response->set_charged_bytes(
      report.charged_bytes > kShownMax ? kShownMax : static_cast<uint64_t>(report.charged_bytes));
  response->set_sequence(scalars.sequence);
  return absl::OkStatus();
}

absl::Status Read(const State& state, int64_t time_us, const v1::GetServerInfoRequest&,
                  v1::GetServerInfoResponse* response) {
  const StateScalars& scalars = state.scalars;
  response->set_sequence(scalars.sequence);
  ToProto(time_us, response->mutable_time());
  ToProto(scalars.ids_covered_since_us, response->mutable_ids_covered_since());
  response->set_regions_max(scalars.settings.regions_max);
  response->set_cgroups_max(scalars.settings.cgroups_max);
  response->set_pools_max(scalars.settings.pools_max);
  response->set_charges_max(scalars.settings.charges_max);
  response->set_tombstones_max(scalars.settings.tombstones_max);
  response->set_sessions_max(scalars.settings.sessions_max);
  return absl::OkStatus();
}

}  // namespace dmem::server
