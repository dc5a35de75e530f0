// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/writer.h"

#include <algorithm>
#include <utility>

#include "core/check.h"
#include "server/clock.h"
#include "server/errors.h"

namespace dmem::server {

int64_t Turn::NextCommandTime() { return std::max(ledger_->state().scalars.time_us, (*clock_)()); }

Writer::Writer(const WriterOptions& options, Ledger* ledger, Store* store, uint64_t epoch,
               IdGenerator ids, std::function<int64_t()> clock,
               std::function<void(const absl::Status&)> on_failure)
    : options_(options),
      ledger_(ledger),
      store_(store),
      epoch_(epoch),
      ids_(std::move(ids)),
      clock_(std::move(clock)),
      on_failure_(std::move(on_failure)) {
  stats_.committed_sequence.store(ledger_->state().scalars.sequence);
}

Writer::~Writer() {
  Stop();
  MutexLock lock(&mutex_);
  for (std::unique_ptr<Snapshot>& snapshot : given_back_) ledger_->Release(std::move(snapshot));
  DMEM_CHECK(snapshot_.expired());
}

void Writer::Start() {
  thread_ = std::thread([this] { Loop(); });
}

void Writer::Stop() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    wake_.NotifyOne();
  }
  if (thread_.joinable()) thread_.join();
}

absl::Status Writer::Enqueue(std::unique_ptr<WriterTask>& task) {
  const size_t bytes = task->queued_bytes();
  MutexLock lock(&mutex_);
  if (failed()) return StoreFailed();
  if (stopping_) return ShuttingDown();
  if (queue_.size() >= options_.queue_tasks_max) {
    return Overloaded("calls", options_.queue_tasks_max);
  }
  if (queue_bytes_ + bytes > options_.queue_bytes_max && !queue_.empty()) {
    return Overloaded("bytes of calls", options_.queue_bytes_max);
  }
  queue_.push_back(std::move(task));
  queue_bytes_ += bytes;
  stats_.queue_tasks.store(queue_.size(), std::memory_order_relaxed);
  if (waiting_) wake_.NotifyOne();
  return absl::OkStatus();
}

void Writer::RequestView(ViewCallback callback) {
  absl::Status refused;
  {
    MutexLock lock(&mutex_);
    if (failed()) {
      refused = StoreFailed();
    } else if (stopping_) {
      refused = ShuttingDown();
    } else {
      view_requests_.push_back(std::move(callback));
      if (waiting_) wake_.NotifyOne();
      return;
    }
  }
  callback(refused);
}

void Writer::Loop() {
  while (TakeQueued()) {
    if (failed()) {
      Fail(StoreFailed());
    } else {
      RunBatch();
    }
  }
}

// Waits until there is something to do and takes it all. Returns false when the writer shall stop
// and nothing is left.
bool Writer::TakeQueued() {
  std::vector<std::unique_ptr<Snapshot>> given_back;
  bool more = true;
  {
    MutexLock lock(&mutex_);
    while (queue_.empty() && pending_.empty() && view_requests_.empty() && given_back_.empty() &&
           !stopping_) {
      waiting_ = true;
      wake_.Wait(&mutex_);
      waiting_ = false;
    }
    more = !(stopping_ && queue_.empty() && pending_.empty() && view_requests_.empty());
    for (std::unique_ptr<WriterTask>& task : queue_) pending_.push_back(std::move(task));
    queue_.clear();
    queue_bytes_ = 0;
    stats_.queue_tasks.store(0, std::memory_order_relaxed);
    pending_views_.swap(view_requests_);
    given_back.swap(given_back_);
  }
  for (std::unique_ptr<Snapshot>& snapshot : given_back) ledger_->Release(std::move(snapshot));
  return more;
}

void Writer::RunBatch() {
  const uint64_t before = ledger_->state().scalars.sequence;
  const int64_t started_ns = MonotonicNanoseconds();
  Turn turn(ledger_, &ids_, &clock_, &record_);
  record_.clear();
  batch_.clear();
  while (!pending_.empty()) {
    if (!turn.HasRoom(pending_.front()->record_bytes())) break;
    std::unique_ptr<WriterTask> task = std::move(pending_.front());
    pending_.pop_front();
    if (task->Run(&turn)) {
      batch_.push_back(std::move(task));
      continue;
    }
    // More slices are left: others go first.
    pending_.push_back(std::move(task));
    if (MonotonicNanoseconds() - started_ns > options_.batch_time_max_us * 1000) break;
  }
  const uint64_t after = ledger_->state().scalars.sequence;
  // What changed without an entry would be lost at a restart.
  DMEM_CHECK(record_.empty() == (before == after));
  if (!record_.empty()) {
    const absl::Status committed = Commit(before + 1, after);
    if (!committed.ok()) {
      Fail(committed);
      return;
    }
  }
  for (std::unique_ptr<WriterTask>& task : batch_) task->Complete(absl::OkStatus());
  if (!batch_.empty()) stats_.batch_tasks.Observe(batch_.size());
  batch_.clear();
  AnswerViews(absl::OkStatus());
}

absl::Status Writer::Commit(uint64_t first, uint64_t last) {
  const int64_t started_ns = MonotonicNanoseconds();
  const absl::Status status = store_->Append(epoch_, SequenceRange{first, last}, record_);
  stats_.commit_us.Observe(static_cast<uint64_t>(MonotonicNanoseconds() - started_ns) / 1000);
  if (status.ok()) stats_.committed_sequence.store(last, std::memory_order_release);
  return status;
}

// From here on the ledger is ahead of what is durable, so nothing is read from it any more.
void Writer::Fail(const absl::Status& error) {
  if (!failed_.exchange(true, std::memory_order_acq_rel)) on_failure_(error);
  const absl::Status answer = StoreFailed();
  for (std::unique_ptr<WriterTask>& task : batch_) task->Complete(answer);
  for (std::unique_ptr<WriterTask>& task : pending_) task->Complete(answer);
  batch_.clear();
  pending_.clear();
  AnswerViews(answer);
}

void Writer::AnswerViews(const absl::Status& status) {
  std::vector<ViewCallback> callbacks;
  callbacks.swap(pending_views_);
  for (ViewCallback& callback : callbacks) {
    if (!status.ok()) {
      callback(status);
      continue;
    }
    callback(ReadView{CurrentSnapshot(), std::max(ledger_->state().scalars.time_us, clock_())});
  }
}

// REQUIRES: the ledger's state is committed. Readers who come at the same sequence share one.
std::shared_ptr<const Snapshot> Writer::CurrentSnapshot() {
  const uint64_t sequence = ledger_->state().scalars.sequence;
  std::shared_ptr<const Snapshot> snapshot = snapshot_.lock();
  if (snapshot != nullptr && snapshot_sequence_ == sequence) return snapshot;
  snapshot = Adopt(ledger_->TakeSnapshot());
  snapshot_ = snapshot;
  snapshot_sequence_ = sequence;
  return snapshot;
}

std::shared_ptr<const Snapshot> Writer::Adopt(std::unique_ptr<Snapshot> snapshot) {
  return std::shared_ptr<const Snapshot>(snapshot.release(), [this](const Snapshot* last) {
    GiveBack(std::unique_ptr<Snapshot>(const_cast<Snapshot*>(last)));
  });
}

// On whichever thread was the last to read: only the writer may release it.
void Writer::GiveBack(std::unique_ptr<Snapshot> snapshot) {
  MutexLock lock(&mutex_);
  given_back_.push_back(std::move(snapshot));
  if (waiting_) wake_.NotifyOne();
}

}  // namespace dmem::server
