// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "absl/random/random.h"
#include "absl/strings/str_format.h"
#include "client/cli/dmemctl.h"
#include "client/grpc_connection.h"

namespace {

// 96 random bits: no two of a billion are the same.
std::string NewChargeId() {
  absl::BitGen generator;
  return absl::StrFormat("c-%08x%016x", absl::Uniform<uint32_t>(generator),
                         absl::Uniform<uint64_t>(generator));
}

}  // namespace

int main(int argc, char** argv) {
  const char* const server = std::getenv("DMEM_SERVER");
  const dmem::client::Environment environment = {
      std::cout,
      std::cerr,
      [](const std::string& address) { return dmem::client::MakeGrpcConnection(address); },
      dmem::client::RealRetryEnvironment(),
      NewChargeId,
      server != nullptr && *server != '\0' ? server : "127.0.0.1:7171"};
  return dmem::client::RunDmemctl(std::vector<std::string>(argv + 1, argv + argc), environment);
}
