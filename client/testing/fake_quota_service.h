// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_TESTING_FAKE_QUOTA_SERVICE_H_
#define DMEMD_CLIENT_TESTING_FAKE_QUOTA_SERVICE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "google/protobuf/message.h"

namespace dmem::client {

// A real gRPC server of QuotaService on a loopback port of its own, which answers what it is told
// to and keeps what it was asked. Stops when destroyed. Thread safe.
class FakeQuotaService {
 public:
  // `address`: another one to listen on, "HOST:PORT".
  explicit FakeQuotaService(const std::string& address = "127.0.0.1:0");
  ~FakeQuotaService();

  // "127.0.0.1:PORT".
  const std::string& address() const;

  // The next call, not yet scripted, of the RPC whose response has this type answers `response`.
  void Answer(const google::protobuf::Message& response);

  // The same with an error; the status's payloads are sent as its details.
  template <typename Response>
  void Fail(const absl::Status& status) {
    FailNamed(std::string(Response::descriptor()->name()), status);
  }

  // Every request so far, oldest first, as "NAME {fields}" in the one-line text format, such as
  // `UnchargeRequest {charge_ids: "a"}`. A call that was not scripted answers UNIMPLEMENTED.
  std::vector<std::string> requests() const;

  // The last of them.
  std::string last_request() const;

 private:
  class Impl;

  void FailNamed(const std::string& response_name, const absl::Status& status);

  const std::unique_ptr<Impl> impl_;
};

// `status` with `detail` as google.rpc details are carried.
absl::Status WithDetail(absl::Status status, const google::protobuf::Message& detail);

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_TESTING_FAKE_QUOTA_SERVICE_H_
