// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/loop/node_list.h"

#include <string>

#include "client/charge_id.h"

namespace dmem::client {
namespace {

constexpr size_t kItemsOfPartMax = 1000;

}  // namespace

absl::Status SendNodeList(Client* client, uint64_t session, uint64_t as_of,
                          const std::set<std::string>& regions,
                          const std::vector<v1::HeldItem>& items, uint64_t* differences) {
  const std::string id = NewChargeId();
  size_t next = 0;
  for (uint32_t part = 0; part == 0 || next < items.size(); ++part) {
    v1::ReconcileRequest request;
    request.set_session(session);
    request.set_reconcile_id(id);
    request.set_as_of(as_of);
    request.set_part(part);
    for (const std::string& region : regions) request.add_regions(region);
    while (next < items.size()) {
      size_t end = next + 1;
      while (end < items.size() && items[end].charge_id() == items[next].charge_id()) ++end;
      if (request.items_size() > 0 && request.items_size() + (end - next) > kItemsOfPartMax) break;
      for (; next < end; ++next) *request.add_items() = items[next];
    }
    request.set_last(next == items.size());
    const absl::StatusOr<v1::ReconcileResponse> response = client->Reconcile(request);
    if (!response.ok()) return response.status();
    *differences += response->differences_total();
  }
  return absl::OkStatus();
}

}  // namespace dmem::client
