// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef SERVER_RPC_METRICS_H_
#define SERVER_RPC_METRICS_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "server/base/histogram.h"

namespace dmem::server {

// The RPCs, for metrics.
enum class Method {
  kRegister,
  kUnregister,
  kCordon,
  kRegisterGroup,
  kUnregisterGroup,
  kCharge,
  kBatchCharge,
  kUncharge,
  kResize,
  kOpenSession,
  kKeepAlive,
  kCloseSession,
  kDeclareNotReady,
  kFence,
  kReportRegionState,
  kReconcile,
  kReportMeasured,
  kMoveCharge,
  kSetLimits,
  kCreateCgroup,
  kDeleteCgroup,
  kEvictValuable,
  kEvictCandidates,
  kGetHeadroom,
  kGetPool,
  kListPools,
  kListRegions,
  kListCgroups,
  kListCharges,
  kListSessions,
  kListNodes,
  kReadFile,
  kWriteFile,
  kCheck,
  kGetServerInfo,
  kCommit,
  kCancel,
  kRenew,
  kRequestRelease,
  kUnchargeItems,
  kWatch,
  kListEvents,
  kWhoHeld,
  kReportUsage,
  kCount,
};

// "Charge".
const char* MethodName(Method method);

// Latency of calls at the server, from when the request was parsed until the answer is handed to
// gRPC, by method and code.
//
// Thread-safe.
class RpcMetrics {
 public:
  static constexpr int kCodes = 17;

  RpcMetrics();
  void Observe(Method method, absl::StatusCode code, int64_t microseconds) {
    At(method, static_cast<int>(code)).Observe(static_cast<uint64_t>(microseconds));
  }
  const Histogram& Latency(Method method, int code) const {
    return *latency_[static_cast<size_t>(method) * kCodes + static_cast<size_t>(code)];
  }

  // Invariants that the last audit found broken.
  void SetAuditViolations(uint64_t count) { audit_violations_.store(count); }
  uint64_t audit_violations() const { return audit_violations_.load(); }

 private:
  Histogram& At(Method method, int code) {
    return *latency_[static_cast<size_t>(method) * kCodes + static_cast<size_t>(code)];
  }
  std::array<std::unique_ptr<Histogram>, static_cast<size_t>(Method::kCount) * kCodes> latency_;
  std::atomic<uint64_t> audit_violations_{0};
};

// "RESOURCE_EXHAUSTED", as gRPC spells it; "OK" for 0.
const char* CodeName(int code);

}  // namespace dmem::server

#endif  // SERVER_RPC_METRICS_H_
