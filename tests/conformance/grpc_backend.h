// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// GrpcBackend: a running dmemd, through its API only.

#ifndef TESTS_CONFORMANCE_GRPC_BACKEND_H_
#define TESTS_CONFORMANCE_GRPC_BACKEND_H_

#include <memory>
#include <string>

#include "absl/time/time.h"
#include "tests/conformance/backend.h"

namespace dmem {
namespace conformance {

// A backend that calls the dmemd at `address`, "HOST:PORT", without TLS. Nothing is sent before the
// first call; a dmemd that does not answer within `patience` is a failure with an empty reason.
std::unique_ptr<Backend> NewGrpcBackend(const std::string& address,
                                        absl::Duration patience = absl::Seconds(10));

}  // namespace conformance
}  // namespace dmem

#endif  // TESTS_CONFORMANCE_GRPC_BACKEND_H_
