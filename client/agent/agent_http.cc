// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/agent_http.h"

#include <CivetServer.h>
#include <prometheus/text_serializer.h>

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace dmem::client {
namespace {

struct Answer {
  int code;
  std::string content_type;
  std::string body;
};

// What is at one path.
class Page final : public CivetHandler {
 public:
  explicit Page(std::function<Answer()> answer) : answer_(std::move(answer)) {}

  bool handleGet(CivetServer*, mg_connection* connection) override {
    const Answer answer = answer_();
    const std::string text = absl::StrCat(
        "HTTP/1.1 ", answer.code, " ", mg_get_response_code_text(connection, answer.code),
        "\r\nContent-Type: ", answer.content_type, "\r\nContent-Length: ", answer.body.size(),
        "\r\nConnection: close\r\n\r\n", answer.body);
    mg_write(connection, text.data(), text.size());
    return true;
  }

 private:
  const std::function<Answer()> answer_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<AgentHttp>> AgentHttp::Start(const std::string& address,
                                                            const prometheus::Collectable* metrics,
                                                            std::function<absl::Status()> health) {
  std::unique_ptr<AgentHttp> http(new AgentHttp());
  http->metrics_ = std::make_unique<Page>([metrics] {
    return Answer{200, "text/plain; version=0.0.4; charset=utf-8",
                  prometheus::TextSerializer().Serialize(metrics->Collect())};
  });
  http->health_ = std::make_unique<Page>([health = std::move(health)] {
    const absl::Status status = health();
    return Answer{status.ok() ? 200 : 503, "text/plain; charset=utf-8",
                  status.ok() ? "ok\n" : absl::StrCat(status.message(), "\n")};
  });
  // Two threads: a slow reader of one page keeps nobody from the other.
  const std::vector<std::string> options = {"listening_ports",    address, "num_threads", "2",
                                            "request_timeout_ms", "30000"};
  try {
    http->server_ = std::make_unique<CivetServer>(options);
  } catch (const CivetException& exception) {
    return absl::UnavailableError("cannot listen there: is the port in use?");
  }
  if (http->port() == 0) return absl::UnavailableError("cannot listen there");
  http->server_->addHandler("/metrics$", *http->metrics_);
  http->server_->addHandler("/healthz$", *http->health_);
  return http;
}

AgentHttp::~AgentHttp() = default;

int AgentHttp::port() const {
  const std::vector<int> ports = server_->getListeningPorts();
  return ports.empty() ? 0 : ports.front();
}

}  // namespace dmem::client
