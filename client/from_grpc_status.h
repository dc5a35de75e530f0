// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_FROM_GRPC_STATUS_H_
#define DMEMD_CLIENT_FROM_GRPC_STATUS_H_

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace dmem::client {

// The same error, with what is in grpc-status-details-bin as its payloads. FactsOf (error_facts.h)
// reads them.
absl::Status FromGrpcStatus(const grpc::Status& status);

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_FROM_GRPC_STATUS_H_
