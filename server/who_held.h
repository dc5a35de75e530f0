// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// WhoHeldRead: who held a region's memory at a time.

#ifndef SERVER_WHO_HELD_H_
#define SERVER_WHO_HELD_H_

#include <cstdint>
#include <map>
#include <string>
#include <tuple>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dmem/v1/audit.pb.h"
#include "server/event_log.h"
#include "server/past.h"
#include "server/writer.h"

namespace dmem::server {

// Goes back from a view through the kept records, in steps.
//
// Thread-compatible.
class WhoHeldRead {
 public:
  // `log` and `request` must outlive it. REQUIRES: Validate(request) is OK.
  WhoHeldRead(const EventLog* log, ReadView view, const v1::WhoHeldRequest* request);

  // The first, then further steps until one returns true: then `response` is complete.
  // Errors: those of the RPC.
  absl::StatusOr<bool> Step(v1::WhoHeldResponse* response);

 private:
  // Charge id and sequence of its grant, cgroup, id of the region, and whether it is RESERVED.
  using Key = std::tuple<std::string, uint64_t, std::string, uint64_t, bool>;

  absl::Status Start();
  bool IsRegionMeant(uint64_t region) const;
  bool IsCgroupMeant(const std::string& cgroup) const;
  // Adds what is held now, some thousands of items at most unless they are of one pool. Returns
  // whether that was all.
  bool AddPresent();
  // Returns how many items it looked at.
  size_t AddPool(const PoolRecord& pool);
  void Undo(const v1::Event& event);
  void UndoChange(const v1::Event& event);
  absl::Status Finish(v1::WhoHeldResponse* response);

  const ReadView view_;
  const v1::WhoHeldRequest& request_;
  const std::string listing_;
  Past past_;
  PastPage page_;
  std::map<Key, v1::Holding> holdings_;
  bool is_started_ = false;
  Index next_pool_ = 0;
  bool has_present_ = false;
};

}  // namespace dmem::server

#endif  // SERVER_WHO_HELD_H_
