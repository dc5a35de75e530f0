// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef SERVER_HTTP_SERVER_H_
#define SERVER_HTTP_SERVER_H_

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

class CivetServer;

namespace dmem::server {

struct HttpResponse {
  int code = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

// A small HTTP server for GET and HEAD of fixed paths.
//
// Thread-safe. Handlers are called from its threads, several at a time.
class HttpServer {
 public:
  using Handler = std::function<HttpResponse()>;

  // Listens on HOST:PORT (port 0: any) until destruction. Other paths are 404, other methods 405.
  // Errors: UNAVAILABLE if the address cannot be bound.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(const std::string& address,
                                                           std::map<std::string, Handler> handlers);
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  ~HttpServer();

  // "127.0.0.1:7172", with the port in use.
  const std::string& address() const { return address_; }

 private:
  class PathHandler;
  HttpServer() = default;

  std::map<std::string, std::unique_ptr<PathHandler>> handlers_;
  std::unique_ptr<CivetServer> civet_;  // Goes before the handlers that it calls.
  std::string address_;
};

}  // namespace dmem::server

#endif  // SERVER_HTTP_SERVER_H_
