// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/testing/test_server.h"

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <utility>

#include "google/rpc/status.pb.h"
#include "server/log.h"

namespace dmem::server {

namespace {

template <typename Detail>
Detail DetailOf(const grpc::Status& status) {
  google::rpc::Status rich;
  Detail detail;
  if (!rich.ParseFromString(status.error_details())) return detail;
  for (const google::protobuf::Any& any : rich.details()) {
    if (any.Is<Detail>()) any.UnpackTo(&detail);
  }
  return detail;
}

}  // namespace

TestServer::TestServer(Config config, std::shared_ptr<MemoryMedium> medium)
    : config_(std::move(config)) {
  SetLogLevel(LogLevel::kWarning);
  config_.listen = "127.0.0.1:0";
  config_.http = "127.0.0.1:0";
  config_.store = "memory";
  config_.data_dir = directory_.path();
  Start(std::move(medium));
}

void TestServer::Start(std::shared_ptr<MemoryMedium> medium) {
  auto store = std::make_unique<MemoryStore>(std::move(medium));
  store_ = store.get();
  absl::StatusOr<std::unique_ptr<Server>> server = Server::Start(config_, std::move(store));
  ASSERT_TRUE(server.ok()) << server.status();
  server_ = *std::move(server);
  // A channel of its own: gRPC would share one with an earlier server's port.
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  stub_ = v1::QuotaService::NewStub(grpc::CreateCustomChannel(
      server_->grpc_address(), grpc::InsecureChannelCredentials(), arguments));
}

absl::Status TestServer::Restart() {
  absl::Status status = server_->Shutdown();
  std::shared_ptr<MemoryMedium> medium = store_->medium();
  server_ = nullptr;
  Start(std::move(medium));
  return status;
}

std::string TestServer::StateHash() {
  grpc::ClientContext context;
  v1::CheckResponse response;
  const grpc::Status status = stub_->Check(&context, v1::CheckRequest(), &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.violations_total(), 0u) << response.ShortDebugString();
  return response.state_hash();
}

google::rpc::ErrorInfo ErrorInfoOf(const grpc::Status& status) {
  return DetailOf<google::rpc::ErrorInfo>(status);
}
google::rpc::BadRequest BadRequestOf(const grpc::Status& status) {
  return DetailOf<google::rpc::BadRequest>(status);
}
google::rpc::QuotaFailure QuotaFailureOf(const grpc::Status& status) {
  return DetailOf<google::rpc::QuotaFailure>(status);
}
google::rpc::RetryInfo RetryInfoOf(const grpc::Status& status) {
  return DetailOf<google::rpc::RetryInfo>(status);
}

}  // namespace dmem::server
