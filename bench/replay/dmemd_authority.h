// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEM_BENCH_REPLAY_DMEMD_AUTHORITY_H_
#define DMEM_BENCH_REPLAY_DMEMD_AUTHORITY_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "bench/replay/authority.h"
#include "client/client.h"

namespace dmem::replay {

// A running dmemd. Charges carry ids and sizes are absolute, so that the client may send again what
// got no answer. Errors are the client's, with what was asked in front.
//
// Thread safety: one thread at a time.
class DmemdAuthority : public Authority {
 public:
  // `client` must outlive this; `clock` gives the time of a charge's first sending.
  DmemdAuthority(client::Client* client, std::function<absl::Time()> clock);

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
  client::Client& client_;
  const std::function<absl::Time()> clock_;
};

}  // namespace dmem::replay

#endif  // DMEM_BENCH_REPLAY_DMEMD_AUTHORITY_H_
