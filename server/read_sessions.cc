// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// The listings of sessions and nodes.

#include <string>

#include "core/errors.h"
#include "core/session_views.h"
#include "server/convert_sessions.h"
#include "server/listing.h"
#include "server/read.h"

namespace dmem::server {

absl::Status Read(const State& state, int64_t, const v1::ListSessionsRequest& request,
                  v1::ListSessionsResponse* response) {
  const std::string listing =
      IndexListingName(state, "sessions", request.node(), request.all() ? "all" : "");
  absl::StatusOr<Index> cursor = ParseIndexToken(listing, request.page_token());
  if (!cursor.ok()) return cursor.status();
  SessionFilter filter;
  filter.node = request.node();
  filter.with_ended = request.all();
  for (const Index i : ListSessions(state, filter, &*cursor, PageSize(request.page_size()))) {
    ToProto(ViewSession(state, i), response->add_sessions());
  }
  if (*cursor != kNone) response->set_next_page_token(MakePageToken(listing, *cursor));
  response->set_sequence(state.scalars.sequence);
  return absl::OkStatus();
}

absl::Status Read(const State& state, int64_t, const v1::ListNodesRequest& request,
                  v1::ListNodesResponse* response) {
  response->set_sequence(state.scalars.sequence);
  if (!request.node().empty()) {
    const Index node = state.FindNode(request.node());
    if (node == kNone) return NodeNotFound(request.node());
    ToProto(ViewNode(state, node), response->add_nodes());
    return absl::OkStatus();
  }
  const std::string listing = IndexListingName(state, "nodes");
  absl::StatusOr<Index> cursor = ParseIndexToken(listing, request.page_token());
  if (!cursor.ok()) return cursor.status();
  for (const Index i : ListNodes(state, &*cursor, PageSize(request.page_size()))) {
    ToProto(ViewNode(state, i), response->add_nodes());
  }
  if (*cursor != kNone) response->set_next_page_token(MakePageToken(listing, *cursor));
  return absl::OkStatus();
}

}  // namespace dmem::server
