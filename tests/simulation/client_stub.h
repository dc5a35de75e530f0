// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// ClientStub: what speaks to a stub speaks to the client library.

#ifndef TESTS_SIMULATION_CLIENT_STUB_H_
#define TESTS_SIMULATION_CLIENT_STUB_H_

#include <grpcpp/grpcpp.h>

#include <utility>

#include "client/client.h"
#include "dmem/v1/quota_service.grpc.pb.h"
#include "tests/simulation/rpcs.h"
#include "tests/simulation/simulated_connection.h"

namespace dmem::simulation {

// Calls that wait, and no others: the rest of the interface is not to be used.
class ClientStub final : public v1::QuotaService::StubInterface {
 public:
  // `client` must outlive this.
  explicit ClientStub(client::Client* client) : client_(client) {}

#define DMEM_RPC(Name)                                                                   \
 public:                                                                                 \
  grpc::Status Name(grpc::ClientContext*, const v1::Name##Request& request,              \
                    v1::Name##Response* response) override {                             \
    absl::StatusOr<v1::Name##Response> answer = client_->Name(request);                  \
    if (!answer.ok()) return ToGrpc(answer.status());                                    \
    *response = *std::move(answer);                                                      \
    return grpc::Status::OK;                                                             \
  }                                                                                      \
                                                                                         \
 private:                                                                                \
  grpc::ClientAsyncResponseReaderInterface<v1::Name##Response>* Async##Name##Raw(        \
      grpc::ClientContext*, const v1::Name##Request&, grpc::CompletionQueue*) override { \
    return nullptr;                                                                      \
  }                                                                                      \
  grpc::ClientAsyncResponseReaderInterface<v1::Name##Response>* PrepareAsync##Name##Raw( \
      grpc::ClientContext*, const v1::Name##Request&, grpc::CompletionQueue*) override { \
    return nullptr;                                                                      \
  }
  DMEM_FOR_EACH_UNARY_RPC(DMEM_RPC)
#undef DMEM_RPC

 private:
  using KeepAliveStreamOfClient =
      grpc::ClientReaderWriterInterface<v1::KeepAliveRequest, v1::KeepAliveResponse>;
  using AsyncKeepAliveStreamOfClient =
      grpc::ClientAsyncReaderWriterInterface<v1::KeepAliveRequest, v1::KeepAliveResponse>;
  using WatchOfClient = grpc::ClientReaderInterface<v1::WatchResponse>;
  using AsyncWatchOfClient = grpc::ClientAsyncReaderInterface<v1::WatchResponse>;

  KeepAliveStreamOfClient* KeepAliveStreamRaw(grpc::ClientContext*) override { return nullptr; }
  AsyncKeepAliveStreamOfClient* AsyncKeepAliveStreamRaw(grpc::ClientContext*,
                                                        grpc::CompletionQueue*, void*) override {
    return nullptr;
  }
  AsyncKeepAliveStreamOfClient* PrepareAsyncKeepAliveStreamRaw(grpc::ClientContext*,
                                                               grpc::CompletionQueue*) override {
    return nullptr;
  }
  WatchOfClient* WatchRaw(grpc::ClientContext*, const v1::WatchRequest&) override {
    return nullptr;
  }
  AsyncWatchOfClient* AsyncWatchRaw(grpc::ClientContext*, const v1::WatchRequest&,
                                    grpc::CompletionQueue*, void*) override {
    return nullptr;
  }
  AsyncWatchOfClient* PrepareAsyncWatchRaw(grpc::ClientContext*, const v1::WatchRequest&,
                                           grpc::CompletionQueue*) override {
    return nullptr;
  }

  client::Client* const client_;
};

}  // namespace dmem::simulation

#endif  // TESTS_SIMULATION_CLIENT_STUB_H_
