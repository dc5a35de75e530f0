// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/pods/testing/fake_api_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace dmem::client {
namespace {

// An open answer promises more than it will ever send, so that one which breaks off is noticed; one
// that ends in order is chunked, as the API server's.
std::string Chunk(const std::string& text) {
  return absl::StrCat(absl::Hex(text.size()), "\r\n", text, "\r\n");
}

void SendAll(int connection, const std::string& bytes) {
  size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t n = ::send(connection, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) return;  // The client is gone.
    sent += static_cast<size_t>(n);
  }
}

}  // namespace

FakeApiServer::FakeApiServer() {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener_, generic, size) != 0 || ::listen(listener_, 16) != 0 ||
      ::getsockname(listener_, generic, &size) != 0) {
    ADD_FAILURE() << "cannot listen on loopback";
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { Serve(); });
}

FakeApiServer::~FakeApiServer() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    is_stopping_ = true;
  }
  changed_.notify_all();
  ::shutdown(listener_, SHUT_RDWR);  // Ends accept.
  thread_.join();
  ::close(listener_);
}

std::string FakeApiServer::url() const { return absl::StrCat("http://127.0.0.1:", port_); }

void FakeApiServer::Answer(int code, const std::string& body) {
  Push({Step::kAnswer, absl::StrCat("HTTP/1.1 ", code, " X\r\nContent-Length: ", body.size(),
                                    "\r\nConnection: close\r\n\r\n", body)});
  Push({Step::kBreak, ""});
}

void FakeApiServer::Open(int code) {
  Push({Step::kAnswer, absl::StrCat("HTTP/1.1 ", code,
                                    " X\r\nTransfer-Encoding: chunked\r\nConnection: close"
                                    "\r\n\r\n")});
}

void FakeApiServer::Send(const std::string& text) { Push({Step::kSend, Chunk(text)}); }

void FakeApiServer::End() { Push({Step::kEnd, "0\r\n\r\n"}); }

void FakeApiServer::Break() { Push({Step::kBreak, ""}); }

void FakeApiServer::Push(Step step) {
  const std::lock_guard<std::mutex> lock(mutex_);
  steps_.push_back(std::move(step));
  changed_.notify_all();
}

bool FakeApiServer::Next(Step& step) {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [this] { return is_stopping_ || !steps_.empty(); });
  if (is_stopping_) return false;
  step = std::move(steps_.front());
  steps_.pop_front();
  return true;
}

void FakeApiServer::Serve() {
  while (true) {
    const int connection = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) return;
    ServeOne(connection);
    ::close(connection);
  }
}

void FakeApiServer::ServeOne(int connection) {
  std::string head;
  char c;
  while (head.size() < 65536 && head.find("\r\n\r\n") == std::string::npos) {
    if (::recv(connection, &c, 1, 0) != 1) return;
    head.push_back(c);
    if (head[0] != 'G') return;  // No GET: the greeting of TLS.
  }
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    requests_.push_back(head);
    changed_.notify_all();
  }
  Step step;
  while (Next(step)) {
    SendAll(connection, step.bytes);
    if (step.kind == Step::kEnd || step.kind == Step::kBreak) return;
  }
}

std::vector<std::string> FakeApiServer::WaitForRequests(size_t count) {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait_for(lock, std::chrono::minutes(1),
                    [this, count] { return requests_.size() >= count; });
  EXPECT_GE(requests_.size(), count);
  return requests_;
}

}  // namespace dmem::client
