// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "client/charge_id.h"
#include "client/cli/dmemctl.h"
#include "client/grpc_connection.h"
#include "client/retry_environment.h"

int main(int argc, char** argv) {
  const char* const server = std::getenv("DMEM_SERVER");
  const dmem::client::Environment environment = {
      std::cout,
      std::cerr,
      [](const std::string& address) { return dmem::client::MakeGrpcConnection(address); },
      dmem::client::RealRetryEnvironment(),
      dmem::client::NewChargeId,
      server != nullptr && *server != '\0' ? server : "127.0.0.1:7171"};
  return dmem::client::RunDmemctl(std::vector<std::string>(argv + 1, argv + argc), environment);
}
