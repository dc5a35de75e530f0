// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// PastRegions: which regions and groups there were, under which names, and in which groups.

#ifndef SERVER_PAST_REGIONS_H_
#define SERVER_PAST_REGIONS_H_

#include <cstdint>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "core/state.h"
#include "dmem/v1/events.pb.h"

namespace dmem::server {

// Begins as a state has it, and goes back event by event. Regions and groups are told apart by id:
// a name may have been of several.
//
// Thread-compatible.
class PastRegions {
 public:
  explicit PastRegions(const State& state);

  // Goes back to before the event. REQUIRES: those after it have been undone.
  void Undo(const v1::RegionChanged& change);

  // Of "NAME" or "NAME@ID", as events name it; 0: there is none.
  uint64_t IdOf(absl::string_view name) const;
  // "NAME"; "" for an id that there is not.
  const std::string& NameOf(uint64_t id) const { return Get(id).name; }
  // "NAME@ID" if it is GONE.
  std::string ShownNameOf(uint64_t id) const;
  // The name of its group; "" if it has none. A group's is its own.
  const std::string& GroupOf(uint64_t id) const;
  // Whether it is named so, or is below a group that is; a GONE region is by its name before.
  bool IsAtOrBelow(uint64_t id, absl::string_view name) const;

 private:
  struct Region {
    std::string name;
    uint64_t parent = 0;
    bool is_group = false;
    bool is_gone = false;
  };

  const Region& Get(uint64_t id) const;

  absl::flat_hash_map<uint64_t, Region> regions_;
  absl::flat_hash_map<std::string, uint64_t> live_;
};

}  // namespace dmem::server

#endif  // SERVER_PAST_REGIONS_H_
