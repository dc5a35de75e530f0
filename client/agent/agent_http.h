// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_AGENT_HTTP_H_
#define DMEMD_CLIENT_AGENT_AGENT_HTTP_H_

#include <prometheus/collectable.h>

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

class CivetHandler;
class CivetServer;

namespace dmem::client {

// The agent's listener: GET /metrics, Prometheus' text, and GET /healthz, "ok", or 503 with the
// reason.
class AgentHttp {
 public:
  // Listens on HOST:PORT (port 0: any) until destruction. `metrics` and `health` are asked from its
  // threads and must outlive it. UNAVAILABLE: the address cannot be bound.
  static absl::StatusOr<std::unique_ptr<AgentHttp>> Start(const std::string& address,
                                                          const prometheus::Collectable* metrics,
                                                          std::function<absl::Status()> health);
  AgentHttp(const AgentHttp&) = delete;
  AgentHttp& operator=(const AgentHttp&) = delete;
  ~AgentHttp();

  int port() const;

 private:
  AgentHttp() = default;

  std::unique_ptr<CivetHandler> metrics_, health_;
  std::unique_ptr<CivetServer> server_;  // Goes before the handlers that it calls.
};

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_AGENT_HTTP_H_
