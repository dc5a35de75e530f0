// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Commands on sessions, nodes and time, and their results. What holds for commands
// (core/commands.h) holds here too.

#ifndef CORE_COMMANDS_SESSIONS_H_
#define CORE_COMMANDS_SESSIONS_H_

#include <cstdint>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "core/commands.h"

namespace dmem {

struct OpenSessionCommand {
  absl::Time time;
  absl::string_view owner;
  absl::string_view node;    // Empty: none, as of a scheduler.
  uint64_t incarnation = 0;  // Of the node: > 0 with a node, else 0.
  absl::Duration ttl;
  absl::string_view nonce;  // Chosen by the caller; the same when it is sent again.
};

struct CloseSessionCommand {
  absl::Time time;
  uint64_t session = 0;
};

struct DeclareNotReadyCommand {
  absl::Time time;
  absl::string_view node;
  bool not_ready = true;
  absl::string_view why;
};

struct FenceCommand {
  absl::Time time;
  absl::string_view node;
  absl::optional<uint64_t> incarnation;  // Absent: the node's.
  absl::string_view evidence;
  bool forget = false;
};

struct ReportRegionStateCommand {
  absl::Time time;
  uint64_t session = 0;
  absl::string_view region;
  bool failed = false;
  absl::string_view why;
};

// Given first after a start: nobody could be heard since the last command.
struct ResumeCommand {
  absl::Time time;
};

struct Renewal {
  uint64_t session = 0;
  absl::Duration age;  // How long before the command's time it was heard.
};

// The only command by which time passes for deadlines.
struct TickCommand {
  absl::Time time;
  absl::Span<const Renewal> renewals;  // Each session once.
};

// ---- Results ----

struct OpenSessionResult {
  Index session = kNone;
  bool replayed = false;
  uint64_t took_over = 0;  // The session that it superseded or fenced; 0: none.
  Dropped dropped;         // By a newer incarnation, in all regions of the node.
};

struct FenceResult {
  uint64_t session = 0;  // That was fenced; 0: none was open.
  uint64_t fenced_incarnation = 0;
  uint64_t regions = 0;  // Of the node: LOST now or, to be forgotten, unregistered.
  Dropped dropped;
};

struct TickResult {
  bool is_changed = false;
  bool has_more = false;  // More is due: another Tick should come at once.
};

}  // namespace dmem

#endif  // CORE_COMMANDS_SESSIONS_H_
