// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/rpc_metrics.h"

namespace dmem::server {

namespace {

constexpr uint64_t kFirstBoundMicroseconds = 32;  // The last bucket then ends at 16.8 s.

constexpr const char* kMethodNames[] = {
    "Register",     "Unregister",     "Cordon",          "RegisterGroup",  "UnregisterGroup",
    "Charge",       "BatchCharge",    "Uncharge",        "Resize",         "OpenSession",
    "KeepAlive",    "CloseSession",   "DeclareNotReady", "Fence",          "ReportRegionState",
    "Reconcile",    "ReportMeasured", "MoveCharge",      "SetLimits",      "CreateCgroup",
    "DeleteCgroup", "EvictValuable",  "EvictCandidates", "GetHeadroom",    "GetPool",
    "ListPools",    "ListRegions",    "ListCgroups",     "ListCharges",    "ListSessions",
    "ListNodes",    "ReadFile",       "WriteFile",       "Check",          "GetServerInfo",
    "Commit",       "Cancel",         "Renew",           "RequestRelease", "UnchargeItems",
    "Watch",        "ListEvents",     "WhoHeld",         "ReportUsage",
};
static_assert(sizeof(kMethodNames) / sizeof(kMethodNames[0]) == static_cast<size_t>(Method::kCount),
              "a name for each method");

constexpr const char* kCodeNames[] = {
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
};

}  // namespace

const char* MethodName(Method method) { return kMethodNames[static_cast<size_t>(method)]; }

const char* CodeName(int code) { return kCodeNames[code]; }

RpcMetrics::RpcMetrics() {
  for (auto& histogram : latency_) histogram = std::make_unique<Histogram>(kFirstBoundMicroseconds);
}

}  // namespace dmem::server
