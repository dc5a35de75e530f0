// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// The errors that are about sessions, nodes and the states of regions.

#include "absl/strings/str_cat.h"
#include "core/errors.h"

namespace dmem {
namespace {

std::string Quoted(absl::string_view name) { return absl::StrCat("\"", name, "\""); }

absl::Status NotFound(absl::string_view message, const ErrorFacts& facts) {
  return MakeError(absl::StatusCode::kNotFound, message, facts);
}

absl::Status FailedPrecondition(absl::string_view message, const ErrorFacts& facts) {
  return MakeError(absl::StatusCode::kFailedPrecondition, message, facts);
}

absl::Status Aborted(absl::string_view message, const ErrorFacts& facts) {
  return MakeError(absl::StatusCode::kAborted, message, facts);
}

}  // namespace

absl::Status NodeMismatch(absl::string_view region, absl::string_view node) {
  return MakeError(
      absl::StatusCode::kInvalidArgument,
      node.empty()
          ? absl::StrCat("the session is of no node, and region ", Quoted(region),
                         " needs one; open the session with the node's name")
          : absl::StrCat("region ", Quoted(region), " and node ", Quoted(node),
                         " do not belong together; attributes.node must be the session's node"),
      {"NODE_MISMATCH", {{"region", std::string(region)}, {"node", std::string(node)}}});
}

absl::Status SessionNotFound(uint64_t session) {
  return NotFound(absl::StrCat("there is no session ", session,
                               ", or it ended too long ago to be remembered; open a new one"),
                  {"SESSION_NOT_FOUND", {{"session", absl::StrCat(session)}}});
}

absl::Status NodeNotFound(absl::string_view node) {
  return NotFound(absl::StrCat("no node ", Quoted(node), " has opened a session"),
                  {"NODE_NOT_FOUND", {{"node", std::string(node)}}});
}

absl::Status RegionStale(absl::string_view region, absl::string_view node, bool unconfirmed) {
  return FailedPrecondition(
      unconfirmed
          ? absl::StrCat("region ", Quoted(region), " is STALE: node ", Quoted(node),
                         " restarted and has not registered it since")
          : absl::StrCat("region ", Quoted(region), " is STALE: the agent of node ", Quoted(node),
                         " is silent; it takes charges again when it is "
                         "heard, or set --stale-regions=allow"),
      {"REGION_STALE", {{"region", std::string(region)}, {"node", std::string(node)}}});
}

absl::Status RegionFailed(absl::string_view region, absl::string_view why) {
  return FailedPrecondition(
      absl::StrCat("region ", Quoted(region), " is FAILED, says its agent: ", why),
      {"REGION_FAILED", {{"region", std::string(region)}, {"why", std::string(why)}}});
}

absl::Status RegionLost(absl::string_view region) {
  return FailedPrecondition(
      absl::StrCat("region ", Quoted(region),
                   " is LOST: its node is gone; it takes charges again when its agent has "
                   "reconciled, or registered it in a newer incarnation"),
      {"REGION_LOST", {{"region", std::string(region)}}});
}

absl::Status StaleNodeIncarnation(absl::string_view node, uint64_t given, uint64_t current) {
  return Aborted(absl::StrCat("incarnation ", given, " of node ", Quoted(node),
                              " is older than the current ", current),
                 {"STALE_INCARNATION",
                  {{"node", std::string(node)},
                   {"given", absl::StrCat(given)},
                   {"current", absl::StrCat(current)}}});
}

absl::Status SessionClosed(uint64_t session, absl::string_view why) {
  return Aborted(
      absl::StrCat("session ", session, " is closed: ", why, "; open a new one"),
      {"SESSION_CLOSED", {{"session", absl::StrCat(session)}, {"why", std::string(why)}}});
}

absl::Status SessionFenced(absl::string_view node, uint64_t incarnation, absl::string_view why) {
  return Aborted(
      absl::StrCat("incarnation ", incarnation, " of node ", Quoted(node), " is fenced: ", why,
                   "; what it held is dropped, and only a newer incarnation can open a session"),
      {"SESSION_FENCED",
       {{"node", std::string(node)},
        {"incarnation", absl::StrCat(incarnation)},
        {"why", std::string(why)}}});
}

absl::Status SessionSuperseded(uint64_t session, absl::string_view why) {
  return Aborted(
      absl::StrCat("session ", session, " of this node is superseded: ", why,
                   "; is a second agent running?"),
      {"SESSION_SUPERSEDED", {{"session", absl::StrCat(session)}, {"why", std::string(why)}}});
}

}  // namespace dmem
