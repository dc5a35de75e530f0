// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/storm/fleet.h"

#include <grpcpp/alarm.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "dmem/v1/quota_service.grpc.pb.h"

namespace dmem::storm {
namespace {

using AsyncStub = v1::QuotaService::StubInterface::async_interface;
using Deadline = std::chrono::system_clock::time_point;  // The clock that gRPC knows.

// Of a call with all that is tried again; far beyond what any takes: an agent that is never
// answered is an error and no hang.
constexpr std::chrono::minutes kCallTimeout(5);
constexpr std::chrono::milliseconds kRetryDelay(100);
// As the client library has it: a server that is started again is found soon.
constexpr int kReconnectMsInitial = 50;
constexpr int kReconnectMsMax = 1000;
constexpr size_t kErrorsMax = 20;

}  // namespace

struct Fleet::Stub {
  std::unique_ptr<v1::QuotaService::StubInterface> stub;
};

// Steps of many agents that are under way, each a chain of calls.
class Fleet::Agents {
 public:
  explicit Agents(int agents) : left_(agents) {}

  // Calls until the server answers: waits for it while it is not there, and tries again a little
  // later what it is too busy for. `then` gets the answer; an error ends the agent's step.
  template <typename Request, typename Response>
  void Call(Stub& stub,
            void (AsyncStub::*method)(grpc::ClientContext*, const Request*, Response*,
                                      std::function<void(grpc::Status)>),
            const Request& request, std::function<void(const Response&)> then) {
    Try(stub, method, request, std::move(then), std::chrono::system_clock::now() + kCallTimeout);
  }

  // An agent's step is over; an empty error is none.
  void Ended(const std::string& error) {
    absl::MutexLock lock(&mutex_);
    --left_;
    if (!error.empty()) {
      ++errors_total_;
      if (errors_.size() < kErrorsMax) errors_.push_back(error);
    }
  }

  // Waits for all. Returns the first errors, and how many there were.
  std::vector<std::string> Wait() {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(
        +[](int* left) { return *left == 0; }, &left_));
    if (errors_total_ > errors_.size()) {
      errors_.push_back(absl::StrCat("in all ", errors_total_, " agents failed"));
    }
    return errors_;
  }

 private:
  template <typename Request, typename Response>
  void Try(Stub& stub,
           void (AsyncStub::*method)(grpc::ClientContext*, const Request*, Response*,
                                     std::function<void(grpc::Status)>),
           const Request& request, std::function<void(const Response&)> then, Deadline deadline) {
    struct Sent {
      grpc::ClientContext context;
      Request request;
      Response response;
      std::unique_ptr<grpc::Alarm> alarm;
    };
    auto sent = std::make_shared<Sent>();
    sent->context.set_wait_for_ready(true);
    sent->context.set_deadline(deadline);
    sent->request = request;
    (stub.stub->async()->*method)(
        &sent->context, &sent->request, &sent->response,
        [this, sent, &stub, method, then = std::move(then), deadline](const grpc::Status& status) {
          if (status.ok()) return then(sent->response);
          const Deadline again = std::chrono::system_clock::now() + kRetryDelay;
          if (status.error_code() != grpc::StatusCode::UNAVAILABLE || again >= deadline) {
            return Ended(status.error_message());
          }
          sent->alarm = std::make_unique<grpc::Alarm>();
          sent->alarm->Set(again, [this, sent, &stub, method, then, deadline](bool) {
            // Neither would ever let go of the other.
            const std::unique_ptr<grpc::Alarm> alarm = std::move(sent->alarm);
            Try(stub, method, sent->request, then, deadline);
          });
        });
  }

  absl::Mutex mutex_;
  int left_ ABSL_GUARDED_BY(mutex_);
  size_t errors_total_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::string> errors_ ABSL_GUARDED_BY(mutex_);
};

Fleet::Fleet(const std::string& server, const Size& size, int connections_max)
    : size_(size), sessions_(size.nodes) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // A connection for each channel.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kReconnectMsInitial);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kReconnectMsMax);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  for (int i = 0; i < std::max(1, std::min(size.nodes, connections_max)); ++i) {
    auto stub = std::make_unique<Stub>();
    stub->stub = v1::QuotaService::NewStub(
        grpc::CreateCustomChannel(server, grpc::InsecureChannelCredentials(), arguments));
    stubs_.push_back(std::move(stub));
  }
}

Fleet::~Fleet() = default;

std::string Fleet::Device(int node, int device) { return absl::StrCat("n", node, "/gpu", device); }

std::string Fleet::ChargeId(int node, int device, int charge) {
  return absl::StrCat("n", node, "/gpu", device, "/c", charge);
}

std::string Fleet::Cgroup(int node, int device, int charge) {
  return absl::StrCat("/ns/team-", (node * 31 + device * 7 + charge) % kTeams);
}

std::vector<std::string> Fleet::Register() {
  Agents agents(size_.nodes);
  // The devices from `device` on, one after the other.
  std::function<void(int, int)> register_from = [&](int node, int device) {
    if (device == size_.devices) return agents.Ended("");
    v1::RegisterRequest request;
    request.set_session(sessions_[node]);
    request.mutable_region()->set_name(Device(node, device));
    request.mutable_region()->set_parent("cluster");
    request.mutable_region()->set_capacity_bytes(kDeviceBytes);
    request.mutable_region()->mutable_attributes()->set_node(absl::StrCat("n", node));
    agents.Call<v1::RegisterRequest, v1::RegisterResponse>(
        StubOf(node), &AsyncStub::Register, request,
        [&register_from, node, device](const v1::RegisterResponse&) {
          register_from(node, device + 1);
        });
  };
  for (int node = 0; node < size_.nodes; ++node) {
    v1::OpenSessionRequest request;
    request.set_owner("agent");
    request.set_node(absl::StrCat("n", node));
    request.set_incarnation(1);
    request.mutable_ttl()->set_seconds(absl::ToInt64Seconds(size_.session_ttl));
    request.set_nonce("first");
    agents.Call<v1::OpenSessionRequest, v1::OpenSessionResponse>(
        StubOf(node), &AsyncStub::OpenSession, request,
        [this, &register_from, node](const v1::OpenSessionResponse& opened) {
          sessions_[node] = opened.session().id();
          register_from(node, 0);
        });
  }
  return agents.Wait();
}

std::vector<std::string> Fleet::ComeBack() {
  Agents agents(size_.nodes);
  const auto reconcile = [&](int node, uint64_t as_of) {
    v1::ReconcileRequest request;
    request.set_session(sessions_[node]);
    request.set_reconcile_id("back");
    request.set_as_of(as_of);
    request.set_last(true);
    for (int device = 0; device < size_.devices; ++device) {
      const int first = FirstHeld(node, device);
      for (int charge = first; charge < first + size_.charges; ++charge) {
        v1::HeldItem* item = request.add_items();
        item->set_charge_id(ChargeId(node, device, charge));
        item->set_cgroup(Cgroup(node, device, charge));
        item->set_region(Device(node, device));
        item->set_bytes(kChargeBytes);
      }
    }
    agents.Call<v1::ReconcileRequest, v1::ReconcileResponse>(
        StubOf(node), &AsyncStub::Reconcile, request,
        [&agents, node](const v1::ReconcileResponse& answer) {
          const uint64_t expected = HasChanged(node) ? 2 : 0;
          agents.Ended(answer.differences_total() == expected
                           ? ""
                           : absl::StrCat("n", node, ": ", answer.ShortDebugString()));
        });
  };
  for (int node = 0; node < size_.nodes; ++node) {
    v1::KeepAliveRequest request;
    request.set_session(sessions_[node]);
    agents.Call<v1::KeepAliveRequest, v1::KeepAliveResponse>(
        StubOf(node), &AsyncStub::KeepAlive, request,
        [&agents, &reconcile, node](const v1::KeepAliveResponse& answer) {
          if (answer.state() != v1::SESSION_STATE_ACTIVE) {
            return agents.Ended(absl::StrCat("n", node, ": ", answer.ShortDebugString()));
          }
          reconcile(node, answer.sequence());
        });
  }
  return agents.Wait();
}

Fleet::Sweep Fleet::KeepAllAlive(int in_flight_max) {
  Sweep sweep;
  absl::Mutex mutex;
  const int lanes = std::min(in_flight_max, size_.nodes);
  Agents agents(lanes);
  // Those of one lane, one after the other.
  std::function<void(int)> keep_alive_from = [&](int node) {
    if (node >= size_.nodes) return agents.Ended("");
    v1::KeepAliveRequest request;
    request.set_session(sessions_[node]);
    const auto sent = std::chrono::steady_clock::now();
    agents.Call<v1::KeepAliveRequest, v1::KeepAliveResponse>(
        StubOf(node), &AsyncStub::KeepAlive, request,
        [&, node, sent](const v1::KeepAliveResponse&) {
          {
            absl::MutexLock lock(&mutex);
            ++sweep.answered;
            sweep.slowest =
                std::max(sweep.slowest, absl::FromChrono(std::chrono::steady_clock::now() - sent));
          }
          keep_alive_from(node + lanes);
        });
  };
  for (int lane = 0; lane < lanes; ++lane) keep_alive_from(lane);
  sweep.errors = agents.Wait();
  return sweep;
}

}  // namespace dmem::storm
