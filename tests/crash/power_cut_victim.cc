// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/crash/power_cut_victim.h"

#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/log.h"
#include "server/store/rocksdb_store.h"

namespace dmem::crash {
namespace {

using server::PowerCutEnv;

// A start takes about 60 operations, an acknowledged batch 2, a checkpoint about 20.
constexpr int kStartOperations = 100;

int UpTo(int max, std::mt19937_64& random) {
  return std::uniform_int_distribution<int>(0, max)(random);
}

}  // namespace

PowerCutVictim::PowerCutVictim(bool sync)
    : sync_(sync), disk_(absl::StrCat(directory_.path(), "/disk")) {
  std::filesystem::create_directory(disk_);
  std::filesystem::create_directory(absl::StrCat(directory_.path(), "/endpoints"));
  // It reports every cut, as it should.
  server::SetLogLevel(server::LogLevel::kError);
}

PowerCutVictim::~PowerCutVictim() = default;

absl::StatusOr<std::unique_ptr<server::Server>> PowerCutVictim::StartServer() {
  server::StoreOptions options;
  options.data_dir = absl::StrCat(disk_, "/data");
  options.log_retention_bytes = 256 << 10;
  options.log_buffer_bytes = 128 << 10;
  options.block_cache_bytes = 1 << 20;
  options.high_water_interval = absl::Milliseconds(20);
  options.sync = sync_;
  options.env = env_->env();
  server::Config config;
  config.listen = "127.0.0.1:0";
  config.http = "127.0.0.1:0";
  config.data_dir = absl::StrCat(directory_.path(), "/endpoints");
  config.checkpoint_interval_seconds = 0.03;
  config.checkpoint_sequences = 300;
  return server::Server::Start(config, std::make_unique<server::RocksDbStore>(options));
}

absl::StatusOr<std::string> PowerCutVictim::Start(std::mt19937_64& random) {
  for (;;) {
    env_ = std::make_unique<PowerCutEnv>(disk_);
    const bool cut = UpTo(2, random) == 0;
    if (cut) env_->CutAt(UpTo(kStartOperations, random));
    absl::StatusOr<std::unique_ptr<server::Server>> started = StartServer();
    if (!started.ok() && !env_->is_cut()) return started.status();
    if (started.ok()) server_ = *std::move(started);
    if (!cut) return server_->grpc_address();
    if (absl::Status status = Crash(random); !status.ok()) return status;
    ++cut_while_starting_;
  }
}

void PowerCutVictim::Arm(std::mt19937_64& random) {
  // As many soon as late, by orders of magnitude.
  env_->CutAt(env_->operations() + UpTo(1 << UpTo(13, random), random));
}

absl::Status PowerCutVictim::Crash(std::mt19937_64& random) {
  if (env_ == nullptr) return absl::OkStatus();
  env_->Cut();
  server_ = nullptr;
  const bool part_kept = UpTo(1, random) == 0;
  env_->Settle(part_kept ? PowerCutEnv::Unsynced::kPartKept : PowerCutEnv::Unsynced::kDropped,
               std::uniform_int_distribution<uint64_t>()(random));
  env_ = nullptr;
  return absl::OkStatus();
}

}  // namespace dmem::crash
