// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEM_BENCH_REPLAY_GRPC_AUTHORITY_H_
#define DMEM_BENCH_REPLAY_GRPC_AUTHORITY_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "bench/replay/authority.h"

namespace dmem::replay {

// A running dmemd, called over gRPC without TLS. UNAVAILABLE is sent again up to four times, over
// some ten seconds; that is safe, since every call here is idempotent: charges have ids, and sizes
// are absolute. Errors are the server's, with what was asked in front.
//
// Thread safety: one thread at a time.
class GrpcAuthority : public Authority {
 public:
  // `clock` gives the time of a charge's first sending.
  GrpcAuthority(const std::string& server, std::function<absl::Time()> clock);
  ~GrpcAuthority() override;

  absl::Status RegisterGroup(const std::string& name, const std::string& parent) override;
  absl::Status RegisterRegion(const RegionOrder& region) override;
  absl::Status CreateCgroup(const std::string& path) override;
  absl::StatusOr<Verdict> Charge(const ChargeOrder& charge) override;
  absl::StatusOr<Verdict> Resize(const std::string& charge_id, const ItemOrder& item) override;
  absl::Status Uncharge(const std::string& charge_id) override;
  absl::StatusOr<uint64_t> PeakBytes(const std::string& cgroup, const std::string& region) override;
  absl::StatusOr<LiveCharges> CountLive(const std::string& group,
                                        const std::string& id_prefix) override;

 private:
  struct Rpc;

  std::unique_ptr<Rpc> rpc_;
  std::function<absl::Time()> clock_;
};

}  // namespace dmem::replay

#endif  // DMEM_BENCH_REPLAY_GRPC_AUTHORITY_H_
