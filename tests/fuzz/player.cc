// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/fuzz/player.h"

#include <algorithm>
#include <memory>
#include <unordered_map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/invariants.h"
#include "core/state_codec.h"
#include "core/state_restorer.h"
#include "server/read.h"
#include "server/record.h"
#include "server/validation.h"

namespace dmem::fuzz {

using google::protobuf::Message;

int64_t Player::Now() const { return std::max(clock_us_, ledger_.state().scalars.time_us); }

server::CommandInput Player::NextInput() {
  server::CommandInput input;
  input.time_us = Now();
  input.actor = "fuzz";
  input.generated_charge_id = absl::StrCat("generated-", ++ids_);
  return input;
}

// After each command.
template <typename Request>
void Player::Record(const server::CommandInput& input, const absl::Status& outcome,
                    const Request& request) {
  const uint64_t sequence = ledger_.state().scalars.sequence;
  if (sequence == records_.size()) return;
  if (sequence != records_.size() + 1) Fail("one command, several sequences");
  records_.emplace_back();
  server::AppendEntry(input, outcome, request, ledger_, &records_.back());
  const AuditReport report = CheckInvariants(ledger_.state());
  if (report.violations_total > 0) {
    Fail(absl::StrCat(report.violations[0], " after ", request.ShortDebugString()));
  }
}

template <typename Response, typename Request>
void Player::Command(const Message& call) {
  const auto& request = static_cast<const Request&>(call);
  if (!server::Validate(request).ok()) return;
  const server::CommandInput input = NextInput();
  Response response;
  const absl::Status outcome = server::Apply(input, request, &ledger_, &response);
  Record(input, outcome, request);
}

template <typename Response, typename Request>
void Player::ReadOnly(const Message& call) {
  const auto& request = static_cast<const Request&>(call);
  if (!server::Validate(request).ok()) return;
  Response response;
  (void)server::Read(ledger_.state(), Now(), request, &response);
}

template <typename Request>
void Player::ValidateOnly(const Message& call) {
  (void)server::Validate(static_cast<const Request&>(call));
}

void Player::BatchCharge(const Message& call) {
  const auto& request = static_cast<const v1::BatchChargeRequest&>(call);
  if (!server::Validate(request).ok()) return;
  for (const v1::ChargeRequest& charge : request.charges()) {
    if (!server::Validate(charge).ok()) continue;
    const server::CommandInput input = NextInput();
    v1::BatchChargeResult result;
    const absl::Status outcome = server::Apply(input, charge, &ledger_, &result);
    Record(input, outcome, charge);
  }
}

// Time passes; what has come due is done, a little at a time.
void Player::Pass(const Message& call) {
  constexpr int64_t kSecondsMax = 100'000'000;
  constexpr int kTicksMax = 20;
  const auto& time = static_cast<const google::protobuf::Duration&>(call);
  clock_us_ = Now() + std::clamp<int64_t>(time.seconds(), 0, kSecondsMax) * 1'000'000;
  for (int i = 0; i < kTicksMax; ++i) {
    const server::CommandInput input = NextInput();
    const store::v1::Tick tick;
    const TickResult result = server::Apply(input, tick, &ledger_);
    Record(input, absl::OkStatus(), tick);
    if (!result.has_more) return;
  }
}

Player::Handler Player::HandlerOf(const google::protobuf::Descriptor* type) {
#define COMMAND(Name) \
  { v1::Name##Request::descriptor(), &Player::Command<v1::Name##Response, v1::Name##Request> }
#define READ(Name) \
  { v1::Name##Request::descriptor(), &Player::ReadOnly<v1::Name##Response, v1::Name##Request> }
#define VALIDATE(Name) \
  { v1::Name##Request::descriptor(), &Player::ValidateOnly<v1::Name##Request> }
  static const auto* handlers =
      new std::unordered_map<const google::protobuf::Descriptor*, Handler>{
          COMMAND(Register),
          COMMAND(Unregister),
          COMMAND(Cordon),
          COMMAND(RegisterGroup),
          COMMAND(UnregisterGroup),
          COMMAND(Charge),
          COMMAND(Uncharge),
          COMMAND(Resize),
          COMMAND(OpenSession),
          COMMAND(CloseSession),
          COMMAND(DeclareNotReady),
          COMMAND(Fence),
          COMMAND(ReportRegionState),
          COMMAND(ReportMeasured),
          COMMAND(MoveCharge),
          COMMAND(Reconcile),
          COMMAND(SetLimits),
          COMMAND(Commit),
          COMMAND(Cancel),
          COMMAND(Renew),
          COMMAND(RequestRelease),
          COMMAND(UnchargeItems),
          COMMAND(CreateCgroup),
          COMMAND(DeleteCgroup),
          COMMAND(WriteFile),
          READ(GetPool),
          READ(EvictValuable),
          READ(GetServerInfo),
          READ(EvictCandidates),
          READ(GetHeadroom),
          READ(ListPools),
          READ(ListRegions),
          READ(ListCgroups),
          READ(ListCharges),
          READ(ListSessions),
          READ(ListNodes),
          READ(ReadFile),
          READ(Check),
          // Of these the answer comes from elsewhere.
          VALIDATE(KeepAlive),
          VALIDATE(Watch),
          VALIDATE(ListEvents),
          VALIDATE(WhoHeld),
          VALIDATE(ReportUsage),
          {v1::BatchChargeRequest::descriptor(), &Player::BatchCharge},
          {google::protobuf::Duration::descriptor(), &Player::Pass},
      };
#undef COMMAND
#undef READ
#undef VALIDATE
  const auto found = handlers->find(type);
  if (found == handlers->end()) Fail(absl::StrCat("a request that is not played: ", type->name()));
  return found->second;
}

void Player::Play(const Calls& calls) {
  for (const auto& call : calls) {
    // As it comes over the wire, which takes no text that is not UTF-8.
    const std::unique_ptr<Message> received(call->New());
    if (!received->ParseFromString(call->SerializeAsString())) continue;
    (this->*HandlerOf(received->GetDescriptor()))(*received);
  }
}

void Player::CheckReplay() const {
  Ledger again;
  for (const std::string& record : records_) {
    const absl::Status status = server::ReplayRecord(record, &again);
    if (!status.ok()) Fail(absl::StrCat("replay: ", status.ToString()));
  }
  if (HashOf(again.state()) != HashOf(ledger_.state())) Fail("replay gives another state");
}

void Player::CheckCheckpoint() const {
  StateDelta all = DiffStates(nullptr, StateHash(), ledger_.state());
  std::sort(all.puts.begin(), all.puts.end());
  Ledger again;
  StateRestorer restorer(&again);
  for (const auto& [key, value] : all.puts) {
    if (const absl::Status status = restorer.AddObject(key, value); !status.ok()) {
      Fail(absl::StrCat("checkpoint: ", status.ToString()));
    }
  }
  if (const absl::Status status = restorer.Finish(); !status.ok()) {
    Fail(absl::StrCat("checkpoint: ", status.ToString()));
  }
  if (HashOf(again.state()) != HashOf(ledger_.state())) Fail("a checkpoint gives another state");
  const AuditReport report = CheckInvariants(again.state());
  if (report.violations_total > 0) Fail(absl::StrCat("checkpoint: ", report.violations[0]));
}

}  // namespace dmem::fuzz
