// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// echo_server: a QuotaService that decides and stores nothing. It answers Charge and BatchCharge at
// once with what dmemd would answer to a granted charge, so that the same load on both shows what
// the authority costs beyond gRPC itself. Prints HOST:PORT when ready, and ends on SIGTERM.

#include <atomic>
#include <csignal>
#include <cstdio>
#include <memory>

#include "dmem/v1/quota_service.grpc.pb.h"
#include "grpcpp/grpcpp.h"

namespace {

namespace v1 = dmem::v1;

class EchoService final : public v1::QuotaService::CallbackService {
 public:
  grpc::ServerUnaryReactor* Charge(grpc::CallbackServerContext* context,
                                   const v1::ChargeRequest* request,
                                   v1::ChargeResponse* response) override {
    const uint64_t sequence = ++sequence_;
    v1::Charge* charge = response->mutable_charge();
    charge->set_charge_id(request->charge_id());
    charge->set_state(v1::CHARGE_STATE_HELD);
    *charge->mutable_items() = request->items();
    *charge->mutable_created_at() = request->created_at();
    *charge->mutable_granted_at() = request->created_at();
    charge->set_granted_sequence(sequence);
    response->set_sequence(sequence);
    return Finish(context);
  }

  grpc::ServerUnaryReactor* BatchCharge(grpc::CallbackServerContext* context,
                                        const v1::BatchChargeRequest* request,
                                        v1::BatchChargeResponse* response) override {
    response->mutable_results()->Reserve(request->charges_size());
    for (const v1::ChargeRequest& charge : request->charges()) {
      v1::BatchChargeResult* result = response->add_results();
      result->set_charge_id(charge.charge_id());
      result->set_sequence(++sequence_);
    }
    return Finish(context);
  }

 private:
  static grpc::ServerUnaryReactor* Finish(grpc::CallbackServerContext* context) {
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

  // As long, when encoded, as that of a ledger that has seen some charges.
  std::atomic<uint64_t> sequence_{100000};
};

}  // namespace

int main() {
  // Blocked before gRPC's threads are started, which inherit it.
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigaddset(&stop, SIGINT);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);

  EchoService service;
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr || port == 0) {
    std::fprintf(stderr, "echo_server: cannot listen on 127.0.0.1\n");
    return 1;
  }
  std::printf("127.0.0.1:%d\n", port);
  std::fflush(stdout);
  int signal = 0;
  sigwait(&stop, &signal);
  server->Shutdown();
  return 0;
}
