// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_TESTS_CRASH_DMEMD_VICTIM_H_
#define DMEMD_TESTS_CRASH_DMEMD_VICTIM_H_

#include <memory>
#include <string>

#include "server/testing/dmemd_process.h"
#include "server/testing/temp_directory.h"
#include "tests/crash/victim.h"

namespace dmem::crash {

// dmemd as a process on a directory of its own, ended by SIGKILL, also while it starts, and now and
// then by SIGTERM, after which its exit code must be 0. It makes checkpoints all the time, so that
// many a kill meets one.
class DmemdVictim final : public Victim {
 public:
  // `binary`: the file of //server:dmemd. With `store` "memory" it forgets everything, for the test
  // that this is noticed.
  explicit DmemdVictim(std::string binary, std::string store = "rocksdb");

  absl::StatusOr<std::string> Start(std::mt19937_64& random) override;
  void Arm(std::mt19937_64&) override {}
  absl::Status Crash(std::mt19937_64& random) override;

  int killed_while_starting() const { return killed_while_starting_; }
  int terminated() const { return terminated_; }

 private:
  server::TempDirectory directory_;
  server::DmemdProcess::Options options_;
  std::unique_ptr<server::DmemdProcess> process_;
  int killed_while_starting_ = 0;
  int terminated_ = 0;
};

}  // namespace dmem::crash

#endif  // DMEMD_TESTS_CRASH_DMEMD_VICTIM_H_
