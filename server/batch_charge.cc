// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/batch_charge.h"

#include <algorithm>
#include <array>
#include <string>

#include "core/errors.h"
#include "server/apply.h"
#include "server/record.h"
#include "server/validation.h"

namespace dmem::server {

namespace {

// Explanations in full up to here; of what follows an error carries only code, text and reason,
// shortened, and would_refuse only its first counter, so that 10,000 still fit in a message.
constexpr size_t kFullBytes = 1 << 20;
constexpr size_t kShortMessageBytes = 120;

// How many charges ahead of the one that is applied memory is asked for.
constexpr int kBucketsAhead = 12;
constexpr int kRecordsAhead = 6;

absl::Status Shortened(const absl::Status& error) {
  return MakeError(error.code(), error.message().substr(0, kShortMessageBytes),
                   {FactsOf(error).reason, {}});
}

}  // namespace

BatchChargeTask::BatchChargeTask(const Call& call, const v1::BatchChargeRequest* request,
                                 v1::BatchChargeResponse* response, SessionKeeper* keeper,
                                 std::string actor)
    : call_(call),
      request_(request),
      response_(response),
      keeper_(keeper),
      queued_bytes_(request->ByteSizeLong()) {
  input_.actor = std::move(actor);
  response->mutable_results()->Reserve(request->charges_size());
}

// Sizes are cached by the constructor's pass over the request.
size_t BatchChargeTask::record_bytes() const {
  return static_cast<size_t>(request_->charges(next_).GetCachedSize()) + kEntryOverheadBytes;
}

bool BatchChargeTask::Run(Turn* turn) {
  const int end = std::min(next_ + kSliceCharges, request_->charges_size());
  // In a large ledger most of the time would go into waiting for memory: each new id is looked up
  // where nothing has been lately.
  const State& state = turn->state();
  std::array<uint32_t, kBucketsAhead> hashes;
  const auto prefetch_bucket = [&](int i) {
    if (i < end)
      hashes[i % kBucketsAhead] = state.PrefetchIdBuckets(request_->charges(i).charge_id());
  };
  const auto prefetch_record = [&](int i) {
    if (i < end) state.PrefetchIdRecords(hashes[i % kBucketsAhead]);
  };
  for (int i = 0; i < kBucketsAhead; ++i) prefetch_bucket(next_ + i);
  for (int i = 0; i < kRecordsAhead; ++i) prefetch_record(next_ + i);
  for (; next_ < end; ++next_) {
    if (!turn->HasRoom(record_bytes())) return false;
    prefetch_record(next_ + kRecordsAhead);
    prefetch_bucket(next_ + kBucketsAhead);  // Takes the place of this charge's hash.
    ApplyNext(turn);
  }
  return next_ == request_->charges_size();
}

void BatchChargeTask::ApplyNext(Turn* turn) {
  const v1::ChargeRequest& charge = request_->charges(next_);
  v1::BatchChargeResult* result = response_->add_results();
  if (absl::Status invalid = Validate(charge); !invalid.ok()) {
    result->set_charge_id(charge.charge_id().substr(0, kShortMessageBytes));
    result->set_sequence(turn->state().scalars.sequence);
    Render(invalid, result);
    return;
  }
  input_.time_us = turn->NextCommandTime();
  input_.generated_charge_id = charge.charge_id().empty() ? turn->NewChargeId() : "";
  const uint64_t before = turn->state().scalars.sequence;
  const absl::Status outcome = Apply(input_, charge, turn->ledger(), result);
  const uint64_t after = turn->state().scalars.sequence;
  if (after != before) {
    AppendEntry(input_, outcome, charge, turn);
  }
  // Whoever calls is alive.
  keeper_->HeardCaller(charge.session(), input_.time_us, *turn->ledger());
  if (!outcome.ok()) Render(outcome, result);
  ShortenWouldRefuse(result);
}

void BatchChargeTask::ShortenWouldRefuse(v1::BatchChargeResult* result) {
  if (result->would_refuse_size() == 0) return;
  if (explained_bytes_ >= kFullBytes) {
    result->mutable_would_refuse()->DeleteSubrange(1, result->would_refuse_size() - 1);
  }
  explained_bytes_ += result->ByteSizeLong();
}

void BatchChargeTask::Render(const absl::Status& error, v1::BatchChargeResult* result) {
  const bool is_full = explained_bytes_ < kFullBytes;
  *result->mutable_error() = ToRpcStatus(is_full ? error : Shortened(error));
  if (is_full) explained_bytes_ += result->error().ByteSizeLong();
}

}  // namespace dmem::server
