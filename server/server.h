// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef SERVER_SERVER_H_
#define SERVER_SERVER_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/ledger.h"
#include "server/checkpointer.h"
#include "server/config.h"
#include "server/event_log.h"
#include "server/http_server.h"
#include "server/reader_pool.h"
#include "server/recovery.h"
#include "server/rpc_metrics.h"
#include "server/session_keeper.h"
#include "server/store/store.h"
#include "server/writer.h"

namespace grpc {
class Server;
}  // namespace grpc

namespace prometheus {
struct MetricFamily;
}  // namespace prometheus

namespace dmem::server {

class QuotaService;
class WatchHub;
struct WatchStats;

// A whole dmemd in a process: recovers, serves, and drains.
//
// Thread safety: Start and Shutdown from one thread; what reads from any.
class Server {
 public:
  // Recovers from `store`, and serves on return. Writes DATA_DIR/endpoints.json. REQUIRES:
  // Validate(config) is OK.
  // Errors: those of Recover; UNAVAILABLE or FAILED_PRECONDITION if an address cannot be bound or
  // the data directory cannot be written.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const Config& config,
                                                       std::unique_ptr<Store> store);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  // Shuts down, if Shutdown was not called.
  ~Server();

  // Takes no new calls, answers those under way, commits, makes a checkpoint, and removes
  // endpoints.json. Errors: of the last checkpoint, and UNAVAILABLE if a commit had failed; what
  // was acknowledged is durable all the same.
  absl::Status Shutdown();

  // Lets time pass, as a server with ticks does each second; returns whether more is due at once.
  // From the thread that started it. REQUIRES: Config::ticks is off. Errors: as a command's.
  absl::StatusOr<bool> Tick();

  // With the ports in use.
  const std::string& grpc_address() const { return grpc_address_; }
  const std::string& http_address() const { return http_->address(); }
  // Whether it serves: up, no commit has failed, and not shutting down.
  bool ready() const;

 private:
  Server(const Config& config, std::unique_ptr<Store> store);
  absl::Status RecoverAndConfigure();
  absl::Status Configure();
  // The first sequence, up to `sequence`, whose record is still wanted.
  uint64_t OldestWanted(uint64_t sequence) const;
  absl::Status StartHttp();
  HttpResponse Scrape();
  absl::StatusOr<std::vector<prometheus::MetricFamily>> CollectObjectsOnReader();
  absl::Status StartGrpc();
  absl::Status WriteEndpoints() const;
  std::string EndpointsPath() const;
  void SetHealth(bool serving);
  void OnCommitFailure(const absl::Status& error);

  const Config config_;
  const std::function<int64_t()> now_us_;
  const std::unique_ptr<Store> store_;
  EventLog events_;
  Ledger ledger_;
  Recovered recovered_;
  RpcMetrics rpc_metrics_;
  std::unique_ptr<Writer> writer_;
  std::unique_ptr<SessionKeeper> keeper_;
  std::unique_ptr<ReaderPool> readers_;
  std::unique_ptr<ReaderPool> past_readers_;  // For WhoHeld and ReportUsage.
  std::unique_ptr<Checkpointer> checkpointer_;
  std::unique_ptr<WatchHub> watchers_;
  std::atomic<const WatchStats*> watch_stats_{nullptr};  // Of watchers_, once there.
  std::unique_ptr<QuotaService> service_;
  std::unique_ptr<HttpServer> http_;
  std::unique_ptr<grpc::Server> grpc_;
  std::string grpc_address_;
  std::atomic<bool> serving_{false};
  bool shut_down_ = false;
};

}  // namespace dmem::server

#endif  // SERVER_SERVER_H_
