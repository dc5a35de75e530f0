// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// The kinds of call that a Round can send.

#ifndef BENCH_LOAD_KINDS_H_
#define BENCH_LOAD_KINDS_H_

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>

#include "bench/load/target.h"

namespace dmem::bench {

struct Unary {
  using Request = v1::ChargeRequest;
  using Response = v1::ChargeResponse;
  static constexpr uint64_t kCharges = 1;
  static void Fill(const ChargeNumbers& numbers, uint64_t first, Request* request) {
    FillCharge(numbers, first, request);
  }
  static void Send(v1::QuotaService::Stub* stub, grpc::ClientContext* context,
                   const Request* request, Response* response,
                   std::function<void(grpc::Status)> done) {
    stub->async()->Charge(context, request, response, std::move(done));
  }
  static bool IsGranted(const Response& response) { return response.has_charge(); }
};

struct Batched {
  using Request = v1::BatchChargeRequest;
  using Response = v1::BatchChargeResponse;
  static constexpr int kBatchCharges = 1000;
  static constexpr uint64_t kCharges = kBatchCharges;
  static void Fill(const ChargeNumbers& numbers, uint64_t first, Request* request) {
    for (int i = 0; i < kBatchCharges; ++i) {
      FillCharge(
          numbers, first + static_cast<uint64_t>(i),
          i < request->charges_size() ? request->mutable_charges(i) : request->add_charges());
    }
  }
  static void Send(v1::QuotaService::Stub* stub, grpc::ClientContext* context,
                   const Request* request, Response* response,
                   std::function<void(grpc::Status)> done) {
    stub->async()->BatchCharge(context, request, response, std::move(done));
  }
  static bool IsGranted(const Response& response) {
    return response.results_size() == kBatchCharges &&
           std::none_of(response.results().begin(), response.results().end(),
                        [](const v1::BatchChargeResult& r) { return r.has_error(); });
  }
};

}  // namespace dmem::bench

#endif  // BENCH_LOAD_KINDS_H_
