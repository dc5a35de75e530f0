// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// The core's views of sessions and nodes as messages of the interface.

#ifndef SERVER_CONVERT_SESSIONS_H_
#define SERVER_CONVERT_SESSIONS_H_

#include <cstdint>

#include "absl/time/time.h"
#include "core/session_views.h"
#include "core/state.h"
#include "dmem/v1/sessions.pb.h"

namespace dmem::server {

v1::SessionState ToProto(SessionState state);
void ToProto(const SessionView& view, v1::Session* session);
void ToProto(const NodeView& view, v1::Node* node);
void ToProto(absl::Duration duration, google::protobuf::Duration* out);

// REQUIRES: its range has been validated.
absl::Duration ToDuration(const google::protobuf::Duration& duration);

}  // namespace dmem::server

#endif  // SERVER_CONVERT_SESSIONS_H_
