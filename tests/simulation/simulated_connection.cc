// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/simulation/simulated_connection.h"

#include <algorithm>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "client/from_grpc_status.h"
#include "google/rpc/status.pb.h"

namespace dmem::simulation {
namespace {

constexpr int64_t kSlowUsMax = 30'000'000;

// A second answer would be another than the first.
bool IsSentOnce(const model::Command& command) {
  switch (command.kind) {
    case model::Kind::kUnregister:
    case model::Kind::kUnregisterGroup:
    case model::Kind::kCreateCgroup:
    case model::Kind::kDeleteCgroup:
    case model::Kind::kReconcile:
      return true;
    case model::Kind::kFence:
      return command.flag;
    case model::Kind::kSetLimits:
      return !command.validate_only &&
             std::any_of(command.limits.begin(), command.limits.end(),
                         [](const auto& change) { return change.etag.has_value(); });
    default:
      return false;
  }
}

// The same text for the same error: the bytes of a map in its details are in no order.
std::string Describe(const grpc::Status& status) {
  google::rpc::Status details;
  details.ParseFromString(status.error_details());
  return status.ok() ? "OK" : details.ShortDebugString();
}

template <typename Response>
struct Attempt {
  bool is_over = false;
  absl::Status status;
  Response response;
  absl::optional<Witness> witness;
};

}  // namespace

void Waiter::Sleep(int64_t us) {
  const uint64_t ticket = NewTicket();
  world_->After(us, [this, ticket] { Wake(ticket); });
  Await(ticket);
}

void Waiter::Await(uint64_t ticket) {
  if (is_dead_) return;
  awaited_ = ticket;
  (*coroutine_)->Yield();
}

void Waiter::Wake(uint64_t ticket) {
  if (awaited_ != ticket) return;
  awaited_ = 0;
  (*coroutine_)->Resume();
}

void Waiter::Die() {
  is_dead_ = true;
  if (awaited_ != 0) Wake(awaited_);
}

// Some messages are overtaken by many others.
int64_t SimulatedConnection::Delay() {
  if (world_->rng().Chance(world_->faults().slow_message)) {
    ++world_->counts().slow_messages;
    return world_->rng().Between(1, kSlowUsMax);
  }
  return world_->rng().Between(10, world_->faults().network_us_max);
}

void SimulatedConnection::CheckAttempts() {
  if (++attempts_ > 1 && question_.command.has_value() && IsSentOnce(*question_.command)) {
    world_->Violate(absl::StrCat(
        party_, " sends again what may have taken effect: ", question_.command->ToString()));
  }
}

template <typename Request, typename Response>
absl::StatusOr<Response> SimulatedConnection::Call(
    SimulatedServer::Method<Request, Response> method, const Request& request,
    absl::string_view name, absl::Duration timeout) {
  witness_.reset();
  if (waiter_->is_dead()) return absl::CancelledError("died");
  CheckAttempts();
  Random& random = world_->rng();
  const Faults& faults = world_->faults();
  ++world_->counts().attempts;
  const uint64_t number = world_->counts().attempts;
  world_->Note(
      absl::StrCat(party_, " sends ", number, ": ", name, " ", request.ShortDebugString()));

  const auto attempt = std::make_shared<Attempt<Response>>();
  const uint64_t ticket = waiter_->NewTicket();
  const uint64_t answered_before = oracle_->answered();
  // The first end counts: an answer, a broken connection, the deadline.
  const auto end = [waiter = waiter_, ticket, attempt](const absl::Status& status,
                                                       const Response& response,
                                                       const absl::optional<Witness>& witness) {
    if (std::exchange(attempt->is_over, true)) return;
    attempt->status = status;
    attempt->response = response;
    attempt->witness = witness;
    waiter->Wake(ticket);
  };
  const auto reset = [end] { end(absl::UnavailableError("connection reset"), {}, absl::nullopt); };
  const auto answer = [this, end, reset, number](const grpc::Status& status,
                                                 const Response& response, const Witness* witness) {
    world_->Note(
        absl::StrCat("answers ", number, ": ", Describe(status), " ", response.ShortDebugString()));
    if (world_->rng().Chance(world_->faults().lose_answer)) {
      ++world_->counts().lost_answers;
      if (world_->rng().Chance(500)) world_->After(Delay(), reset);
      return;
    }
    world_->After(Delay(), [end, status = client::FromGrpcStatus(status), response,
                            witness = witness == nullptr ? absl::nullopt
                                                         : absl::optional<Witness>(*witness)] {
      end(status, response, witness);
    });
  };
  const auto arrive = [this, method, request, question = question_, answer, reset] {
    if (!server_->is_up()) return reset();
    server_->Take<Request, Response>(method, request, question, answer);
  };
  if (random.Chance(faults.lose_request)) {
    ++world_->counts().lost_requests;
    if (random.Chance(500)) world_->After(Delay(), reset);
  } else {
    world_->After(Delay(), arrive);
    if (random.Chance(faults.duplicate_request)) {
      ++world_->counts().duplicates;
      world_->After(Delay(), arrive);
    }
  }
  world_->After(absl::ToInt64Microseconds(timeout), [this, attempt, end] {
    if (!attempt->is_over) ++world_->counts().timeouts;
    end(absl::DeadlineExceededError("no answer"), {}, absl::nullopt);
  });
  waiter_->Await(ticket);

  // Who died between send and answer never learns it.
  if (!attempt->is_over) return absl::CancelledError("died");
  // Without details, whose order absl makes random.
  world_->Note(absl::StrCat(party_, " learns ", number, ": ",
                            absl::StatusCodeToString(attempt->status.code()), " ",
                            attempt->status.message()));
  witness_ = attempt->witness;
  if (witness_.has_value()) {
    ++world_->counts().answers;
    if (witness_->place <= answered_before) {
      world_->Violate(absl::StrCat("attempt ", number, " takes effect at place ", witness_->place,
                                   ", before ", answered_before,
                                   ", which was answered before it was sent"));
    }
  }
  if (!attempt->status.ok()) return attempt->status;
  return attempt->response;
}

#define DMEM_RPC(Name)                                                                           \
  absl::StatusOr<v1::Name##Response> SimulatedConnection::Name(const v1::Name##Request& request, \
                                                               absl::Duration timeout) {         \
    return Call<v1::Name##Request, v1::Name##Response>(&server::QuotaService::Name, request,     \
                                                       #Name, timeout);                          \
  }
DMEM_FOR_EACH_UNARY_RPC(DMEM_RPC)
#undef DMEM_RPC

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  google::rpc::Status details;
  details.set_code(static_cast<int>(status.code()));
  details.set_message(std::string(status.message()));
  status.ForEachPayload([&details](absl::string_view type_url, const absl::Cord& payload) {
    google::protobuf::Any& detail = *details.add_details();
    detail.set_type_url(std::string(type_url));
    detail.set_value(std::string(payload));
  });
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), std::string(status.message()),
                      details.SerializeAsString());
}

}  // namespace dmem::simulation
