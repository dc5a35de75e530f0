// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_TESTING_ERROR_OF_SERVER_H_
#define DMEMD_CLIENT_TESTING_ERROR_OF_SERVER_H_

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"

namespace dmem::client {

// As dmemd answers it: with its reason, and what the reason is about, as a detail.
inline absl::Status ErrorOfServer(absl::StatusCode code, const std::string& reason,
                                  const std::string& message = "",
                                  const std::map<std::string, std::string>& metadata = {}) {
  google::rpc::ErrorInfo info;
  info.set_domain("dmemd");
  info.set_reason(reason);
  for (const auto& [key, value] : metadata) (*info.mutable_metadata())[key] = value;
  absl::Status status(code, message.empty() ? reason : message);
  status.SetPayload(
      absl::StrCat("type.googleapis.com/", google::rpc::ErrorInfo::descriptor()->full_name()),
      absl::Cord(info.SerializeAsString()));
  return status;
}

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_TESTING_ERROR_OF_SERVER_H_
