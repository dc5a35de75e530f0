// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef SERVER_KEEP_ALIVE_H_
#define SERVER_KEEP_ALIVE_H_

#include <functional>
#include <memory>
#include <unordered_set>

#include "absl/status/status.h"
#include "dmem/v1/quota_service.grpc.pb.h"
#include "server/base/mutex.h"
#include "server/call.h"
#include "server/rpc_metrics.h"
#include "server/session_keeper.h"
#include "server/writer.h"

namespace dmem::server {

// A KeepAlive in the writer's queue: the session is checked in the newest state, noted as heard,
// and the answer given once that state is durable. Writes nothing itself: the next Tick does.
class KeepAliveTask final : public WriterTask {
 public:
  // `done` is called once, on the writer's thread. `request` and `response` live until then.
  KeepAliveTask(SessionKeeper* keeper, const v1::KeepAliveRequest* request,
                v1::KeepAliveResponse* response, std::function<void(const absl::Status&)> done)
      : keeper_(keeper), request_(request), response_(response), done_(std::move(done)) {}

  size_t record_bytes() const override { return 0; }
  size_t queued_bytes() const override { return sizeof(*this); }
  bool Run(Turn* turn) override;
  void Complete(const absl::Status& commit) override { done_(commit.ok() ? outcome_ : commit); }

 private:
  SessionKeeper* const keeper_;
  const v1::KeepAliveRequest* const request_;
  v1::KeepAliveResponse* const response_;
  const std::function<void(const absl::Status&)> done_;
  absl::Status outcome_;
};

class KeepAliveStream;

// The streams of KeepAlives that are open: each answers one message at a time, and ends with the
// first error.
//
// Thread-safe.
class KeepAliveStreams {
 public:
  using Reactor = grpc::ServerBidiReactor<v1::KeepAliveRequest, v1::KeepAliveResponse>;

  // All must outlive the streams.
  KeepAliveStreams(Writer* writer, SessionKeeper* keeper, RpcMetrics* metrics)
      : writer_(writer), keeper_(keeper), metrics_(metrics) {}
  KeepAliveStreams(const KeepAliveStreams&) = delete;
  KeepAliveStreams& operator=(const KeepAliveStreams&) = delete;

  Reactor* Open();
  // Ends all of them, and every one that is opened later, with UNAVAILABLE SHUTTING_DOWN; those
  // whose message is being answered, after that.
  void Drain();

 private:
  friend class KeepAliveStream;

  Writer* const writer_;
  SessionKeeper* const keeper_;
  RpcMetrics* const metrics_;
  Mutex mutex_;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  std::unordered_set<KeepAliveStream*> streams_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace dmem::server

#endif  // SERVER_KEEP_ALIVE_H_
