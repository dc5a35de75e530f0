// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Changes: what a command changed, for events and for the audit.

#ifndef CORE_CHANGES_H_
#define CORE_CHANGES_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "absl/types/variant.h"
#include "core/byte_count.h"
#include "core/commands.h"
#include "core/state.h"

namespace dmem {

// A string in Changes::Text. So a long Uncharge copies its names without an allocation for each.
struct TextRef {
  uint32_t offset = 0;
  uint32_t size = 0;
};

// Why items of a charge came, changed or went. Stored in records: numbers stay.
enum class Cause : uint8_t {
  kUnspecified = 0,
  kCharge = 1,
  kUncharge = 2,
  kResize = 3,
  kNewerIncarnation = 4,
  kUnregister = 5,
  kFence = 6,
  kReconcile = 7,
  kExpiry = 8,
  kCancel = 9,
  kCommit = 10,
  kMove = 11,
};

// What became of one item. `before` and `after` are both 0 for an empty item that comes or goes.
struct ItemChange {
  enum class What : uint8_t {
    kAdded = 0,
    kResized = 1,
    kRemoved = 2,
    kPlaced = 3,  // HELD by a commit from now on; or more of it is.
  };
  What what = What::kAdded;
  TextRef cgroup;         // The path that it has or, if dying, had.
  uint64_t dying_id = 0;  // Of a dying cgroup, which is "@ID" by now; else 0.
  TextRef region;
  ByteCount before, after;
  bool is_reserved = false;   // After it; of a removed one, before.
  bool was_reserved = false;  // Before it; of an added one false.
  // What was measured of it in this cgroup, where the change of the item changed that.
  ByteCount measured_before, measured_after;
  // Of a removed item: its bytes × microseconds from when it was added, booked and measured.
  unsigned __int128 booked_byte_us = 0;
  unsigned __int128 measured_byte_us = 0;
};

// Items of one charge. A granted Charge has none for its own items: its request says it all.
struct ChargeChanged {
  TextRef charge_id;
  TextRef details;  // Encoded ChargeDetails; only if `ended`.
  uint64_t granted_sequence = 0;
  int64_t granted_at_us = 0;
  Cause cause = Cause::kUnspecified;
  bool ended = false;       // The charge went with these.
  uint32_t first_item = 0;  // In Changes::items().
  uint32_t items = 0;
};

// A counter refused the command.
struct ChargeRefused {
  CounterRefusal refusal;
};

// An observed max would have refused.
struct WouldRefuse {
  CounterRefusal refusal;
};

struct Limits {
  ByteCount min, low, max = kUnlimited;
  bool observed = false;
};

struct LimitsChanged {
  std::string cgroup;     // A path.
  uint64_t dying_id = 0;  // As ItemChange.
  std::string region;
  Limits before, after;
};

// Usage went above max, or back. For the root pool of a region, `max` is what it may grant.
struct OverChanged {
  std::string cgroup;  // A path.
  uint64_t dying_id = 0;
  std::string region;
  bool entered = false;
  bool observed = false;
  ByteCount usage, max;
};

struct RegionNumbers {
  ByteCount capacity, reserved, grantable;
  uint64_t incarnation = 0;
  std::string parent;
};

struct RegionChanged {
  enum class What : uint8_t {
    kRegistered = 0,
    kUpdated = 1,
    kCordoned = 2,
    kUncordoned = 3,
    kGone = 4,     // Unregistered; "NAME@ID" as long as it holds charges.
    kRemoved = 5,  // With its last charge, or at once.
  };
  What what = What::kRegistered;
  bool is_group = false;
  uint64_t id = 0;
  std::string region;
  RegionNumbers before;  // Of kUpdated and kRemoved.
  RegionNumbers after;   // Of kRegistered and kUpdated.
};

// Names of states are for people and programs alike: "READY", "STALE", ...
struct RegionStateChanged {
  std::string region;
  std::string from, to;
  std::string why;
  bool counts_in_groups = true;  // After it.
};

struct SessionChanged {
  enum class What : uint8_t {
    kOpened = 0,
    kRenewedLate = 1,
    kSilent = 2,
    kFenced = 3,
    kClosed = 4,
    kSuperseded = 5,
    kForgotten = 6,
  };
  What what = What::kOpened;
  uint64_t id = 0;
  std::string owner, node;
  uint64_t incarnation = 0;
  std::string why;  // Evidence of a fence.
};

struct NodeReadinessChanged {
  std::string node;
  bool not_ready = false;
  std::string why;
};

// An item of a charge, as it stands.
struct ItemPlace {
  std::string cgroup;  // The path that it has or, if dying, had.
  std::string region;
  ByteCount bytes;
  bool is_reserved = false;
};

struct ReservationRenewed {
  std::string charge_id;
  int64_t expires_at_us = 0;
  std::vector<ItemPlace> items;
};

struct ReleaseRequested {
  std::string charge_id;
  std::string by, why;
  std::vector<ItemPlace> items;
};

// The end of a reconcile; what it changed stands beside it, item by item.
struct ReconcileEnded {
  uint64_t session = 0;
  std::string node;
  uint64_t as_of = 0;
  uint64_t listed = 0;    // Items that the node holds.
  uint64_t recorded = 0;  // Of these unknown before.
  uint64_t released = 0;
  uint64_t resized = 0;
  uint64_t differing = 0;  // BOOKED ones of another size, left as they were.
};

struct CgroupChanged {
  enum class What : uint8_t {
    kCreated = 0,
    kMadeExplicit = 1,
    kDying = 2,
    kFreed = 3,  // A dying one, with the last of its charges.
    kDeleted = 4,
    kDisappeared = 5,  // An implicit one that nothing kept.
  };
  What what = What::kCreated;
  uint64_t id = 0;
  std::string path;
  bool implicit = false;
  int32_t priority = 0;
};

// Memory of the device that no charge accounts for, seen or no longer seen.
struct UnattributedChanged {
  std::string region;
  bool entered = false;
  ByteCount bytes;
};

// A charge item measured above what is booked, or no longer.
struct OverGrantChanged {
  std::string charge_id, cgroup, region;
  bool entered = false;
  ByteCount booked, measured;
};

using Change = absl::variant<ChargeChanged, ChargeRefused, WouldRefuse, LimitsChanged, OverChanged,
                             RegionChanged, RegionStateChanged, SessionChanged,
                             NodeReadinessChanged, ReservationRenewed, ReleaseRequested,
                             ReconcileEnded, CgroupChanged, UnattributedChanged, OverGrantChanged>;

// Collects what the commands of a ledger change, one command at a time. A function of the commands
// alone, as the state is: the same commands give the same changes.
//
// The editor tells of items, limits, cgroups and OVER by itself; commands set the cause, and add
// what else is worth an event with one line: changes_.Add(SessionChanged{...}).
//
// Thread-compatible: belongs to the ledger.
class Changes {
 public:
  // Off at first: a start that applies a million records copies no names.
  void Keep(bool keep) { is_kept_ = keep; }
  bool is_kept() const { return is_kept_; }

  // ---- For readers ----

  // Whether there is nothing to tell: neither a change nor what was measured before.
  bool empty() const { return changes_.empty() && measured_.empty(); }
  // Of the last command that changed anything, in the order in which it did. Valid until the next.
  absl::Span<const Change> all() const { return changes_; }
  absl::Span<const ItemChange> items(const ChargeChanged& change) const {
    return absl::MakeConstSpan(items_).subspan(change.first_item, change.items);
  }
  // Of a ReportMeasured: of each item that it names, in order, one more than what was measured of
  // it before; 0: there is none.
  absl::Span<const uint64_t> measured_before_plus_1() const { return measured_; }
  absl::string_view Text(TextRef ref) const {
    return absl::string_view(text_).substr(ref.offset, ref.size);
  }

  // ---- For commands ----

  // Of the items that the present command adds, resizes and removes from here on.
  void SetCause(Cause cause) { cause_ = cause; }
  template <typename Kind>
  void Add(Kind change) {
    if (!is_kept_) return;
    Open();
    changes_.emplace_back(std::move(change));
  }
  // Of the next item of a ReportMeasured, nullopt if there is none such.
  void AddMeasured(absl::optional<ByteCount> before) {
    if (!is_kept_) return;
    Open();
    measured_.push_back(before.has_value() ? before->value() + 1 : 0);
  }
  // Ends a command that changed something: what comes next is of another one.
  void Seal(const State& state) {
    if (!is_kept_) return;
    if (is_open_) {
      is_open_ = false;
      if (!over_.empty()) SettleOver(state);
    } else {
      Clear();
    }
    cause_ = Cause::kUnspecified;
  }

  // ---- For the editor ----

  // An item was just added; has just changed from `before`; was just placed; or is about to go.
  // Neighbours of one charge and cause make one change, and so do steps of one item in it.
  void AddItem(const State& state, Index item) {
    if (is_kept_ && cause_ != Cause::kCharge) ListItem(state, item, ItemChange::What::kAdded, {});
  }
  void ResizeItem(const State& state, Index item, ByteCount before) {
    if (is_kept_) ListItem(state, item, ItemChange::What::kResized, before);
  }
  void PlaceItem(const State& state, Index item, bool was_reserved) {
    if (!is_kept_) return;
    const size_t items = items_.size();
    const ByteCount bytes = state.items[item].bytes;
    ItemChange& change = ListItem(state, item, ItemChange::What::kResized, bytes);
    if (items_.size() > items) change.was_reserved = was_reserved;
    if (change.what == ItemChange::What::kResized) change.what = ItemChange::What::kPlaced;
  }
  // What is measured of an item was changed with it, not by a report.
  void MeasureItem(const State& state, Index item, ByteCount before) {
    if (is_kept_) ListMeasured(state, item, before);
  }
  void RemoveItem(const State& state, Index item, int64_t time_us) {
    if (is_kept_) ListRemoved(state, item, time_us);
  }
  // The charge is about to go; its items have been told already, or never were.
  void EndCharge(const State& state, Index charge) {
    if (is_kept_) MarkEnded(state, charge);
  }
  // The pool is OVER now, or no longer. What a command takes back itself is not told.
  void TurnOver(const State& state, Index pool, bool entered);

 private:
  static constexpr uint64_t kNoId = ~uint64_t{0};
  static constexpr size_t kNoChange = ~size_t{0};

  struct PendingOver {
    size_t change = 0;  // In changes_.
    Index pool = kNone;
    bool is_void = false;  // Taken back.
  };

  void Open() {
    if (is_open_) return;
    Clear();
    is_open_ = true;
  }
  void Clear();
  TextRef Keep(absl::string_view text);
  // The change of `charge` that the next item belongs to.
  ChargeChanged& ChangeOf(const State& state, Index charge);
  ItemChange& ListItem(const State& state, Index item, ItemChange::What what, ByteCount before);
  void ListRemoved(const State& state, Index item, int64_t time_us);
  void ListMeasured(const State& state, Index item, ByteCount before);
  void MarkEnded(const State& state, Index charge);
  void SettleOver(const State& state);

  bool is_kept_ = false;
  bool is_open_ = false;
  Cause cause_ = Cause::kUnspecified;
  std::vector<Change> changes_;
  size_t last_charge_ = kNoChange;  // The last ChargeChanged.
  std::vector<ItemChange> items_;
  std::vector<uint64_t> measured_;
  // Of items_, for those that may change again; kNone for those that went.
  std::vector<Index> item_indices_;
  size_t live_items_ = 0;  // In item_indices_.
  std::string text_;
  // The names that were kept last: the items of a charge are often neighbours in both.
  uint64_t last_cgroup_id_ = kNoId, last_region_id_ = kNoId;
  TextRef last_cgroup_text_, last_region_text_;
  absl::flat_hash_map<std::pair<uint64_t, uint64_t>, PendingOver> over_;  // By cgroup, region id.
};

}  // namespace dmem

#endif  // CORE_CHANGES_H_
