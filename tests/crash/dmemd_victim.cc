// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/crash/dmemd_victim.h"

#include <signal.h>

#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"

namespace dmem::crash {
namespace {

// About as long as a start takes, so that kills meet all of it.
constexpr int kStartMicroseconds = 120000;

bool OneIn(int n, std::mt19937_64& random) {
  return std::uniform_int_distribution<int>(1, n)(random) == 1;
}

}  // namespace

DmemdVictim::DmemdVictim(std::string binary, std::string store) {
  options_.binary = std::move(binary);
  options_.store = std::move(store);
  options_.data_dir = absl::StrCat(directory_.path(), "/data");
  options_.flags = {"--checkpoint-interval=0.05", "--checkpoint-sequences=300",
                    "--keep-records-bytes=1000000"};
}

absl::StatusOr<std::string> DmemdVictim::Start(std::mt19937_64& random) {
  while (OneIn(3, random)) {
    process_ = server::DmemdProcess::Launch(options_);
    const auto after =
        absl::Microseconds(std::uniform_int_distribution<int>(0, kStartMicroseconds)(random));
    if (process_->EndsWithin(after)) {
      return absl::InternalError(absl::StrCat("it ended while it started, with ", process_->Wait(),
                                              ":\n", process_->log()));
    }
    process_->Kill();
    ++killed_while_starting_;
  }
  process_ = server::DmemdProcess::Launch(options_);
  if (absl::Status status = process_->AwaitReady(); !status.ok()) return status;
  // The way of scripts: after a crash the file is of the process that runs, not of the last one.
  const std::string path = absl::StrCat(options_.data_dir, "/endpoints.json");
  std::ifstream file(path);
  const auto endpoints = nlohmann::json::parse(file, nullptr, /*allow_exceptions=*/false);
  if (!endpoints.is_object() || endpoints.value("grpc", "") != process_->grpc_address() ||
      endpoints.value("pid", 0) != process_->pid()) {
    return absl::InternalError(
        absl::StrCat(path, " is ", endpoints.dump(), " of a process that is ready at ",
                     process_->grpc_address(), " with pid ", process_->pid()));
  }
  return endpoints["grpc"].get<std::string>();
}

absl::Status DmemdVictim::Crash(std::mt19937_64& random) {
  if (process_ == nullptr) return absl::OkStatus();
  const bool terminate = OneIn(7, random);
  process_->Signal(terminate ? SIGTERM : SIGKILL);
  const int code = process_->Wait();
  const std::string log = process_->log();
  process_ = nullptr;
  terminated_ += terminate ? 1 : 0;
  if (code == (terminate ? 0 : -SIGKILL)) return absl::OkStatus();
  return absl::InternalError(
      absl::StrCat("ended with ", code, terminate ? " on SIGTERM" : " on SIGKILL", ":\n", log));
}

}  // namespace dmem::crash
