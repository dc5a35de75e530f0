// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/pods/testing/fake_api_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
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

ssl_ctx_st* TlsWith(const TestCertificate& certificate) {
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  BIO* bio = BIO_new_mem_buf(certificate.certificate.data(), -1);
  X509* x509 = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  bio = BIO_new_mem_buf(certificate.key.data(), -1);
  EVP_PKEY* key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  if (SSL_CTX_use_certificate(context, x509) != 1 || SSL_CTX_use_PrivateKey(context, key) != 1) {
    ADD_FAILURE() << "cannot use the certificate";
  }
  X509_free(x509);
  EVP_PKEY_free(key);
  return context;
}

// False: the client is gone.
bool ReceiveOne(int connection, ssl_st* tls, char* c) {
  return (tls != nullptr ? SSL_read(tls, c, 1) : ::recv(connection, c, 1, 0)) == 1;
}

void SendAll(int connection, ssl_st* tls, const std::string& bytes) {
  size_t sent = 0;
  while (sent < bytes.size()) {
    const size_t left = bytes.size() - sent;
    const ssize_t n = tls != nullptr ? SSL_write(tls, bytes.data() + sent, static_cast<int>(left))
                                     : ::send(connection, bytes.data() + sent, left, MSG_NOSIGNAL);
    if (n <= 0) return;  // The client is gone.
    sent += static_cast<size_t>(n);
  }
}

}  // namespace

FakeApiServer::FakeApiServer(const TestCertificate& certificate) {
  if (!certificate.certificate.empty()) {
    tls_ = TlsWith(certificate);
    std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes to a client that is gone.
  }
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
  SSL_CTX_free(tls_);
}

std::string FakeApiServer::url() const {
  return absl::StrCat(tls_ != nullptr ? "https" : "http", "://127.0.0.1:", port_);
}

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
    SSL* tls = tls_ != nullptr ? SSL_new(tls_) : nullptr;
    if (tls != nullptr) SSL_set_fd(tls, connection);
    if (tls == nullptr || SSL_accept(tls) == 1) {
      ServeOne(connection, tls);
      if (tls != nullptr) SSL_shutdown(tls);
    }
    SSL_free(tls);
    ::close(connection);
  }
}

void FakeApiServer::ServeOne(int connection, ssl_st* tls) {
  std::string head;
  char c;
  while (head.size() < 65536 && head.find("\r\n\r\n") == std::string::npos) {
    if (!ReceiveOne(connection, tls, &c)) return;
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
    SendAll(connection, tls, step.bytes);
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
