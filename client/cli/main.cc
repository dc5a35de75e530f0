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

namespace {

// Who types: what events are told of that.
std::string Actor() {
  const char* actor = std::getenv("DMEM_ACTOR");
  if (actor == nullptr || *actor == '\0') actor = std::getenv("USER");
  std::string name = actor == nullptr ? "" : actor;
  for (char& c : name) c = c > ' ' && c <= '~' ? c : '?';
  return name;
}

}  // namespace

int main(int argc, char** argv) {
  const char* const server = std::getenv("DMEM_SERVER");
  const dmem::client::Environment environment = {
      std::cout,
      std::cerr,
      [](const std::string& address) { return dmem::client::MakeGrpcConnection(address, Actor()); },
      dmem::client::RealRetryEnvironment(),
      dmem::client::NewChargeId,
      server != nullptr && *server != '\0' ? server : "127.0.0.1:7171"};
  return dmem::client::RunDmemctl(std::vector<std::string>(argv + 1, argv + argc), environment);
}
