// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// TestTree: cgroup trees drawn in a few words.

#ifndef CORE_TESTING_TREE_H_
#define CORE_TESTING_TREE_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "core/byte_count.h"
#include "core/ledger.h"
#include "core/state.h"

namespace dmem {

// A ledger with regions, groups, cgroups, limits and charges as drawn:
//
//   TestTree tree;
//   tree.Group("cluster").Region("gpu0", "cluster");
//   tree.Draw("gpu0", "/a min=10Mi; /a/b low=4Mi use=5Mi,1Mi priority=-1; / use=1");
//
// Aborts, by DMEM_CHECK, on a drawing that the ledger refuses.
class TestTree {
 public:
  // Groups and regions come in order of registration. An empty parent: none.
  TestTree& Group(absl::string_view name, absl::string_view parent = "");
  TestTree& Region(absl::string_view name, absl::string_view parent = "",
                   ByteCount capacity = ByteCount(uint64_t{1} << 40));

  // Pools in a region or group, separated by ';', each "CGROUP WORD...". Words: min=, low=, max= a
  // size; use= sizes separated by ',', a charge each, newest last, whatever the limits (regions
  // only); priority= a number, of the cgroup. Sizes are bytes with an optional Ki, Mi, Gi or Ti, or
  // "max". Cgroups are made as they are first named.
  TestTree& Draw(absl::string_view region, absl::string_view pools);

  // Makes the cgroup, explicit. Its parent must exist.
  TestTree& Create(absl::string_view cgroup);
  // Deletes the cgroup, which is dying if it has charges.
  TestTree& Delete(absl::string_view cgroup);
  // Unregisters the region, which is GONE while it has charges.
  TestTree& Unregister(absl::string_view region);

  // For commands that cannot be drawn.
  Ledger& ledger() { return ledger_; }
  const State& state() const { return ledger_.state(); }
  // REQUIRES: it exists. (Names as State::FindCgroup and State::FindRegion take them.)
  Index CgroupOf(absl::string_view path) const;
  Index RegionOf(absl::string_view name) const;
  Index PoolOf(absl::string_view path, absl::string_view region) const;
  // The charge that Draw made as the number-th of all, from 1.
  Index ChargeOf(int number) const;

 private:
  void Word(absl::string_view region, absl::string_view cgroup, absl::string_view key,
            absl::string_view value);
  void Charge(absl::string_view region, absl::string_view cgroup, ByteCount bytes);
  absl::Time NextTime();

  Ledger ledger_;
  int commands_ = 0;
  int charges_ = 0;
};

// "5Mi" and the like.
ByteCount SizeOf(absl::string_view text);

}  // namespace dmem

#endif  // CORE_TESTING_TREE_H_
