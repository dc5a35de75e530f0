// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef SERVER_TESTING_TEST_SERVER_H_
#define SERVER_TESTING_TEST_SERVER_H_

#include <memory>
#include <string>

#include "dmem/v1/quota_service.grpc.pb.h"
#include "google/rpc/error_details.pb.h"
#include "server/config.h"
#include "server/server.h"
#include "server/store/memory_store.h"
#include "server/testing/temp_directory.h"

namespace dmem::server {

// dmemd in this process, on loopback and port 0, on a memory store. Stopped by its destructor.
class TestServer {
 public:
  // Starts on what `medium` holds.
  explicit TestServer(Config config = Config(),
                      std::shared_ptr<MemoryMedium> medium = std::make_shared<MemoryMedium>());

  v1::QuotaService::StubInterface& stub() { return *stub_; }
  MemoryStore& store() { return *store_; }
  Server& server() { return *server_; }
  const std::string& data_dir() const { return directory_.path(); }

  // Shuts down and starts again, on what was durable.
  absl::Status Restart();
  // The state's hash, as Check tells; fails the test if Check finds a violation.
  std::string StateHash();

 private:
  void Start(std::shared_ptr<MemoryMedium> medium);

  TempDirectory directory_;
  Config config_;
  MemoryStore* store_ = nullptr;
  std::unique_ptr<Server> server_;
  std::unique_ptr<v1::QuotaService::StubInterface> stub_;
};

// The details of an error, empty where there are none.
google::rpc::ErrorInfo ErrorInfoOf(const grpc::Status& status);
google::rpc::BadRequest BadRequestOf(const grpc::Status& status);
google::rpc::QuotaFailure QuotaFailureOf(const grpc::Status& status);
google::rpc::RetryInfo RetryInfoOf(const grpc::Status& status);

}  // namespace dmem::server

#endif  // SERVER_TESTING_TEST_SERVER_H_
