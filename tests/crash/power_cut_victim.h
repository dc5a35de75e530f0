// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_TESTS_CRASH_POWER_CUT_VICTIM_H_
#define DMEMD_TESTS_CRASH_POWER_CUT_VICTIM_H_

#include <memory>
#include <string>

#include "server/server.h"
#include "server/store/testing/power_cut_env.h"
#include "server/testing/temp_directory.h"
#include "tests/crash/victim.h"

namespace dmem::crash {

// A whole dmemd in this process, served over gRPC on loopback, on the RocksDB store and a disk that
// forgets, at a cut, the bytes and names that were not synced: all of them, or a part by chance.
// The power also goes during starts. Its log files are small, so that cuts meet their changes.
class PowerCutVictim final : public Victim {
 public:
  // Without `sync` it acknowledges what a cut takes back, for the test that this is noticed.
  explicit PowerCutVictim(bool sync);
  ~PowerCutVictim() override;

  absl::StatusOr<std::string> Start(std::mt19937_64& random) override;
  void Arm(std::mt19937_64& random) override;
  absl::Status Crash(std::mt19937_64& random) override;

  int cut_while_starting() const { return cut_while_starting_; }

 private:
  absl::StatusOr<std::unique_ptr<server::Server>> StartServer();

  const bool sync_;
  server::TempDirectory directory_;
  const std::string disk_;  // The store is in it, and nothing else.
  std::unique_ptr<server::PowerCutEnv> env_;
  std::unique_ptr<server::Server> server_;
  int cut_while_starting_ = 0;
};

}  // namespace dmem::crash

#endif  // DMEMD_TESTS_CRASH_POWER_CUT_VICTIM_H_
