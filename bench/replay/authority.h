// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEM_BENCH_REPLAY_AUTHORITY_H_
#define DMEM_BENCH_REPLAY_AUTHORITY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace dmem::replay {

struct RegionOrder {
  std::string name;
  std::string parent;
  std::string node;
  std::string model;  // May be empty.
  uint64_t capacity_bytes = 0;
};

struct ItemOrder {
  std::string cgroup;
  std::string region;
  uint64_t bytes = 0;
};

struct ChargeOrder {
  std::string charge_id;
  std::vector<ItemOrder> items;
  std::string owner;  // Name of the pod.
  std::string qos;    // May be empty.
};

// The authority's answer to who asks for bytes.
struct Verdict {
  bool granted = true;
  std::string refusal;  // The authority's words, where it did not.
};

struct LiveCharges {
  uint64_t charges = 0;
  uint64_t bytes = 0;
};

// Who is charged: a dmemd, or what tests put in its place. Each call returns when its effect is
// durable. Every error but a refusal ends a replay.
class Authority {
 public:
  virtual ~Authority() = default;

  virtual absl::Status RegisterGroup(const std::string& name, const std::string& parent) = 0;
  virtual absl::Status RegisterRegion(const RegionOrder& region) = 0;

  // OK too where it exists.
  virtual absl::Status CreateCgroup(const std::string& path) = 0;

  virtual absl::StatusOr<Verdict> Charge(const ChargeOrder& charge) = 0;
  virtual absl::StatusOr<Verdict> Resize(const std::string& charge_id, const ItemOrder& item) = 0;

  // Of a charge that was granted, once.
  virtual absl::Status Uncharge(const std::string& charge_id) = 0;

  virtual absl::StatusOr<uint64_t> PeakBytes(const std::string& cgroup,
                                             const std::string& region) = 0;

  // The charges below a group whose ids begin so.
  virtual absl::StatusOr<LiveCharges> CountLive(const std::string& group,
                                                const std::string& id_prefix) = 0;
};

}  // namespace dmem::replay

#endif  // DMEM_BENCH_REPLAY_AUTHORITY_H_
