// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef TESTS_INTEGRATION_HTTP_GET_H_
#define TESTS_INTEGRATION_HTTP_GET_H_

#include <string>

namespace dmem::server {

struct HttpAnswer {
  int code = 0;  // 0: no answer.
  std::string body;
};

// One request to "127.0.0.1:PORT".
HttpAnswer HttpRequest(const std::string& address, const std::string& method,
                       const std::string& path);
inline HttpAnswer HttpGet(const std::string& address, const std::string& path) {
  return HttpRequest(address, "GET", path);
}

}  // namespace dmem::server

#endif  // TESTS_INTEGRATION_HTTP_GET_H_
