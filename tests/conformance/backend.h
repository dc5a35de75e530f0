// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Backend: what a conformance replay asks of dmemd, in dmemd's words.

#ifndef TESTS_CONFORMANCE_BACKEND_H_
#define TESTS_CONFORMANCE_BACKEND_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

namespace dmem {
namespace conformance {

// Why an operation was refused.
struct Failure {
  std::string reason;  // A name of dmem.v1.ErrorReason; empty: not an answer of a dmemd at work.
  std::map<std::string, std::string> facts;
  std::string text;
};

template <typename T>
struct Reply {
  // Implicit, as those of absl::StatusOr: a function returns either.
  Reply(T answer) : value(std::move(answer)) {}    // NOLINT(google-explicit-constructor)
  Reply(Failure why) : failure(std::move(why)) {}  // NOLINT(google-explicit-constructor)
  bool ok() const { return !failure.has_value(); }

  T value{};
  absl::optional<Failure> failure;
};

struct Nothing {};

enum class Released { kReleased, kAlready, kNeverSeen };

struct Uncharged {
  Released outcome = Released::kReleased;
  std::vector<uint64_t> freed_cgroups;
};

struct Deleted {
  uint64_t id = 0;
  bool dying = false;
};

enum class Limit { kMin, kLow, kMax };

enum class Decision { kMayEvict, kProtectedByLow, kProtectedByMin, kOutside };

struct PoolNumbers {
  std::string cgroup;
  uint64_t usage = 0, peak = 0, min = 0, low = 0, max = 0, emin = 0, elow = 0;
};

// The objects that there are; groups among the regions, "/" not among the cgroups.
struct Inventory {
  std::vector<std::string> regions, cgroups, charges;
  bool empty() const { return regions.empty() && cgroups.empty() && charges.empty(); }
};

// One dmemd. Every operation is that of the RPC of its name (proto/dmem/v1/quota_service.proto);
// names are dmemd's. Amounts of 2^63 and more are refused as the service refuses them.
//
// Thread-compatible.
class Backend {
 public:
  virtual ~Backend() = default;

  // With a grantable_bytes of unlimited.
  virtual Reply<Nothing> Register(const std::string& region, uint64_t capacity) = 0;
  virtual Reply<Nothing> Unregister(const std::string& region, bool force) = 0;
  virtual Reply<Nothing> Charge(const std::string& charge_id, const std::string& cgroup,
                                const std::string& region, uint64_t bytes) = 0;
  virtual Reply<Uncharged> Uncharge(const std::string& charge_id) = 0;
  virtual Reply<Nothing> SetLimit(const std::string& cgroup, const std::string& region, Limit which,
                                  uint64_t bytes) = 0;
  virtual Reply<uint64_t> CreateCgroup(const std::string& path) = 0;
  virtual Reply<Deleted> DeleteCgroup(const std::string& path) = 0;
  // `limit`: nullopt if the device is full.
  virtual Reply<Decision> EvictValuable(const absl::optional<std::string>& limit,
                                        const std::string& cgroup, const std::string& region,
                                        bool ignore_low) = 0;
  virtual Reply<PoolNumbers> GetPool(const std::string& cgroup, const std::string& region,
                                     const std::string& relative_to) = 0;
  // Pools of cgroups below `relative_to`, in no particular order.
  virtual Reply<std::vector<PoolNumbers>> ListPools(const std::string& region,
                                                    const std::string& relative_to) = 0;
  virtual Reply<std::string> ReadFile(const std::string& cgroup, const std::string& file) = 0;
  // Returns the number read.
  virtual Reply<uint64_t> WriteFile(const std::string& cgroup, const std::string& file,
                                    const std::string& text) = 0;
  virtual Reply<Inventory> List() = 0;
  // Violations of invariants, in words.
  virtual Reply<std::vector<std::string>> Audit() = 0;
};

}  // namespace conformance
}  // namespace dmem

#endif  // TESTS_CONFORMANCE_BACKEND_H_
