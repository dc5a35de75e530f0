// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Requests of the integration tests, in one line each.

#ifndef TESTS_INTEGRATION_REQUESTS_H_
#define TESTS_INTEGRATION_REQUESTS_H_

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "dmem/v1/quota_service.grpc.pb.h"
#include "server/clock.h"
#include "server/testing/test_server.h"

namespace dmem::server {

using Stub = v1::QuotaService::StubInterface;

// Far beyond what any call takes: a call that hangs fails instead.
inline constexpr std::chrono::seconds kCallTimeout(60);

template <typename Response>
struct Answer {
  grpc::Status status;
  Response response;
  bool ok() const { return status.ok(); }
};

template <typename Request, typename Response>
Answer<Response> Call(TestServer& server,
                      grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                      const Request& request) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kCallTimeout);
  Answer<Response> answer;
  answer.status = (server.stub().*method)(&context, request, &answer.response);
  return answer;
}

inline v1::RegisterRequest RegisterOf(const std::string& name, uint64_t capacity,
                                      const std::string& parent = "") {
  v1::RegisterRequest request;
  request.mutable_region()->set_name(name);
  request.mutable_region()->set_capacity_bytes(capacity);
  request.mutable_region()->set_parent(parent);
  return request;
}

// Created now.
inline v1::ChargeRequest ChargeOf(const std::string& id, const std::string& cgroup,
                                  const std::string& region, uint64_t bytes) {
  v1::ChargeRequest request;
  request.set_charge_id(id);
  request.mutable_created_at()->set_seconds(absl::ToUnixSeconds(WallClockNow()));
  v1::ChargeItem* item = request.add_items();
  item->set_cgroup(cgroup);
  item->set_region(region);
  item->set_bytes(bytes);
  return request;
}

inline v1::ResizeRequest ResizeOf(const std::string& id, const std::string& cgroup,
                                  const std::string& region, uint64_t bytes) {
  v1::ResizeRequest request;
  v1::ResizeItem* item = request.add_items();
  item->set_charge_id(id);
  item->set_cgroup(cgroup);
  item->set_region(region);
  item->set_bytes(bytes);
  return request;
}

inline v1::SetLimitsRequest MaxOf(const std::string& cgroup, const std::string& region,
                                  uint64_t max) {
  v1::SetLimitsRequest request;
  v1::LimitsUpdate* update = request.add_updates();
  update->set_cgroup(cgroup);
  update->set_region(region);
  update->set_max_bytes(max);
  return request;
}

inline uint64_t UsageOf(TestServer& server, const std::string& cgroup, const std::string& region) {
  v1::GetPoolRequest request;
  request.set_cgroup(cgroup);
  request.set_region(region);
  const auto answer = Call(server, &Stub::GetPool, request);
  EXPECT_TRUE(answer.ok()) << answer.status.error_message();
  return answer.response.pool().usage_bytes();
}

// The last event of the last command that changed anything.
inline v1::Event NewestEvent(TestServer& server) {
  v1::ListEventsRequest newest;
  newest.set_newest_first(true);
  newest.set_page_size(1);
  const auto answer = Call(server, &Stub::ListEvents, newest);
  EXPECT_TRUE(answer.ok()) << answer.status.error_message();
  EXPECT_EQ(answer.response.events_size(), 1);
  return answer.response.events_size() == 1 ? answer.response.events(0) : v1::Event();
}

}  // namespace dmem::server

#endif  // TESTS_INTEGRATION_REQUESTS_H_
