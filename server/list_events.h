// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef SERVER_LIST_EVENTS_H_
#define SERVER_LIST_EVENTS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "core/state.h"
#include "dmem/v1/events.pb.h"
#include "server/event_log.h"

namespace dmem::server {

// One page of kept events, up to the sequence of `state`, which is committed. Long: for a reader.
// REQUIRES: Validate(request) is OK. Errors: INVALID_ARGUMENT for a page token of another listing ·
// those of EventLog::Read.
absl::Status ListEvents(const EventLog& log, const State& state,
                        const v1::ListEventsRequest& request, v1::ListEventsResponse* response);

}  // namespace dmem::server

#endif  // SERVER_LIST_EVENTS_H_
