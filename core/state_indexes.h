// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// How each table's records hang in their HashIndex. For State and the ledger's own files.

#ifndef CORE_STATE_INDEXES_H_
#define CORE_STATE_INDEXES_H_

#include <cstdint>

#include "absl/hash/hash.h"
#include "absl/strings/string_view.h"
#include "core/state.h"

namespace dmem {

inline uint32_t HashName(absl::string_view name) {
  return static_cast<uint32_t>(absl::HashOf(name));
}
inline uint32_t HashPoolKey(Index cgroup, Index region) {
  return static_cast<uint32_t>(absl::HashOf(cgroup, region));
}

inline uint32_t HashId(uint64_t id) { return static_cast<uint32_t>(absl::HashOf(id)); }

// `Table` is const for lookups.
template <typename Table>
struct RegionAccess {
  Table& table;
  uint32_t hash(Index i) const { return table[i].name_hash; }
  Index next(Index i) const { return table[i].hash_next; }
  void prefetch(Index i) const { __builtin_prefetch(&table[i].hash_next); }
  void set_next(Index i, Index next) { table.Mutable(i).hash_next = next; }
};

template <typename Table>
struct CgroupAccess {
  Table& table;
  uint32_t hash(Index i) const { return table[i].path_hash; }
  Index next(Index i) const { return table[i].hash_next; }
  void prefetch(Index i) const { __builtin_prefetch(&table[i].hash_next); }
  void set_next(Index i, Index next) { table.Mutable(i).hash_next = next; }
};

template <typename Table>
struct PoolAccess {
  Table& table;
  uint32_t hash(Index i) const { return HashPoolKey(table[i].cgroup, table[i].region); }
  Index next(Index i) const { return table[i].hash_next; }
  void prefetch(Index i) const { __builtin_prefetch(&table[i].hash_next); }
  void set_next(Index i, Index next) { table.Mutable(i).hash_next = next; }
};

// Charges and tombstones.
template <typename Table>
struct IdAccess {
  Table& table;
  uint32_t hash(Index i) const { return table[i].id_hash; }
  Index next(Index i) const { return table[i].hash_next; }
  void prefetch(Index i) const { __builtin_prefetch(&table[i].id_hash); }
  void set_next(Index i, Index next) { table.Mutable(i).hash_next = next; }
};

template <typename Table>
struct NodeAccess {
  Table& table;
  uint32_t hash(Index i) const { return table[i].name_hash; }
  Index next(Index i) const { return table[i].hash_next; }
  void prefetch(Index i) const { __builtin_prefetch(&table[i].hash_next); }
  void set_next(Index i, Index next) { table.Mutable(i).hash_next = next; }
};

template <typename Table>
struct SessionIdAccess {
  Table& table;
  uint32_t hash(Index i) const { return HashId(table[i].id); }
  Index next(Index i) const { return table[i].id_next; }
  void prefetch(Index i) const { __builtin_prefetch(&table[i].id_next); }
  void set_next(Index i, Index next) { table.Mutable(i).id_next = next; }
};

template <typename Table>
struct SessionFingerprintAccess {
  Table& table;
  uint32_t hash(Index i) const { return static_cast<uint32_t>(table[i].fingerprint_low); }
  Index next(Index i) const { return table[i].fingerprint_next; }
  void prefetch(Index i) const { __builtin_prefetch(&table[i].fingerprint_next); }
  void set_next(Index i, Index next) { table.Mutable(i).fingerprint_next = next; }
};

template <template <typename> class Access, typename Table>
Access<Table> AccessTo(Table& table) {
  return Access<Table>{table};
}

// Bring what a look at a charge, or at a pool, reads beside its record closer to the processor, for
// who goes through all of them: in a large state most of the time goes into waiting for memory. `i`
// may be past the end.
inline void PrefetchCharge(const State& state, Index i) {
  if (i >= state.charges.size()) return;
  const ChargeRecord& charge = state.charges[i];
  state.charge_ids.PrefetchBucket(charge.id_hash);
  state.tombstone_ids.PrefetchBucket(charge.id_hash);
  if (charge.id.empty() || charge.first_item >= state.items.size()) return;
  __builtin_prefetch(charge.id.view().data());
  __builtin_prefetch(&state.items[charge.first_item]);
}

inline void PrefetchPool(const State& state, Index i) {
  if (i >= state.pools.size()) return;
  const PoolRecord& pool = state.pools[i];
  state.pool_keys.PrefetchBucket(HashPoolKey(pool.cgroup, pool.region));
  if (pool.first_item < state.items.size()) __builtin_prefetch(&state.items[pool.first_item]);
}

}  // namespace dmem

#endif  // CORE_STATE_INDEXES_H_
