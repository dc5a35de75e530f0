// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/cli/dmemctl_fixture.h"

#include <sstream>
#include <utility>

#include "client/cli/dmemctl.h"
#include "client/grpc_connection.h"

namespace dmem::client {

DmemctlTest::Result DmemctlTest::Run(std::vector<std::string> arguments) {
  std::ostringstream out, err;
  const Environment environment = {
      out,
      err,
      [](const std::string& server) { return MakeGrpcConnection(server); },
      {[this] { return now_; },
       [this](absl::Duration wait) {
         now_ += wait;
         ++sleeps_;
       },
       [] { return 0.0; }},
      [] { return std::string("c-1"); },
      service_.address()};
  const int exit_code = RunDmemctl(std::move(arguments), environment);
  return {exit_code, out.str(), err.str()};
}

std::string DmemctlTest::Output(std::vector<std::string> arguments) {
  const Result result = Run(std::move(arguments));
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.err, "");
  return result.out;
}

absl::Status DmemctlTest::Error(absl::StatusCode code, const std::string& message,
                                const std::string& reason,
                                const std::vector<std::pair<std::string, std::string>>& metadata) {
  google::rpc::ErrorInfo info;
  info.set_domain("dmemd");
  info.set_reason(reason);
  for (const auto& [key, value] : metadata) (*info.mutable_metadata())[key] = value;
  return WithDetail(absl::Status(code, message), info);
}

}  // namespace dmem::client
