// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_PODS_HTTP_GETTER_H_
#define DMEMD_CLIENT_AGENT_PODS_HTTP_GETTER_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace dmem::client {

struct HttpRequest {
  std::string url;           // http:// or https://.
  std::string bearer_token;  // Empty: none is sent.
  std::string ca_file;       // PEM, of who may vouch for the server; empty: the system's.
  absl::Duration connect_timeout = absl::Seconds(10);
  absl::Duration timeout = absl::Seconds(10);  // Of all.
};

// Gets things over HTTP, also answers that come in parts for as long as they like. Follows no
// redirect and uses no proxy: a token goes to the server that it is meant for.
//
// Thread safety: Get on one thread at a time, Cancel on any.
class HttpGetter {
 public:
  HttpGetter();
  HttpGetter(const HttpGetter&) = delete;
  HttpGetter& operator=(const HttpGetter&) = delete;
  ~HttpGetter();

  // Waits until the answer has ended and returns its status code, of whatever kind. `on_part` is
  // called with the code as soon as it is known, with an empty part, and then with each part of the
  // body; false ends the call with ABORTED.
  //
  // UNAVAILABLE: there was no answer, or it broke off. DEADLINE_EXCEEDED: it did not come in time.
  // CANCELLED. Each says why, and names the server.
  using OnPart = std::function<bool(int code, absl::string_view part)>;
  absl::StatusOr<int> Get(const HttpRequest& request, const OnPart& on_part);

  // Ends a Get under way, and each later one at once.
  void Cancel();

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_PODS_HTTP_GETTER_H_
