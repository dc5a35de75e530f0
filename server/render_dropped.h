// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef SERVER_RENDER_DROPPED_H_
#define SERVER_RENDER_DROPPED_H_

#include "core/commands.h"
#include "dmem/v1/resources.pb.h"

namespace dmem::server {

// The part of an answer that says which items a command dropped.
template <typename Response>
void RenderDropped(const Dropped& dropped, Response* response) {
  for (const DroppedItem& item : dropped.items) {
    v1::DroppedItem* added = response->add_dropped();
    added->set_charge_id(item.charge_id);
    added->set_cgroup(item.cgroup);
    added->set_region(item.region);
    added->set_bytes(item.bytes.value());
    added->set_charge_ended(item.charge_ended);
  }
  response->set_dropped_items(dropped.count);
  for (const uint64_t id : dropped.freed_cgroups) response->add_freed_cgroups(id);
}

}  // namespace dmem::server

#endif  // SERVER_RENDER_DROPPED_H_
