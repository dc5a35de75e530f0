// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_PODS_TESTING_FAKE_API_SERVER_H_
#define DMEMD_CLIENT_AGENT_PODS_TESTING_FAKE_API_SERVER_H_

#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "client/agent/pods/testing/test_certificate.h"

// OpenSSL's.
struct ssl_ctx_st;
struct ssl_st;

namespace dmem::client {

// An HTTP server on a loopback port of its own that answers one request after another, each as it
// was told to; a request that nothing was said about waits until it is. Stops when destroyed.
class FakeApiServer {
 public:
  // Without TLS.
  FakeApiServer() : FakeApiServer(TestCertificate()) {}
  // With TLS, if the certificate is not empty.
  explicit FakeApiServer(const TestCertificate& certificate);
  ~FakeApiServer();
  FakeApiServer(const FakeApiServer&) = delete;
  FakeApiServer& operator=(const FakeApiServer&) = delete;

  // "http://127.0.0.1:PORT", or https.
  std::string url() const;

  // The next request not yet spoken for: a whole answer.
  void Answer(int code, const std::string& body);
  // ... an answer whose body has no length, and goes on until End or Break.
  void Open(int code = 200);
  // What an open answer goes on with.
  void Send(const std::string& text);
  // The open answer ends, or breaks off before what it promised.
  void End();
  void Break();

  // Waits until there have been `count` requests; gives up after a minute. Each is its head:
  // request line and headers.
  std::vector<std::string> WaitForRequests(size_t count);

 private:
  struct Step {
    enum { kAnswer, kSend, kEnd, kBreak } kind;
    std::string bytes;
  };

  void Push(Step step);
  void Serve();
  // `tls` is null without TLS.
  void ServeOne(int connection, ssl_st* tls);
  // False: the server stops.
  bool Next(Step& step);

  ssl_ctx_st* tls_ = nullptr;  // Null without TLS.
  int listener_ = -1;
  int port_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_stopping_ = false;
  std::deque<Step> steps_;
  std::vector<std::string> requests_;
  std::thread thread_;
};

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_PODS_TESTING_FAKE_API_SERVER_H_
