// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef SERVER_GRPC_STATUS_H_
#define SERVER_GRPC_STATUS_H_

#include <grpcpp/support/status.h>

#include "absl/status/status.h"
#include "google/rpc/status.pb.h"

namespace dmem::server {

// The rich form of an error: code and text, and as details ErrorInfo with the facts, QuotaFailure
// for a refusal by a counter, BadRequest for INVALID_ARGUMENT, RetryInfo for UNAVAILABLE.
// REQUIRES: `status` is not OK.
google::rpc::Status ToRpcStatus(const absl::Status& status);

// What goes over the wire: OK as OK, and an error with its rich form in the trailer
// grpc-status-details-bin.
grpc::Status ToGrpcStatus(const absl::Status& status);

}  // namespace dmem::server

#endif  // SERVER_GRPC_STATUS_H_
