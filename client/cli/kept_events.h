// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Looking back: kept events, for commands that answer from them.

#ifndef DMEMD_CLIENT_CLI_KEPT_EVENTS_H_
#define DMEMD_CLIENT_CLI_KEPT_EVENTS_H_

#include <cstddef>
#include <functional>

#include "absl/status/statusor.h"
#include "client/cli/session.h"
#include "dmem/v1/quota_service.pb.h"

namespace dmem::client {

// The newest `limit` kept events that pass the request's filter and `is_wanted`, as one answer,
// newest first; less if there are no more. `is_wanted` is shown every event that passes the filter,
// newest first, until there are enough.
absl::StatusOr<v1::ListEventsResponse> NewestEvents(
    Session& session, v1::ListEventsRequest request, size_t limit,
    const std::function<bool(const v1::Event&)>& is_wanted);

// Calls `visit` with each {cgroup, region} that an event names; one of them is empty where it names
// only the other.
void ForEachPlace(
    const v1::Event& event,
    const std::function<void(const std::string& cgroup, const std::string& region)>& visit);

// The charge that an event is about; "" if none.
const std::string& ChargeIdOf(const v1::Event& event);

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_CLI_KEPT_EVENTS_H_
