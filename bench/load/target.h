// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// What the load is sent to, and what is charged there: 8 tenants of 32 jobs, 8 devices.

#ifndef BENCH_LOAD_TARGET_H_
#define BENCH_LOAD_TARGET_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "dmem/v1/quota_service.grpc.pb.h"
#include "grpcpp/grpcpp.h"

namespace dmem::bench {

inline constexpr std::chrono::seconds kCallTimeout(30);

// Ends the process with exit code 1 and the text on stderr.
[[noreturn]] void Die(const std::string& what);
void DieUnlessOk(const std::string& what, const grpc::Status& status);

// Calls `call` with a context that waits for the server. Ends the process unless it succeeds or
// fails with `may_fail_with`.
void Send(const std::string& what, const std::function<grpc::Status(grpc::ClientContext*)>& call,
          grpc::StatusCode may_fail_with = grpc::StatusCode::OK);

// A server, over some connections: node agents have one each.
class Target {
 public:
  Target(const std::string& address, int connections);
  v1::QuotaService::Stub* stub(int caller) const {
    return stubs_[static_cast<size_t>(caller) % stubs_.size()].get();
  }

 private:
  std::vector<std::unique_ptr<v1::QuotaService::Stub>> stubs_;
};

// Charges have fresh ids, numbered, so that a round's can be given back by their numbers.
class ChargeNumbers {
 public:
  ChargeNumbers();
  uint64_t Take(uint64_t count) { return next_.fetch_add(count, std::memory_order_relaxed); }
  uint64_t next() const { return next_.load(); }
  std::string IdOf(uint64_t number) const;

 private:
  const std::string prefix_;
  std::atomic<uint64_t> next_{100000};
};

// Makes the regions, tenants and jobs, where they are missing.
void MakeObjects(const Target& target);

// Its created_at is now, in microseconds.
void StampNow(v1::ChargeRequest* request);

// A charge of 1 MiB: four counters, of the device, tenant, job and leaf.
void FillCharge(const ChargeNumbers& numbers, uint64_t number, v1::ChargeRequest* request);

// Gives back the charges of numbers first to end - 1.
void Uncharge(const Target& target, const ChargeNumbers& numbers, uint64_t first, uint64_t end);

}  // namespace dmem::bench

#endif  // BENCH_LOAD_TARGET_H_
