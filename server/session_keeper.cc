// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/session_keeper.h"

#include <algorithm>
#include <future>
#include <memory>
#include <utility>
#include <vector>

#include "server/apply.h"
#include "server/clock.h"
#include "server/record.h"

namespace dmem::server {

namespace {

// Renewals in one Tick, at up to this many bytes each: far below the bound on records.
constexpr size_t kRenewalsMax = 20000;
constexpr size_t kRenewalBytes = 16;

constexpr absl::Duration kTickInterval = absl::Seconds(1);

}  // namespace

class SessionKeeper::ResumeTask final : public WriterTask {
 public:
  explicit ResumeTask(std::function<void(const absl::Status&)> done) : done_(std::move(done)) {}

  size_t record_bytes() const override { return kEntryOverheadBytes; }
  size_t queued_bytes() const override { return sizeof(*this); }
  bool Run(Turn* turn) override {
    CommandInput input;
    input.time_us = turn->NextCommandTime();
    input.actor = kServerActor;
    const store::v1::Resume resume;
    if (!Apply(input, resume, turn->ledger())) return true;
    AppendEntry(input, absl::OkStatus(), resume, turn);
    return true;
  }
  void Complete(const absl::Status& commit) override { done_(commit); }

 private:
  const std::function<void(const absl::Status&)> done_;
};

class SessionKeeper::TickTask final : public WriterTask {
 public:
  TickTask(SessionKeeper* keeper, std::function<void(const absl::StatusOr<bool>&)> done)
      : keeper_(keeper), done_(std::move(done)) {}

  size_t record_bytes() const override {
    return kEntryOverheadBytes + kRenewalBytes * std::min(kRenewalsMax, keeper_->heard_us_.size());
  }
  size_t queued_bytes() const override { return sizeof(*this); }

  bool Run(Turn* turn) override {
    CommandInput input;
    input.time_us = turn->NextCommandTime();
    input.actor = kServerActor;
    const store::v1::Tick tick = TakeRenewals(input.time_us);
    const TickResult result = Apply(input, tick, turn->ledger());
    has_more_ = result.has_more || !keeper_->heard_us_.empty();
    if (!result.is_changed) return true;
    AppendEntry(input, absl::OkStatus(), tick, turn);
    keeper_->stats_.ticks.fetch_add(1, std::memory_order_relaxed);
    keeper_->stats_.renewals.fetch_add(static_cast<uint64_t>(tick.sessions_size()),
                                       std::memory_order_relaxed);
    return true;
  }

  void Complete(const absl::Status& commit) override {
    commit.ok() ? done_(has_more_) : done_(commit);
  }

 private:
  // In order, so that the same sessions make the same bytes.
  store::v1::Tick TakeRenewals(int64_t time_us) {
    std::vector<std::pair<uint64_t, int64_t>> heard(keeper_->heard_us_.begin(),
                                                    keeper_->heard_us_.end());
    std::sort(heard.begin(), heard.end());
    if (heard.size() > kRenewalsMax) heard.resize(kRenewalsMax);
    store::v1::Tick tick;
    for (const auto& [session, heard_us] : heard) {
      tick.add_sessions(session);
      tick.add_ages_us(static_cast<uint64_t>(std::max<int64_t>(0, time_us - heard_us)));
      keeper_->heard_us_.erase(session);
    }
    return tick;
  }

  SessionKeeper* const keeper_;
  const std::function<void(const absl::StatusOr<bool>&)> done_;
  bool has_more_ = false;
};

absl::Status SessionKeeper::EnqueueResume(std::function<void(const absl::Status&)> done) {
  std::unique_ptr<WriterTask> task = std::make_unique<ResumeTask>(std::move(done));
  return writer_->Enqueue(task);
}

absl::Status SessionKeeper::EnqueueTick(std::function<void(const absl::StatusOr<bool>&)> done) {
  std::unique_ptr<WriterTask> task = std::make_unique<TickTask>(this, std::move(done));
  return writer_->Enqueue(task);
}

// The promise outlives this call: the writer may still be in set_value when get returns.
absl::Status SessionKeeper::Resume() {
  auto done = std::make_shared<std::promise<absl::Status>>();
  const absl::Status refused =
      EnqueueResume([done](const absl::Status& outcome) { done->set_value(outcome); });
  return refused.ok() ? done->get_future().get() : refused;
}

absl::StatusOr<bool> SessionKeeper::Tick() {
  auto done = std::make_shared<std::promise<absl::StatusOr<bool>>>();
  const absl::Status refused =
      EnqueueTick([done](const absl::StatusOr<bool>& outcome) { done->set_value(outcome); });
  return refused.ok() ? done->get_future().get() : refused;
}

void SessionKeeper::Start() {
  thread_ = std::thread([this] { Loop(); });
}

void SessionKeeper::Stop() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    wake_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

bool SessionKeeper::WaitUntil(int64_t time_ns) {
  MutexLock lock(&mutex_);
  for (int64_t now_ns = MonotonicNanoseconds(); !stopping_ && now_ns < time_ns;
       now_ns = MonotonicNanoseconds()) {
    wake_.WaitFor(&mutex_, absl::Nanoseconds(time_ns - now_ns));
  }
  return !stopping_;
}

void SessionKeeper::Loop() {
  for (int64_t next_ns = MonotonicNanoseconds(); WaitUntil(next_ns);) {
    next_ns = MonotonicNanoseconds() + absl::ToInt64Nanoseconds(kTickInterval);
    // After an error (a writer that is overloaded, say) the next one comes a second later: what was
    // heard is kept until then.
    absl::StatusOr<bool> has_more = true;
    while (has_more.ok() && *has_more && WaitUntil(0)) has_more = Tick();
  }
}

}  // namespace dmem::server
