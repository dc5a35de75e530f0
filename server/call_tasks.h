// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// What QuotaService puts into the writer's queue for a call.

#ifndef SERVER_CALL_TASKS_H_
#define SERVER_CALL_TASKS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "dmem/v1/quota_service.pb.h"
#include "server/apply.h"
#include "server/call.h"
#include "server/read.h"
#include "server/record.h"
#include "server/session_keeper.h"
#include "server/writer.h"

namespace dmem::server {

inline bool NeedsChargeId(const v1::ChargeRequest& request) { return request.charge_id().empty(); }
inline bool NeedsChargeId(const v1::ReconcileRequest&) { return true; }
template <typename Request>
bool NeedsChargeId(const Request&) {
  return false;
}

// The session that a request carries; 0: none.
template <typename Request>
auto SessionOf(const Request& request, int) -> decltype(request.session()) {
  return request.session();
}
template <typename Request>
uint64_t SessionOf(const Request&, long) {  // NOLINT: the worse match
  return 0;
}

// A command in the writer's queue.
template <typename Request, typename Response>
class CommandTask final : public WriterTask {
 public:
  CommandTask(const Call& call, const Request* request, Response* response, SessionKeeper* keeper,
              std::string actor)
      : call_(call),
        keeper_(keeper),
        request_(request),
        response_(response),
        actor_(std::move(actor)),
        bytes_(request->ByteSizeLong()) {}

  size_t record_bytes() const override {
    return bytes_ + kEntryOverheadBytes + EffectsBytes(*request_);
  }
  size_t queued_bytes() const override { return bytes_; }

  bool Run(Turn* turn) override {
    CommandInput input;
    input.time_us = turn->NextCommandTime();
    input.actor = actor_;
    if (NeedsChargeId(*request_)) input.generated_charge_id = turn->NewChargeId();
    const uint64_t before = turn->state().scalars.sequence;
    outcome_ = Apply(input, *request_, turn->ledger(), response_);
    const uint64_t after = turn->state().scalars.sequence;
    if (after != before) {
      AppendEntry(input, outcome_, *request_, turn);
    }
    // Whoever calls is alive.
    keeper_->HeardCaller(SessionOf(*request_, 0), input.time_us, *turn->ledger());
    return true;
  }

  void Complete(const absl::Status& commit) override {
    call_.Finish(commit.ok() ? outcome_ : commit);
  }

 private:
  const Call call_;
  SessionKeeper* const keeper_;
  const Request* const request_;
  Response* const response_;
  const std::string actor_;
  const size_t bytes_;
  absl::Status outcome_;
};

// A short read in the writer's queue: it sees what came before it, and is answered when that is
// durable.
template <typename Request, typename Response>
class ShortReadTask final : public WriterTask {
 public:
  ShortReadTask(const Call& call, const Request* request, Response* response)
      : call_(call), request_(request), response_(response) {}

  size_t record_bytes() const override { return 0; }
  size_t queued_bytes() const override { return sizeof(*this); }

  bool Run(Turn* turn) override {
    outcome_ = Read(turn->state(), turn->NextCommandTime(), *request_, response_);
    return true;
  }

  void Complete(const absl::Status& commit) override {
    call_.Finish(commit.ok() ? outcome_ : commit);
  }

 private:
  const Call call_;
  const Request* const request_;
  Response* const response_;
  absl::Status outcome_;
};

}  // namespace dmem::server

#endif  // SERVER_CALL_TASKS_H_
