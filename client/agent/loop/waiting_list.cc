// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/loop/waiting_list.h"

#include "client/agent/loop/error_in_units.h"
#include "client/error_facts.h"

namespace dmem::client {

WaitingList::Refused WaitingList::Refused::By(const absl::Status& status, std::string asked,
                                              absl::Time at) {
  std::string reason = FactsOf(status).reason;
  // Not dmemd's: of something in between.
  if (reason.empty()) reason = absl::StatusCodeToString(status.code());
  return {std::move(asked), at, std::move(reason), ErrorInUnits(status)};
}

void WaitingList::BeginPass() {
  before_ = std::move(now_);
  now_.clear();
}

const WaitingList::Refused* WaitingList::Before(const std::string& key,
                                                const std::string& asked) const {
  const auto it = before_.find(key);
  return it == before_.end() || it->second.asked != asked ? nullptr : &it->second;
}

const WaitingList::Refused* WaitingList::Now(const std::string& key) const {
  const auto it = now_.find(key);
  return it == now_.end() ? nullptr : &it->second;
}

}  // namespace dmem::client
