// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef TESTS_INTEGRATION_GENERIC_CALL_H_
#define TESTS_INTEGRATION_GENERIC_CALL_H_

#include <grpcpp/grpcpp.h>

#include <string>

namespace dmem::server {

// One message to `method` ("/package.Service/Method") of a server, and the first that comes back,
// as bytes: for services of gRPC itself, whose messages are not ours.
grpc::Status GenericCall(const std::string& address, const std::string& method,
                         const std::string& request, std::string* response);

}  // namespace dmem::server

#endif  // TESTS_INTEGRATION_GENERIC_CALL_H_
