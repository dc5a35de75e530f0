// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// GetHeadroom.

#include <algorithm>
#include <string>

#include "core/details.h"
#include "core/errors.h"
#include "core/headroom.h"
#include "server/read.h"

namespace dmem::server {

namespace {

void RenderLimit(const State& state, const HeadroomLimit& limit, v1::HeadroomLimit* added) {
  const PoolRecord& pool = state.pools[limit.pool];
  const bool is_capacity = pool.cgroup == kRootCgroup && !state.regions[pool.region].is_group;
  if (!is_capacity) added->set_cgroup(state.CgroupName(pool.cgroup));
  added->set_region(state.RegionName(pool.region));
  added->set_usage_bytes(pool.counter.usage.value());
  added->set_max_bytes(pool.counter.max.value());
  added->set_short_bytes(limit.short_by.value());
}

void RenderPlace(const State& state, const HeadroomPlace& place, v1::HeadroomPlace* added) {
  const RegionRecord& region = state.regions[place.region];
  added->set_region(state.RegionName(place.region));
  added->set_node(std::string(DecodeRegionAttributes(region.attributes.view()).node));
  added->set_items(place.items);
}

}  // namespace

absl::Status Read(const State& state, int64_t, const v1::GetHeadroomRequest& request,
                  v1::GetHeadroomResponse* response) {
  HeadroomRequest asked;
  asked.region = state.FindRegion(request.region());
  if (asked.region == kNone) return RegionNotFound(request.region());
  asked.items = std::max(request.items(), 1u);
  if (asked.items > 1 && !state.regions[asked.region].is_group) {
    return GroupIsRegion(request.region());
  }
  const absl::StatusOr<NearestCgroup> cgroup = FindNearestCgroup(state, request.cgroup());
  if (!cgroup.ok()) return cgroup.status();
  asked.cgroup = *cgroup;
  asked.bytes = ByteCount(request.bytes());
  asked.same_node = request.same_node();
  const Headroom headroom = FindHeadroom(state, asked);

  response->set_count(headroom.count);
  response->set_count_at_most(headroom.count_at_most);
  response->set_exact(headroom.is_exact);
  response->set_bounded_by(std::string(headroom.bounded_by));
  for (const HeadroomNode& node : headroom.nodes) {
    v1::HeadroomNode* added = response->add_nodes();
    added->set_node(std::string(node.name));
    added->set_count(node.count);
  }
  response->set_nodes_total(headroom.nodes_total);
  for (const HeadroomPlace& place : headroom.places) {
    RenderPlace(state, place, response->add_places());
  }
  response->set_places_total(headroom.places_total);
  for (const HeadroomLimit& limit : headroom.limits) {
    RenderLimit(state, limit, response->add_limits());
  }
  response->set_too_few_regions(headroom.too_few_regions);
  response->set_hole_bytes(headroom.hole.value());
  if (headroom.hole_region != kNone) {
    response->set_hole_region(state.RegionName(headroom.hole_region));
  }
  response->set_free_bytes(headroom.free.value());
  response->set_unusable_bytes(headroom.unusable.value());
  for (const HeadroomLeftOut& left_out : headroom.left_out) {
    v1::HeadroomLeftOut* added = response->add_left_out();
    added->set_reason(left_out.reason);
    added->set_regions(left_out.regions);
    added->set_free_bytes(left_out.free.value());
  }
  response->set_sequence(state.scalars.sequence);
  return absl::OkStatus();
}

}  // namespace dmem::server
