// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Holds 8 GiB of a GPU for as long as a command runs:
//
//   hold_gpu SERVER[,SERVER...] CGROUP REGION COMMAND...

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "client/charge_holder.h"
#include "client/error_facts.h"
#include "client/grpc_connection.h"

// Runs a command to its end; returns whether it exited with 0.
bool Run(char** command) {
  const pid_t child = fork();
  if (child == 0) {
    execvp(command[0], command);
    _exit(127);
  }
  int status = 0;
  return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

int main(int argc, char** argv) {
  if (argc < 5) {
    std::fprintf(stderr, "usage: %s SERVER[,SERVER...] CGROUP REGION COMMAND...\n", argv[0]);
    return 2;
  }
  const std::vector<std::string> servers = absl::StrSplit(argv[1], ',');
  dmem::client::ChargeHolderOptions options;
  options.retry.timeout = absl::Seconds(5);
  // With kAllowAndRecord the command would run without an answer, and be recorded later.
  options.when_unreachable = dmem::client::WhenUnreachable::kDeny;
  dmem::client::ChargeHolder holder(dmem::client::MakeGrpcConnection(servers), options);

  dmem::v1::ChargeRequest request;  // The id and the time of sending are filled in.
  dmem::v1::ChargeItem* item = request.add_items();
  item->set_cgroup(argv[2]);
  item->set_region(argv[3]);
  item->set_bytes(uint64_t{8} << 30);
  request.mutable_owner()->set_name(argv[4]);

  absl::StatusOr<dmem::client::HeldCharge> held = holder.Charge(request);
  if (!held.ok()) {
    const auto facts = dmem::client::FactsOf(held.status());
    std::fprintf(stderr, "not started: %s\n", std::string(held.status().message()).c_str());
    if (const auto refusal = dmem::client::RefusalOf(facts); refusal.has_value()) {
      std::fprintf(stderr, "%llu bytes would be granted now\n",
                   static_cast<unsigned long long>(refusal->largest_grantable_bytes));
    }
    return 1;
  }
  const bool succeeded = Run(argv + 4);
  if (const absl::Status released = held->Release(); !released.ok()) {
    std::fprintf(stderr, "not given back yet: %s\n", std::string(released.message()).c_str());
    return holder.Drain(absl::Minutes(1)) ? 0 : 1;
  }
  return succeeded ? 0 : 1;
}
