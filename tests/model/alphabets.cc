// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/model/alphabets.h"

#include <utility>

namespace dmem {
namespace model {
namespace {

constexpr int64_t kSecondUs = 1000000;
constexpr int64_t kCreatedUs = 1000000 * kSecondUs;  // When the sequences begin, too.

Command Of(Kind kind) {
  Command c;
  c.kind = kind;
  return c;
}

Command Register(const char* name, uint64_t capacity, const char* parent,
                 uint64_t incarnation = 0) {
  Command c = Of(Kind::kRegister);
  c.name = name;
  c.capacity = capacity;
  c.parent = parent;
  c.incarnation = incarnation;
  c.node = "n1";
  return c;
}

Command Named(Kind kind, const char* name, bool flag = false, const char* parent = "") {
  Command c = Of(kind);
  c.name = name;
  c.flag = flag;
  c.parent = parent;
  return c;
}

Command Charge(const char* id, std::vector<Item> items, ChargeMode mode = ChargeMode::kStrict) {
  Command c = Of(Kind::kCharge);
  c.charge_id = id;
  c.created_at_us = kCreatedUs;
  c.items = std::move(items);
  c.mode = mode;
  return c;
}

Item To(const char* cgroup, const char* region, uint64_t bytes) {
  Item item;
  item.cgroup = cgroup;
  item.region = region;
  item.bytes = bytes;
  return item;
}

Command Reserve(const char* id, Item item, int64_t ttl_us) {
  Command c = Charge(id, {std::move(item)});
  c.ttl_us = ttl_us;
  return c;
}

Command Commit(const char* id, const char* commit_id, std::vector<Placement> placements) {
  Command c = Of(Kind::kCommit);
  c.charge_id = id;
  c.commit_id = commit_id;
  c.placements = std::move(placements);
  return c;
}

Command OfCharge(Kind kind, const char* id) {
  Command c = Of(kind);
  c.charge_id = id;
  c.charge_ids = {id};
  c.reason = "no process is left";
  return c;
}

Command Resize(const char* id, const char* cgroup, const char* region, uint64_t bytes) {
  Command c = Of(Kind::kResize);
  NewSize size;
  size.charge_id = id;
  size.cgroup = cgroup;
  size.region = region;
  size.bytes = bytes;
  c.sizes = {size};
  return c;
}

Command SetMax(const char* cgroup, const char* region, uint64_t max, bool apply = false) {
  Command c = Of(Kind::kSetLimits);
  LimitChange change;
  change.cgroup = cgroup;
  change.region = region;
  change.max = max;
  c.limits = {change};
  c.flag = apply;
  return c;
}

Command Protect(const char* cgroup, const char* region, uint64_t min, uint64_t low) {
  Command c = Of(Kind::kSetLimits);
  LimitChange change;
  change.cgroup = cgroup;
  change.region = region;
  change.min = min;
  change.low = low;
  c.limits = {change};
  return c;
}

Command OpenSession(uint64_t incarnation, const char* nonce) {
  Command c = Of(Kind::kOpenSession);
  c.node = "n1";
  c.owner = "agent";
  c.incarnation = incarnation;
  c.ttl_us = 4 * kSecondUs;
  c.nonce = nonce;
  return c;
}

Command OnNode(Kind kind, bool flag = false) {
  Command c = Of(kind);
  c.node = "n1";
  c.flag = flag;
  return c;
}

Command Tick(int64_t after_us) {
  Command c = Of(Kind::kTick);
  c.time_us = after_us;
  return c;
}

Command InSession(Command c) {
  c.session = kNewestSession;
  return c;
}

// A whole list.
Command List(uint64_t as_of, std::vector<HeldItem> held) {
  Command c = InSession(Of(Kind::kReconcile));
  c.list_id = "l";
  c.last = true;
  c.as_of = as_of;
  c.held = std::move(held);
  return c;
}

HeldItem Held(const char* id, const char* cgroup, const char* region, uint64_t bytes) {
  HeldItem held;
  held.charge_id = id;
  held.cgroup = cgroup;
  held.region = region;
  held.bytes = bytes;
  held.created_at_us = kCreatedUs;
  held.is_measured = true;
  return held;
}

Alphabet Limits() {
  Alphabet a;
  a.name = "limits";
  a.depth = 6;
  a.setup = {Named(Kind::kRegisterGroup, "g"), Register("r1", 3, "g")};
  a.letters = {
      Charge("c1", {To("/a/b", "r1", 1)}),
      Charge("c1", {To("/a/b", "r1", kUnlimitedBytes)}, ChargeMode::kForce),
      Charge("c2", {To("/a", "r1", 2)}),
      Charge("c3", {To("/a", "r1", 1), To("/c", "r1", 1)}),
      Charge("c4", {To("/c", "r1", 0)}),
      OfCharge(Kind::kUncharge, "c1"),
      OfCharge(Kind::kUncharge, "c2"),
      Resize("c1", "/a/b", "r1", 2),
      Resize("c1", "/a/b", "r1", 0),
      SetMax("/a", "g", 1),
      SetMax("/a/b", "r1", 0, /*apply=*/true),
      SetMax("/a", "g", kUnlimitedBytes),
      Protect("/a", "r1", 1, 2),
      Named(Kind::kDeleteCgroup, "/a/b"),
      Named(Kind::kDeleteCgroup, "/a"),
      Named(Kind::kCreateCgroup, "/a"),
      Register("r1", 1, "g"),
  };
  return a;
}

// Amounts whose products are beyond 64 bits, and such that are not.
Alphabet Protection() {
  constexpr uint64_t kTiB = uint64_t{1} << 40;
  constexpr uint64_t kHuge = uint64_t{1} << 62;
  Alphabet a;
  a.name = "protection";
  a.depth = 10;
  Command region = Register("r1", 400, "");
  region.grantable = kUnlimitedBytes;
  a.setup = {region};
  a.letters = {
      Protect("/a", "r1", 2 * kTiB, kHuge),
      Protect("/a/x", "r1", 3 * kTiB, 1),
      Protect("/a/y", "r1", 2 * kTiB + 1, kHuge - 1),
      Charge("cx", {To("/a/x", "r1", 3 * kTiB + 7)}),
      Charge("cy", {To("/a/y", "r1", 5 * kTiB)}),
      Charge("ca", {To("/a", "r1", kHuge)}),
      Resize("cx", "/a/x", "r1", 1),
      Resize("cy", "/a/y", "r1", kHuge),
      OfCharge(Kind::kUncharge, "cy"),
  };
  return a;
}

Alphabet Ids() {
  Alphabet a;
  a.name = "ids";
  a.depth = 7;
  Command bounds = Of(Kind::kConfigure);
  bounds.bounds.tombstones_max = 2;
  a.setup = {bounds, Register("r1", 3, "")};
  Command later = Charge("c1", {To("/a", "r1", 1)});
  later.created_at_us += 30 * kSecondUs;
  Command latest = Charge("c3", {To("/a", "r1", 1)});
  latest.created_at_us += 400 * kSecondUs;
  a.letters = {
      Charge("c1", {To("/a", "r1", 1)}),
      later,
      Charge("c1", {To("/a", "r1", 1)}, ChargeMode::kCheckOnly),
      Charge("c2", {To("/a", "r1", 3)}),
      latest,
      OfCharge(Kind::kUncharge, "c1"),
      OfCharge(Kind::kUncharge, "c2"),
      OfCharge(Kind::kUncharge, "c3"),
      OfCharge(Kind::kCancel, "c1"),
      Resize("c1", "/a", "r1", 2),
      OfCharge(Kind::kRequestRelease, "c1"),
      Tick(400 * kSecondUs),
  };
  return a;
}

Alphabet Reservations() {
  Alphabet a;
  a.name = "reservations";
  a.depth = 6;
  a.setup = {Named(Kind::kRegisterGroup, "g"), Register("r1", 2, "g"), Register("r2", 3, "g")};
  a.letters = {
      Reserve("c1", To("/a", "g", 3), 4 * kSecondUs),
      Reserve("c2", To("/a/b", "r1", 1), 8 * kSecondUs),
      Commit("c1", "m1", {{"/a", "g", "r1", 1, {}}}),
      Commit("c1", "m2", {{"/a", "g", "r2", 2, {}}}),
      Commit("c2", "m1", {}),
      OfCharge(Kind::kCancel, "c1"),
      OfCharge(Kind::kCancel, "c2"),
      OfCharge(Kind::kUncharge, "c1"),
      Charge("c3", {To("/a", "r1", 2)}),
      SetMax("/a", "g", 3),
      Register("r1", 2, "g", /*incarnation=*/1),
      Named(Kind::kUnregister, "r1"),
      Named(Kind::kUnregister, "r1", /*flag=*/true),
      Named(Kind::kCordon, "r2", /*flag=*/true),
      Tick(4 * kSecondUs),
  };
  return a;
}

// Regions that come and go, and groups.
Alphabet Devices() {
  Alphabet a;
  a.name = "devices";
  a.depth = 6;
  a.setup = {Named(Kind::kRegisterGroup, "g")};
  Item first = To("/a", "r1", 1);
  first.incarnation = 1;
  a.letters = {
      Register("r1", 2, "g", 1),
      Register("r1", 2, "g", 2),
      Register("r1", 1, "", 1),
      Register("r2", 2, "g"),
      Named(Kind::kUnregister, "r1"),
      Named(Kind::kUnregister, "r1", /*flag=*/true),
      Named(Kind::kCordon, "r1", /*flag=*/true),
      Charge("c1", {first}),
      Charge("c2", {To("/a", "r1", 1), To("/b", "r2", 1)}),
      Charge("c3", {To("/a", "r1", 0)}, ChargeMode::kForce),
      OfCharge(Kind::kUncharge, "c1"),
      OfCharge(Kind::kUncharge, "c2"),
      Named(Kind::kDeleteCgroup, "/a"),
      SetMax("/a", "r1", 1),
      Named(Kind::kRegisterGroup, "h"),
      Named(Kind::kRegisterGroup, "h", false, "g"),
      Named(Kind::kRegisterGroup, "g", false, "h"),
      Named(Kind::kUnregisterGroup, "h"),
  };
  return a;
}

// Sessions, and what nodes really hold.
Alphabet Nodes() {
  Alphabet a;
  a.name = "nodes";
  a.depth = 6;
  Command bounds = Of(Kind::kConfigure);
  bounds.bounds.lost_after_us = 4 * kSecondUs;
  a.setup = {bounds, OpenSession(1, "1"), InSession(Register("r1", 3, ""))};
  Command renewed = Tick(4 * kSecondUs);
  renewed.renewals = {{kNewestSession, 0}};
  a.letters = {
      Charge("c1", {To("/a", "r1", 1)}),
      InSession(Charge("c2", {To("/b", "r1", 2)})),
      OfCharge(Kind::kUncharge, "c1"),
      OfCharge(Kind::kRequestRelease, "c2"),
      List(kNow, {}),
      List(kNow - 1, {}),
      List(kNow, {Held("c1", "/a", "r1", 1)}),
      List(kNow, {Held("c1", "/c", "r1", 2), Held("c3", "/a/b", "r1", 1)}),
      OpenSession(2, "2"),
      InSession(Register("r1", 3, "")),
      InSession(Of(Kind::kCloseSession)),
      OnNode(Kind::kDeclareNotReady, /*flag=*/true),
      OnNode(Kind::kFence),
      Tick(4 * kSecondUs),
      renewed,
  };
  return a;
}

}  // namespace

std::vector<Alphabet> Alphabets() {
  return {Limits(), Protection(), Ids(), Reservations(), Devices(), Nodes()};
}

}  // namespace model
}  // namespace dmem
