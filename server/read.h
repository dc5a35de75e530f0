// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Answers of read-only requests, from one state.

#ifndef SERVER_READ_H_
#define SERVER_READ_H_

#include <cstdint>

#include "absl/status/status.h"
#include "core/state.h"
#include "dmem/v1/quota_service.pb.h"

namespace dmem::server {

// Each renders the answer from `state`; byte-seconds count up to `time_us`. Errors: those of the
// RPC, after its INVALID_ARGUMENTs, and INVALID_ARGUMENT for a page token of another listing.
// REQUIRES: Validate(request) is OK.

// Short: the cost is that of one pool.
absl::Status Read(const State& state, int64_t time_us, const v1::GetPoolRequest& request,
                  v1::GetPoolResponse* response);
absl::Status Read(const State& state, int64_t time_us, const v1::EvictValuableRequest& request,
                  v1::EvictValuableResponse* response);
// What the ledger knows of itself; version and store are the service's.
absl::Status Read(const State& state, int64_t time_us, const v1::GetServerInfoRequest& request,
                  v1::GetServerInfoResponse* response);

// Long: never to be run on the writer's thread.
absl::Status Read(const State& state, int64_t time_us, const v1::EvictCandidatesRequest& request,
                  v1::EvictCandidatesResponse* response);
absl::Status Read(const State& state, int64_t time_us, const v1::GetHeadroomRequest& request,
                  v1::GetHeadroomResponse* response);
absl::Status Read(const State& state, int64_t time_us, const v1::ListPoolsRequest& request,
                  v1::ListPoolsResponse* response);
absl::Status Read(const State& state, int64_t time_us, const v1::ListRegionsRequest& request,
                  v1::ListRegionsResponse* response);
absl::Status Read(const State& state, int64_t time_us, const v1::ListCgroupsRequest& request,
                  v1::ListCgroupsResponse* response);
absl::Status Read(const State& state, int64_t time_us, const v1::ListChargesRequest& request,
                  v1::ListChargesResponse* response);
absl::Status Read(const State& state, int64_t time_us, const v1::ListSessionsRequest& request,
                  v1::ListSessionsResponse* response);
absl::Status Read(const State& state, int64_t time_us, const v1::ListNodesRequest& request,
                  v1::ListNodesResponse* response);
absl::Status Read(const State& state, int64_t time_us, const v1::ReadFileRequest& request,
                  v1::ReadFileResponse* response);
absl::Status Read(const State& state, int64_t time_us, const v1::CheckRequest& request,
                  v1::CheckResponse* response);

}  // namespace dmem::server

#endif  // SERVER_READ_H_
