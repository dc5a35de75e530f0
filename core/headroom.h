// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Headroom: how many charges of one shape would be granted now, and where.

#ifndef CORE_HEADROOM_H_
#define CORE_HEADROOM_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "core/byte_count.h"
#include "core/charge_target.h"
#include "core/state.h"

namespace dmem {

// A shape is a charge of `items` items of `bytes` each to one cgroup, each item in another region.
struct HeadroomRequest {
  NearestCgroup cgroup;
  Index region = kNone;  // A group, whose regions may be used; or the one region, with items = 1.
  uint32_t items = 1;    // >= 1.
  ByteCount bytes;       // >= 1.
  // All items of a charge on regions of one node (RegionAttributes.node). A region without that
  // attribute is a node of its own.
  bool same_node = false;
};

struct HeadroomNode {
  absl::string_view name;  // Of the state. Empty: a region without a node.
  uint64_t count = 0;      // Charges there.
};

struct HeadroomPlace {
  Index region = kNone;
  uint64_t items = 0;  // Of all the charges together; each charge has at most one here.
};

// A counter that stops one more charge.
struct HeadroomLimit {
  Index pool = kNone;
  ByteCount short_by;  // What max lacks for the part that one more charge would put here.
};

// Regions that take no charges.
struct HeadroomLeftOut {
  std::string reason;  // As the error's: REGION_CORDONED.
  uint64_t regions = 0;
  ByteCount free;  // What they would have for the cgroup, its groups not looked at; GONE: 0.
};

struct Headroom {
  static constexpr size_t kListedMax = 1000;
  static constexpr size_t kLimitsMax = 100;

  uint64_t count = 0;
  // No placement has more than this. Above `count` only where is_exact is false.
  uint64_t count_at_most = 0;
  bool is_exact = true;
  // The objects that run out, as TOO_MANY names them ("charges"), if these bound the count before
  // any counter does. Else empty.
  absl::string_view bounded_by;

  // With same_node only: most charges first, at most kListedMax; and how many there are.
  std::vector<HeadroomNode> nodes;
  uint64_t nodes_total = 0;
  // Most items first; with same_node, node by node in the order of `nodes`. At most kListedMax.
  std::vector<HeadroomPlace> places;
  uint64_t places_total = 0;

  // What stops one more: with all of these raised by their short_by, it would be granted. With
  // same_node, those of the node that fewest counters stop come first. At most kLimitsMax.
  std::vector<HeadroomLimit> limits;
  // No limit is in the way: there are fewer regions (with same_node: on every node) than items.
  bool too_few_regions = false;

  // The largest charge of a single item that would be granted, and the first region to grant it;
  // kNone if that is 0.
  ByteCount hole;
  Index hole_region = kNone;
  // What charges of any sizes could take together, and what of that is left when `count` charges
  // of this shape are granted. kUnlimited if nothing limits it.
  ByteCount free, unusable;
  std::vector<HeadroomLeftOut> left_out;
};

// Finds the headroom. A pure function of the state.
//
// Exactly `count` STRICT charges of the shape, placed as `places` says, would be granted one after
// the other, and then none more in any placement. To place them, let each charge take the regions
// (of its node) that have most items left. `count` is the largest possible, but for one case: with
// same_node, groups whose limits bind and that split the regions of a node, crossing other nodes
// likewise. To find the largest is NP-hard there (set packing); then is_exact is false.
//
// Every counter that ChargeWalk holds a charge against counts: in the region and all its groups,
// above the one asked for too, of the cgroup and its ancestors. So do the bounds on charges, items
// and cgroups. The bound on pools, of which charges in new places make some, does not.
//
// Cost: O(regions of the state + (regions below x levels) x log(count)).
Headroom FindHeadroom(const State& state, const HeadroomRequest& request);

}  // namespace dmem

#endif  // CORE_HEADROOM_H_
