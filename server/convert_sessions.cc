// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/convert_sessions.h"

#include "server/convert.h"

namespace dmem::server {

v1::SessionState ToProto(SessionState state) {
  switch (state) {
    case SessionState::kActive:
      return v1::SESSION_STATE_ACTIVE;
    case SessionState::kSilent:
      return v1::SESSION_STATE_SILENT;
    case SessionState::kClosed:
      return v1::SESSION_STATE_CLOSED;
    case SessionState::kFenced:
      return v1::SESSION_STATE_FENCED;
    case SessionState::kSuperseded:
      return v1::SESSION_STATE_SUPERSEDED;
  }
  return v1::SESSION_STATE_UNSPECIFIED;
}

void ToProto(const SessionView& view, v1::Session* session) {
  session->set_id(view.id);
  session->set_owner(view.owner);
  session->set_node(view.node);
  session->set_incarnation(view.incarnation);
  session->set_state(ToProto(view.state));
  ToProto(absl::Microseconds(view.ttl_us), session->mutable_ttl());
  ToProto(view.opened_at_us, session->mutable_opened_at());
  ToProto(view.heard_at_us, session->mutable_heard_at());
  ToProto(view.heard_at_us + view.ttl_us, session->mutable_silent_at());
  if (view.ended_at_us != 0) ToProto(view.ended_at_us, session->mutable_ended_at());
  session->set_why(view.why);
}

void ToProto(const NodeView& view, v1::Node* node) {
  node->set_name(view.name);
  node->set_incarnation(view.incarnation);
  node->set_fenced_incarnation(view.fenced_incarnation);
  node->set_session(view.session);
  if (view.session != 0) node->set_session_state(ToProto(view.session_state));
  node->set_not_ready(view.not_ready_since_us != 0);
  if (view.not_ready_since_us != 0) {
    ToProto(view.not_ready_since_us, node->mutable_not_ready_since());
  }
  node->set_not_ready_why(view.not_ready_why);
  if (view.unheard_since_us != 0) ToProto(view.unheard_since_us, node->mutable_unheard_since());
  if (view.lost_at_us != 0) ToProto(view.lost_at_us, node->mutable_lost_at());
  node->set_lost(view.is_lost);
  node->set_regions(view.regions);
}

void ToProto(absl::Duration duration, google::protobuf::Duration* out) {
  const int64_t seconds = absl::IDivDuration(duration, absl::Seconds(1), &duration);
  out->set_seconds(seconds);
  out->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(duration)));
}

absl::Duration ToDuration(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

}  // namespace dmem::server
