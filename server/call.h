// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef SERVER_CALL_H_
#define SERVER_CALL_H_

#include <grpcpp/support/server_callback.h>

#include "absl/status/status.h"
#include "server/clock.h"
#include "server/grpc_status.h"
#include "server/rpc_metrics.h"

namespace dmem::server {

// An RPC that has not been answered yet. Copyable; one copy answers, once. gRPC keeps request and
// response until then.
class Call {
 public:
  Call(Method method, grpc::ServerUnaryReactor* reactor, RpcMetrics* metrics)
      : method_(method),
        started_ns_(MonotonicNanoseconds()),
        reactor_(reactor),
        metrics_(metrics) {}

  // Answers with the response as it is now, or with the error.
  void Finish(const absl::Status& status) const {
    metrics_->Observe(method_, status.code(), (MonotonicNanoseconds() - started_ns_) / 1000);
    reactor_->Finish(ToGrpcStatus(status));
  }
  grpc::ServerUnaryReactor* reactor() const { return reactor_; }

 private:
  const Method method_;
  const int64_t started_ns_;
  grpc::ServerUnaryReactor* const reactor_;
  RpcMetrics* const metrics_;
};

}  // namespace dmem::server

#endif  // SERVER_CALL_H_
