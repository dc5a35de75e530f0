// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_CLI_DMEMCTL_FIXTURE_H_
#define DMEMD_CLIENT_CLI_DMEMCTL_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/testing/fake_quota_service.h"
#include "dmem/v1/quota_service.pb.h"
#include "google/protobuf/text_format.h"
#include "google/rpc/error_details.pb.h"

namespace dmem::client {

// dmemctl against a fake server over gRPC: what it sends, prints and exits with. The time is
// 2023-11-14T22:13:20Z (1700000000), and waiting only moves it.
class DmemctlTest : public ::testing::Test {
 protected:
  struct Result {
    int exit_code;
    std::string out;
    std::string err;
  };

  static constexpr int64_t kNow = 1'700'000'000;

  // Runs it; the server is in the environment, not among the arguments.
  Result Run(std::vector<std::string> arguments);

  // The same where exit code 0 and no words on stderr are expected; returns stdout.
  std::string Output(std::vector<std::string> arguments);

  // Scripts the next answer of the RPC with this response.
  template <typename Response>
  void Answer(const std::string& text) {
    service_.Answer(Proto<Response>(text));
  }

  template <typename Message>
  static Message Proto(const std::string& text) {
    Message message;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message)) << text;
    return message;
  }

  // An error of the server with an ErrorInfo.
  static absl::Status Error(absl::StatusCode code, const std::string& message,
                            const std::string& reason,
                            const std::vector<std::pair<std::string, std::string>>& metadata = {});

  FakeQuotaService service_;
  absl::Time now_ = absl::FromUnixSeconds(kNow);
  int sleeps_ = 0;
};

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_CLI_DMEMCTL_FIXTURE_H_
