// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Model: what dmemd must answer, as simply as it can be said.

#ifndef TESTS_MODEL_MODEL_H_
#define TESTS_MODEL_MODEL_H_

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/types/optional.h"
#include "tests/model/command.h"

namespace dmem {
namespace model {

// Charges to ask about: of so many items of so many bytes to a cgroup, each in another region.
struct Shape {
  std::string cgroup, region;  // The region, or the group whose regions may be used.
  uint64_t items = 1, bytes = 1;
  bool same_node = false;
};

// A naive reading of the rules R1-R12: a list of charges, from which everything is recomputed from
// scratch in 128 bits whenever it is needed. Fast at nothing; shares no code with core. Only what
// cannot be recomputed is kept: peaks, counts of refusals, byte-seconds, ids.
//
// Thread-compatible.
class Model {
 public:
  struct Protection {
    uint64_t emin = 0, elow = 0;
  };
  static constexpr uint64_t kRoot = 0;  // Id of "/".
  static constexpr uint64_t kNobody = UINT64_MAX;

  Model();

  // Applies the command and returns the answer in words: "OK …" or "CODE REASON …".
  std::string Apply(const Command& command);
  // As of the last command.
  const View& view() const { return view_; }

  // Effective protection relative to a cgroup (rule R8), and the kernel's question (rule R9;
  // `limit` kNobody: the device is full). By ids; `cgroup` at or below `limit` for Protect.
  Protection Protect(uint64_t cgroup, uint64_t region, uint64_t limit) const;
  std::string EvictValuable(uint64_t limit, uint64_t cgroup, uint64_t region,
                            bool ignore_low) const;
  // The kernel's text of a file (rule R13), or the error.
  std::string ReadFile(const std::string& cgroup, const std::string& file) const;
  bool IsBelow(uint64_t cgroup, uint64_t ancestor) const;
  bool IsInRegion(uint64_t region, uint64_t region_or_group) const;
  std::vector<uint64_t> RegionChain(uint64_t region) const;  // Itself, then its groups upwards.
  // Of these, where it counts.
  std::vector<uint64_t> CountedChain(uint64_t region) const;
  bool IsCountedIn(uint64_t region, uint64_t region_or_group) const;
  uint64_t UsageOf(uint64_t cgroup, uint64_t region) const;
  // Why nothing can be asked about the shape, or "".
  std::string CheckShape(const Shape& shape) const;
  // Whether so many charges would be granted, in whatever regions. Tries all: a few only.
  // REQUIRES: CheckShape(shape) is empty.
  bool Fits(const Shape& shape, uint64_t charges) const;
  // Whether the most that fit can be told: it is not hard to find. Perhaps also where this is
  // false. REQUIRES: CheckShape(shape) is empty.
  bool IsSimple(const Shape& shape) const;
  // The most bytes that a charge of one item may have, as counters go.
  uint64_t Hole(const Shape& shape) const;
  // From here on, protection is as if that much were gone. Apply forgets it.
  void TakeOff(uint64_t cgroup, uint64_t region, uint64_t bytes);

 private:
  using Key = std::pair<uint64_t, uint64_t>;  // Cgroup, region.
  using Amount = unsigned __int128;
  using Usage = std::map<Key, Amount>;

  struct Region {
    uint64_t id = 0;
    std::string name, node;
    bool is_group = false, is_gone = false, is_cordoned = false;
    uint64_t capacity = 0, reserved = 0, incarnation = 0;
    absl::optional<uint64_t> grantable;
    uint64_t parent = 0;  // 0: none.
    std::string bound;    // The node that answers for it; empty: none.
    bool is_failed = false, is_lost = false, is_unconfirmed = false;
    // As last reported; what belonged to charges then.
    uint64_t device_used = 0, attributed = 0;
    int64_t device_used_at_us = 0;
  };
  struct Session {
    uint64_t id = 0;
    std::string request;  // As opened.
    std::string owner, node;
    uint64_t incarnation = 0;
    int64_t ttl_us = 0, heard_at_us = 0, ended_at_us = 0;
    std::string state = "ACTIVE";
    // The list that is being told: the part that comes next (0: none).
    uint64_t next_part = 0, as_of = 0;
    std::string list_id;
    bool has_ended() const { return state != "ACTIVE" && state != "SILENT"; }
  };
  struct Node {
    uint64_t id = 0, incarnation = 0, fenced = 0;
    bool is_not_ready = false, is_lost = false;
    int64_t not_ready_since_us = 0, unheard_since_us = 0;
  };
  // Something that happens by itself: when, to a session (0), node (1) or charge (2), and which.
  struct Due {
    int64_t at_us = 0;
    int kind = 0;
    uint64_t id = 0;
    std::string name;
    friend bool operator<(const Due& a, const Due& b) {
      return std::tie(a.at_us, a.kind, a.id) < std::tie(b.at_us, b.kind, b.id);
    }
  };
  struct Cgroup {
    uint64_t id = 0, parent = 0;
    std::string path;
    bool is_implicit = false, is_dying = false;
    absl::optional<int32_t> priority;
  };
  struct ChargedItem {
    uint64_t cgroup = 0, region = 0, bytes = 0;
    bool is_reserved = false;
    uint64_t placed_sequence = 0;  // Of a HELD one: since when.
    absl::optional<uint64_t> measured = absl::nullopt;
    int64_t measured_at_us = 0;
    bool is_listed = false;  // In the list that is being told.
  };
  struct LiveCharge {
    std::string request;  // As first sent; empty: it was recorded.
    std::vector<ChargedItem> items;
    bool is_partial = false, is_preemptible = false, is_measured = false;
    absl::optional<int32_t> priority;
    int64_t created_at_us = 0, granted_at_us = 0;
    uint64_t granted_sequence = 0, granted_index = 0;  // A list records several at once.
    std::string owner;
    int64_t expires_at_us = 0;                   // Counts while an item is reserved.
    std::map<std::string, std::string> commits;  // Placements by id.
    std::string release;                         // Empty: not asked for.
    uint64_t session = 0;
    bool is_reserved() const {
      return std::any_of(items.begin(), items.end(),
                         [](const ChargedItem& item) { return item.is_reserved; });
    }
  };
  struct Spent {
    std::string id;
    int64_t covers_until_us = 0;
    bool is_skewed = false;
  };
  // What is kept of a pool.
  struct Pool {
    uint64_t min = 0, low = 0, max = kUnlimitedBytes;
    bool is_observed = false;
    uint64_t etag = 0, refusals = 0, would_refuse = 0;
    Amount peak = 0, byte_microseconds = 0;
    bool has_limits() const { return min > 0 || low > 0 || max != kUnlimitedBytes || is_observed; }
  };
  struct State {
    Bounds bounds;
    std::vector<Region> regions;  // In order of registration.
    std::map<uint64_t, Cgroup> cgroups;
    std::map<Key, Pool> pools;
    std::map<std::string, LiveCharge> charges;
    std::vector<Spent> spent;  // In order of their release.
    uint64_t next_region = 1, next_cgroup = 1, sequence = 0;
    int64_t ids_covered_since_us = 0;
    std::map<uint64_t, Session> sessions;
    std::map<std::string, Node> nodes;
    int64_t outage_us = 0, ticked_at_us = 0;
    int64_t changed_at_us = 0;
    bool is_ticking = false;
  };
  // Something to charge, or to grow by.
  struct Ask {
    size_t index = 0;
    uint64_t cgroup = 0, region = 0, bytes = 0;
    std::string cgroup_name, region_name;  // As given.
    uint64_t below = 0;  // Only the levels below this group: the others count it already.
  };

  // ---- model_objects.cc ----
  std::string Register(const Command& c);
  std::string Unregister(const Command& c);
  std::string Cordon(const Command& c);
  std::string RegisterGroup(const Command& c);
  std::string UnregisterGroup(const Command& c);
  std::string SetLimits(const Command& c);
  std::string CreateCgroup(const Command& c);
  std::string DeleteCgroup(const Command& c);
  std::string DropItems(uint64_t region, int64_t time_us);
  std::string DropMemory(uint64_t region, int64_t time_us);
  bool HasItems(uint64_t region) const;
  bool HasRoomForParent(const Region& region, uint64_t parent) const;
  // Groups from `group` up (0: none), and the longest way down from it.
  size_t GroupsUp(uint64_t group) const;
  size_t GroupsDown(uint64_t group) const;

  // ---- model_charges.cc ----
  std::string Charge(const Command& c);
  std::string Uncharge(const Command& c);
  std::string Resize(const Command& c);
  // The error of a charge item, or "".
  std::string CheckItem(const Item& item, bool is_reservation) const;
  // Why the asks are refused, or "": then the texts of those under OBSERVE are in *would_refuse.
  // `shrunk` is the usage with which the walk begins.
  std::string Walk(const std::vector<Ask>& asks, const Usage& shrunk, ChargeMode mode,
                   std::string* would_refuse);
  // What the walk holds a usage to.
  uint64_t BoundOf(Key counter, ChargeMode mode) const;
  // `bound` is what the counter refuses beyond, or would have.
  Refusal Explain(const std::vector<Ask>& asks, size_t which, Key counter, uint64_t bound,
                  const Usage& shrunk, ChargeMode mode) const;
  void Spend(const std::string& id, absl::optional<int64_t> created_at_us, int64_t time_us);
  void DropOldestSpent();
  void DropSpent(int64_t time_us);

  // ---- model_reservations.cc ----
  std::string Commit(const Command& c);
  std::string Cancel(const Command& c);
  std::string Renew(const Command& c);
  std::string RequestRelease(const Command& c);
  // Of a live charge, or "".
  std::string CheckLive(const std::string& charge_id) const;
  // The error of placing, or "" and in *item which of the charge's it is of.
  std::string CheckPlacement(const LiveCharge& charge, const Placement& placement,
                             size_t* item) const;
  std::string WalkCommit(const Command& c, const LiveCharge& charge,
                         const std::vector<size_t>& from, std::string* would_refuse);
  void Hold(LiveCharge* charge, size_t from, uint64_t region, uint64_t bytes);
  // Gives back what is reserved; returns how much.
  Amount GiveBack(const std::string& charge_id, int64_t time_us);

  // ---- model_held.cc ----
  std::string Reconcile(const Command& c);
  std::string ReportMeasured(const Command& c);
  std::string MoveCharge(const Command& c);
  // The error of listing that, or "".
  std::string CheckHeld(const HeldItem& held, const std::string& node) const;
  std::string CheckRoomForHeld(const Command& c, const std::string& node) const;
  // Of the charge, the HELD item that is meant; -1: none is.
  int FindHeld(const LiveCharge& charge, const HeldItem& held) const;
  void TakeHeld(const Command& c, const HeldItem& held, std::map<std::string, std::string>* fresh,
                std::vector<FoundDifference>* found);
  void RecordHeld(const Command& c, const HeldItem& held, const std::string& id);
  void AddHeld(const std::string& id, const HeldItem& held, FoundDifference* difference);
  void ReleaseUnlisted(const Command& c, const std::string& node,
                       std::vector<FoundDifference>* found);
  // Of the regions of a node whose contents it can tell, each item.
  template <typename Visit>
  void ForEachTold(const std::string& node, const Visit& visit);
  uint64_t UnattributedIn(const Region& region) const;
  uint64_t GrantableOf(const Region& region) const;
  // Peaks count what is there between the steps of a list, too.
  void NotePeaks();

  // ---- model_headroom.cc ----
  std::vector<const Region*> RegionsFor(const Shape& shape) const;
  std::vector<Key> CountersFor(const Shape& shape, uint64_t region) const;

  // ---- model_sessions.cc ----
  std::string OpenSession(const Command& c);
  std::string CloseSession(const Command& c);
  std::string DeclareNotReady(const Command& c);
  std::string Fence(const Command& c);
  std::string ReportRegionState(const Command& c);
  std::string Resume(const Command& c);
  std::string Tick(const Command& c);
  // The error of carrying that session, or "".
  std::string CheckSession(uint64_t id) const;
  // Of the node; nullptr if none is ACTIVE or SILENT.
  Session* SessionOf(const std::string& node);
  const Session* SessionOf(const std::string& node) const;
  bool IsHeard(const std::string& node) const;
  void End(Session* session, const char* state, int64_t at_us);
  void Forget(const std::string& node);  // If nothing is to be remembered of it.
  std::string DropItemsOf(const std::string& node, int64_t time_us);
  std::string StateOf(const Region& region) const;
  // Why the region takes no charge, or "".
  std::string CheckState(const Region& region) const;
  int64_t ServiceTime(int64_t time_us) const { return time_us - s_.outage_us; }
  std::vector<Due> AllDue() const;
  void Happen(const Due& due, int64_t time_us);
  void LookAtLeases(View* view) const;

  // ---- model.cc ----
  std::string Dispatch(const Command& c);
  Region* FindRegion(const std::string& name);
  const Region* FindRegion(const std::string& name) const;
  Region* RegionOf(uint64_t id);
  const Region* RegionOf(uint64_t id) const;
  const Cgroup* FindCgroup(const std::string& name) const;
  // The error of naming `path` in a charge or limit, or "".
  std::string CheckCgroup(const std::string& path) const;
  // Pools that are missing for a charge or limit, this one's levels counted for itself alone.
  size_t MissingPools(const std::string& cgroup, uint64_t region) const;
  // Cgroups that are missing on the way down to it.
  size_t MissingOn(const std::string& path) const;
  // The cgroup of that path, made with its ancestors if it is not there.
  uint64_t EnsureCgroup(const std::string& path);
  std::string RegionName(const Region& region) const;
  std::string CgroupName(uint64_t id) const;
  std::vector<uint64_t> CgroupChain(uint64_t cgroup) const;           // Itself, then up to "/".
  std::vector<Key> Counters(uint64_t cgroup, uint64_t region) const;  // In order of the walk.
  std::vector<Key> CountersOf(const Ask& ask) const;                  // Those that are asked.
  Usage UsageNow() const;
  // Removes the cgroups and regions that nothing keeps; returns the ids of dying ones, ascending.
  std::vector<uint64_t> Collect();
  void RemoveCgroup(uint64_t id);
  void RemoveRegion(uint64_t id);
  // Makes the pools that there must be: of "/", and those above another.
  void MakePools();
  uint64_t LimitOf(Key counter) const;
  int32_t PriorityOf(uint64_t cgroup) const;

  // ---- model_view.cc ----
  View Look() const;
  void LookAtCharges(View* view) const;

  State s_;
  Usage usage_;  // As of the last command.
  int64_t time_us_ = 0;
  absl::optional<Key> refused_by_;  // The counter that refused the present command.
  bool is_changed_ = false;         // By the present command, whether or not it shows.
  View view_;
};

// As amounts are shown: what is beyond the largest of them is "max".
uint64_t Shown(unsigned __int128 amount);

// Joins with ", ".
std::string IdsText(const std::vector<uint64_t>& ids);

}  // namespace model
}  // namespace dmem

#endif  // TESTS_MODEL_MODEL_H_
