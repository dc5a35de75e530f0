// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/http_server.h"

#include <CivetServer.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <future>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace dmem::server {

namespace {

constexpr std::chrono::milliseconds kKnockInterval(20);

void Send(mg_connection* connection, const HttpResponse& response, bool with_body) {
  const std::string head = absl::StrCat(
      "HTTP/1.1 ", response.code, " ", mg_get_response_code_text(connection, response.code),
      "\r\nContent-Type: ", response.content_type, "\r\nContent-Length: ", response.body.size(),
      "\r\nConnection: close\r\n\r\n");
  mg_write(connection, head.data(), head.size());
  if (with_body) mg_write(connection, response.body.data(), response.body.size());
}

// Connects and hangs up. That it fails says that nobody listens any more.
void Knock(const std::string& address) {
  const size_t colon = address.rfind(':');
  std::string host = address.substr(0, colon);
  if (host.front() == '[') host = host.substr(1, host.size() - 2);
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), address.c_str() + colon + 1, &hints, &found) != 0) return;
  const int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd >= 0) {
    static_cast<void>(connect(fd, found->ai_addr, found->ai_addrlen));
    close(fd);
  }
  freeaddrinfo(found);
}

}  // namespace

class HttpServer::PathHandler final : public CivetHandler {
 public:
  // `path` is matched whole; null for all others.
  PathHandler(std::string path, Handler handler)
      : path_(std::move(path)), handler_(std::move(handler)) {}

  bool handleGet(CivetServer*, mg_connection* connection) override {
    return Answer(connection, true);
  }
  bool handleHead(CivetServer*, mg_connection* connection) override {
    return Answer(connection, false);
  }
  bool handlePost(CivetServer*, mg_connection* connection) override { return Refuse(connection); }
  bool handlePut(CivetServer*, mg_connection* connection) override { return Refuse(connection); }
  bool handleDelete(CivetServer*, mg_connection* connection) override { return Refuse(connection); }
  bool handlePatch(CivetServer*, mg_connection* connection) override { return Refuse(connection); }
  bool handleOptions(CivetServer*, mg_connection* connection) override {
    return Refuse(connection);
  }

 private:
  bool Answer(mg_connection* connection, bool with_body) {
    // CivetWeb gives a handler what is below its path, too.
    const char* uri = mg_get_request_info(connection)->local_uri;
    if (handler_ == nullptr || uri == nullptr || path_ != uri) {
      Send(connection, {404, "text/plain; charset=utf-8", "not found\n"}, with_body);
    } else {
      Send(connection, handler_(), with_body);
    }
    return true;
  }
  bool Refuse(mg_connection* connection) {
    Send(connection, {405, "text/plain; charset=utf-8", "only GET and HEAD\n"}, true);
    return true;
  }

  const std::string path_;
  const Handler handler_;
};

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(
    const std::string& address, std::map<std::string, Handler> handlers) {
  std::unique_ptr<HttpServer> server(new HttpServer());
  const std::vector<std::string> options = {
      "listening_ports", address, "num_threads", "2", "request_timeout_ms", "30000",
  };
  try {
    server->civet_ = std::make_unique<CivetServer>(options);
  } catch (const CivetException& exception) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", address, " for HTTP: is the port in use?"));
  }
  const std::vector<int> ports = server->civet_->getListeningPorts();
  if (ports.empty() || ports[0] == 0) {
    return absl::UnavailableError(absl::StrCat("cannot listen on ", address, " for HTTP"));
  }
  server->address_ = absl::StrCat(address.substr(0, address.rfind(':')), ":", ports[0]);
  handlers.emplace("/", nullptr);  // What no other handler takes.
  for (auto& entry : handlers) {
    auto handler = std::make_unique<PathHandler>(entry.first, std::move(entry.second));
    server->civet_->addHandler(entry.first, *handler);
    server->handlers_.emplace(entry.first, std::move(handler));
  }
  return server;
}

HttpServer::~HttpServer() {
  if (civet_ == nullptr) return;
  // CivetWeb looks only every two seconds whether it shall stop, unless somebody connects.
  std::future<void> closed = std::async(std::launch::async, [this] { civet_->close(); });
  do {
    Knock(address_);
  } while (closed.wait_for(kKnockInterval) != std::future_status::ready);
}

}  // namespace dmem::server
