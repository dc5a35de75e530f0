// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Every way to be wrong, through gRPC: code, reason and field of the answer, and that nothing has
// changed.

#ifndef TESTS_INTEGRATION_BAD_INPUT_H_
#define TESTS_INTEGRATION_BAD_INPUT_H_

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "dmem/v1/errors.pb.h"
#include "tests/integration/requests.h"

namespace dmem::server {

using grpc::StatusCode;

inline constexpr StatusCode kInvalid = StatusCode::INVALID_ARGUMENT;
inline constexpr uint64_t kTwoTo63 = uint64_t{1} << 63;
inline constexpr uint64_t kLargest = ~uint64_t{0};

// The tree that all rows start from:
//   cluster (group)          /team         explicit
//     model/h100 (group)       /team/job   implicit, charge "held": 400 bytes in n1/gpu0
//       n1/gpu0  1000 bytes  /empty        explicit
//   n2/gpu0  1000 bytes      @ID of /gone  dying, charge "dying": 10 bytes in n2/gpu0
class BadInputTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(Call(server_, &Stub::RegisterGroup, GroupOf("cluster", "")).ok());
    ASSERT_TRUE(Call(server_, &Stub::RegisterGroup, GroupOf("model/h100", "cluster")).ok());
    v1::RegisterRequest gpu = RegisterOf("n1/gpu0", 1000, "model/h100");
    gpu.mutable_region()->set_incarnation(5);
    ASSERT_TRUE(Call(server_, &Stub::Register, gpu).ok());
    ASSERT_TRUE(Call(server_, &Stub::Register, RegisterOf("n2/gpu0", 1000)).ok());
    for (const char* path : {"/team", "/empty", "/gone"}) {
      ASSERT_TRUE(Call(server_, &Stub::CreateCgroup, CreateOf(path)).ok());
    }
    ASSERT_TRUE(Call(server_, &Stub::Charge, ChargeOf("held", "/team/job", "n1/gpu0", 400)).ok());
    ASSERT_TRUE(Call(server_, &Stub::Charge, ChargeOf("dying", "/gone", "n2/gpu0", 10)).ok());
    const auto deleted = Call(server_, &Stub::DeleteCgroup, DeleteOf("/gone"));
    ASSERT_EQ(deleted.response.outcome(), v1::DeleteCgroupResponse::DYING);
    dying_ = "@" + std::to_string(deleted.response.id());
    v1::UnchargeRequest spent;
    spent.add_charge_ids("spent");
    ASSERT_TRUE(Call(server_, &Stub::Uncharge, spent).ok());
    hash_ = server_.StateHash();
  }

  // Each test ends with the state that it began with.
  void TearDown() override { EXPECT_EQ(server_.StateHash(), hash_); }

  static v1::RegisterGroupRequest GroupOf(const std::string& name, const std::string& parent) {
    v1::RegisterGroupRequest request;
    request.set_name(name);
    request.set_parent(parent);
    return request;
  }
  static v1::CreateCgroupRequest CreateOf(const std::string& path) {
    v1::CreateCgroupRequest request;
    request.set_path(path);
    return request;
  }
  static v1::DeleteCgroupRequest DeleteOf(const std::string& path) {
    v1::DeleteCgroupRequest request;
    request.set_path(path);
    return request;
  }

  void ExpectError(const grpc::Status& status, StatusCode code, const std::string& reason,
                   const std::string& field) {
    EXPECT_EQ(status.error_code(), code) << status.error_message();
    const google::rpc::ErrorInfo info = ErrorInfoOf(status);
    EXPECT_EQ(info.reason(), reason) << status.error_message();
    EXPECT_EQ(info.domain(), "dmemd");
    v1::ErrorReason known;
    EXPECT_TRUE(v1::ErrorReason_Parse(info.reason(), &known)) << info.reason();
    EXPECT_FALSE(status.error_message().empty());
    if (code != StatusCode::INVALID_ARGUMENT || field.empty()) return;
    const auto found = info.metadata().find("field");
    ASSERT_NE(found, info.metadata().end()) << status.error_message();
    EXPECT_EQ(found->second, field);
    EXPECT_EQ(info.metadata().count("value"), 1u);
    EXPECT_EQ(info.metadata().count("bound"), 1u);
    const google::rpc::BadRequest bad = BadRequestOf(status);
    ASSERT_EQ(bad.field_violations_size(), 1);
    EXPECT_EQ(bad.field_violations(0).field(), field);
  }

  // A row: what is changed in a request that is right, and the answer.
  template <typename Request>
  struct Row {
    const char* what;
    std::function<void(Request*)> change;
    StatusCode code;
    const char* reason;
    const char* field = "";
  };

  template <typename Request, typename Response>
  void Run(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
           const Request& right, const std::vector<Row<Request>>& rows) {
    for (const Row<Request>& row : rows) {
      SCOPED_TRACE(row.what);
      Request request = right;
      row.change(&request);
      ExpectError(Call(server_, method, request).status, row.code, row.reason, row.field);
    }
  }

  TestServer server_;
  std::string dying_;
  std::string hash_;
};

}  // namespace dmem::server

#endif  // TESTS_INTEGRATION_BAD_INPUT_H_
