// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Commands on sessions, nodes and time.

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/model/generator.h"

namespace dmem {
namespace model {
namespace {

constexpr int64_t kSecondUs = 1000000;

// Ids of the sessions of that state; of all, if it is empty.
std::vector<uint64_t> SessionsIn(const View& view, absl::string_view state) {
  std::vector<uint64_t> ids;
  for (const LeaseRow& row : view.leases) {
    if (!absl::StartsWith(row.text, "session ")) continue;
    if (!absl::StrContains(row.text, state)) continue;
    const std::vector<absl::string_view> words = absl::StrSplit(row.text, ' ');
    uint64_t id = 0;
    if (absl::SimpleAtoi(words[1], &id)) ids.push_back(id);
  }
  return ids;
}

}  // namespace

uint64_t Generator::Session(const View& view) {
  std::vector<uint64_t> ids = SessionsIn(view, Chance(85) ? " ACTIVE " : " ");
  if (ids.empty() || Chance(3)) return Between(1, 50);
  return OneOf(ids);
}

Command Generator::Tick(const View& view) {
  Command c;
  if (Chance(6)) {
    c.kind = Kind::kResume;
    return c;
  }
  c.kind = Kind::kTick;
  for (const uint64_t id : SessionsIn(view, " ")) {
    if (!Chance(35)) continue;
    c.renewals.emplace_back(id, static_cast<int64_t>(Between(0, 8 * kSecondUs)));
  }
  return c;
}

Command Generator::Lease(const View& view) {
  Command c;
  c.node = Chance(50) ? "n1" : "n2";
  const uint64_t dice = Between(0, 99);
  if (dice < 40) {
    c.kind = Kind::kOpenSession;
    c.owner = "agent";
    if (Chance(15)) c.node = "";
    c.incarnation = c.node.empty() ? 0 : Between(1, 2 + static_cast<uint64_t>(steps_) / 60);
    c.ttl_us = static_cast<int64_t>(Between(10, 20)) * kSecondUs;
    c.nonce = absl::StrCat(Between(1, 6));
  } else if (dice < 50) {
    c.kind = Kind::kCloseSession;
    c.session = Session(view);
  } else if (dice < 75) {
    c.kind = Kind::kDeclareNotReady;
    c.flag = Chance(70);
  } else if (dice < 85) {
    c.kind = Kind::kFence;
    if (Chance(40)) c.fenced_incarnation = Between(1, 5);
    c.flag = Chance(30);
  } else {
    c.kind = Kind::kReportRegionState;
    c.session = Session(view);
    c.name = Chance(90) ? Region(view) : Group();
    c.flag = Chance(60);
  }
  return c;
}

}  // namespace model
}  // namespace dmem
