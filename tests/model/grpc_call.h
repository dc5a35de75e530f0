// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Calls of GrpcRunner, and their answers in words.

#ifndef TESTS_MODEL_GRPC_CALL_H_
#define TESTS_MODEL_GRPC_CALL_H_

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "dmem/v1/quota_service.grpc.pb.h"
#include "google/rpc/status.pb.h"

namespace dmem {
namespace model {

using Stub = v1::QuotaService::StubInterface;

// In the words that Model::Apply uses.
std::string ErrorText(const google::rpc::Status& error);
std::string ErrorText(const grpc::Status& status);

// Calls, and renders the answer with `text`.
template <typename Request, typename Response, typename Text>
std::string Call(Stub& stub,
                 grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                 const Request& request, const Text& text) {
  grpc::ClientContext context;
  Response response;
  const grpc::Status status = (stub.*method)(&context, request, &response);
  return status.ok() ? text(response) : ErrorText(status);
}

template <typename Response>
std::string DroppedText(const Response& response) {
  std::vector<std::string> items;
  for (const v1::DroppedItem& item : response.dropped()) {
    items.push_back(absl::StrCat(item.charge_id(), " ", item.cgroup(), ":", item.bytes(),
                                 item.charge_ended() ? " ended" : ""));
  }
  if (response.dropped_items() != items.size()) items.push_back("another count");
  std::sort(items.begin(), items.end());
  return absl::StrCat(" dropped: ", absl::StrJoin(items, ", "),
                      " freed: ", absl::StrJoin(response.freed_cgroups(), ", "));
}

}  // namespace model
}  // namespace dmem

#endif  // TESTS_MODEL_GRPC_CALL_H_
