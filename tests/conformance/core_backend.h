// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// CoreBackend: a ledger in this process.

#ifndef TESTS_CONFORMANCE_CORE_BACKEND_H_
#define TESTS_CONFORMANCE_CORE_BACKEND_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "core/ledger.h"
#include "tests/conformance/backend.h"

namespace dmem {
namespace conformance {

// Calls core directly, and does itself the little that the service does above it: what is wrong in
// any state, and the file names of WriteFile. Time advances by a millisecond a command.
//
// Thread-compatible.
class CoreBackend : public Backend {
 public:
  Reply<Nothing> Register(const std::string& region, uint64_t capacity) override;
  Reply<Nothing> Unregister(const std::string& region, bool force) override;
  Reply<Nothing> Charge(const std::string& charge_id, const std::string& cgroup,
                        const std::string& region, uint64_t bytes) override;
  Reply<Uncharged> Uncharge(const std::string& charge_id) override;
  Reply<Nothing> SetLimit(const std::string& cgroup, const std::string& region, Limit which,
                          uint64_t bytes) override;
  Reply<uint64_t> CreateCgroup(const std::string& path) override;
  Reply<Deleted> DeleteCgroup(const std::string& path) override;
  Reply<Decision> EvictValuable(const absl::optional<std::string>& limit, const std::string& cgroup,
                                const std::string& region, bool ignore_low) override;
  Reply<PoolNumbers> GetPool(const std::string& cgroup, const std::string& region,
                             const std::string& relative_to) override;
  Reply<std::vector<PoolNumbers>> ListPools(const std::string& region,
                                            const std::string& relative_to) override;
  Reply<std::string> ReadFile(const std::string& cgroup, const std::string& file) override;
  Reply<uint64_t> WriteFile(const std::string& cgroup, const std::string& file,
                            const std::string& text) override;
  Reply<Inventory> List() override;
  Reply<std::vector<std::string>> Audit() override;

  Ledger& ledger() { return ledger_; }
  // The time of the next command.
  absl::Time Tick();

 private:
  Reply<Nothing> SetLimit(absl::string_view cgroup, absl::string_view region, Limit which,
                          ByteCount value);
  PoolNumbers Numbers(Index pool, Index relative_to) const;

  Ledger ledger_;
  absl::Time time_ = absl::FromUnixSeconds(1000000000);
};

}  // namespace conformance
}  // namespace dmem

#endif  // TESTS_CONFORMANCE_CORE_BACKEND_H_
