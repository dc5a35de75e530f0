// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Commands on a cgroup and its two children, in amounts of TiB.

#include "absl/strings/str_cat.h"
#include "tests/model/generator.h"

namespace dmem {
namespace model {

uint64_t Generator::TebiBytes() { return (Between(1, 40) << 40) + Between(0, 40); }

// What is shared out between the children depends on three limits and three usages: they would
// rarely come together by themselves.
Command Generator::Family(const View& view) {
  const std::string parent = Chance(50) ? "/a" : "/b";
  const std::string region = Region(view);
  Command c;
  if (Chance(40)) {
    c.kind = Kind::kSetLimits;
    for (const char* child : {"", "/a", "/b"}) {
      LimitChange change;
      change.cgroup = parent + child;
      change.region = region;
      change.min = TebiBytes();
      change.low = TebiBytes();
      change.max = kUnlimitedBytes;
      c.limits.push_back(change);
    }
    return c;
  }
  c.kind = Kind::kCharge;
  c.charge_id = ChargeId();
  c.created_at_us = time_us_;
  c.mode = ChargeMode::kForce;
  for (const char* child : {"/a", "/b"}) {
    Item item;
    item.cgroup = parent + child;
    item.region = region;
    item.bytes = TebiBytes();
    c.items.push_back(item);
  }
  return c;
}

}  // namespace model
}  // namespace dmem
