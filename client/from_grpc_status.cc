// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/from_grpc_status.h"

#include "absl/strings/cord.h"
#include "google/rpc/status.pb.h"

namespace dmem::client {

absl::Status FromGrpcStatus(const grpc::Status& status) {
  // gRPC's codes and Abseil's have the same numbers.
  absl::Status result(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
  google::rpc::Status details;
  if (details.ParseFromString(status.error_details())) {
    for (const google::protobuf::Any& detail : details.details()) {
      result.SetPayload(detail.type_url(), absl::Cord(detail.value()));
    }
  }
  return result;
}

}  // namespace dmem::client
