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
  in_flight_ = Batch();  // With its view, if it was never committed.
  MutexLock lock(&mutex_);
  for (std::unique_ptr<Snapshot>& snapshot : given_back_) ledger_->Release(std::move(snapshot));
  DMEM_CHECK(snapshot_.expired());
}

void Writer::Start() {
  thread_ = std::thread([this] { Loop(); });
  commit_thread_ = std::thread([this] { CommitLoop(); });
}

void Writer::Stop() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    wake_.NotifyOne();
  }
  if (!thread_.joinable()) return;
  thread_.join();
  {
    MutexLock lock(&mutex_);
    commit_state_ = CommitState::kStop;
    commit_wake_.NotifyOne();
  }
  commit_thread_.join();
}

absl::Status Writer::Enqueue(std::unique_ptr<WriterTask>& task) {
  const size_t bytes = task->queued_bytes();
  bool wake = false;
  {
    MutexLock lock(&mutex_);
    if (failed()) return StoreFailed();
    if (stopping_) return ShuttingDown();
    if (unanswered_tasks_ >= options_.unanswered_tasks_max) {
      return Overloaded("calls", options_.unanswered_tasks_max);
    }
    if (unanswered_bytes_ + bytes > options_.unanswered_bytes_max && unanswered_tasks_ > 0) {
      return Overloaded("bytes of calls", options_.unanswered_bytes_max);
    }
    queue_.push_back(std::move(task));
    ++unanswered_tasks_;
    unanswered_bytes_ += bytes;
    stats_.unanswered_tasks.store(unanswered_tasks_, std::memory_order_relaxed);
    // Only the first one wakes the writer, and not into a lock that is held.
    wake = std::exchange(waiting_, false);
  }
  if (wake) wake_.NotifyOne();
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
  while (WaitForWork()) DoWork();
}

bool Writer::Step() {
  {
    MutexLock lock(&mutex_);
    if (!HasWork()) return false;
  }
  WaitForWork();
  DoWork();
  return true;
}

void Writer::DoWork() {
  if (is_in_flight_ && commit_ended_.load(std::memory_order_acquire)) AwaitCommit();
  if (failed()) return Fail(StoreFailed());
  RunTasks();
  if (!is_in_flight_) EndBatch(/*may_wait=*/true);
}

bool Writer::HasWork() const {
  return !queue_.empty() || MayRun() || !view_requests_.empty() || !given_back_.empty() ||
         commit_state_ == CommitState::kEnded;
}

// Whether a waiting task fits into the batch that is filling.
bool Writer::MayRun() const {
  return !pending_.empty() && RecordHasRoom(filling_.record, pending_.front()->record_bytes());
}

// Waits until there is something to do, and takes what has queued. Returns false when the writer
// shall stop and nothing is left.
bool Writer::WaitForWork() {
  std::vector<std::unique_ptr<Snapshot>> given_back;
  bool more = true;
  {
    MutexLock lock(&mutex_);
    while (!HasWork() && (!stopping_ || is_in_flight_)) {
      waiting_ = true;
      wake_.Wait(&mutex_);
      waiting_ = false;
    }
    more = !(stopping_ && queue_.empty() && pending_.empty() && view_requests_.empty() &&
             !is_in_flight_);
    for (std::unique_ptr<WriterTask>& task : queue_) pending_.push_back(std::move(task));
    queue_.clear();
    for (ViewCallback& view : view_requests_) filling_.views.push_back(std::move(view));
    view_requests_.clear();
    given_back.swap(given_back_);
  }
  for (std::unique_ptr<Snapshot>& snapshot : given_back) ledger_->Release(std::move(snapshot));
  return more;
}

// Fills the batch until nothing waits or fits, or until it can go to the disk.
void Writer::RunTasks() {
  const int64_t started_ns = MonotonicNanoseconds();
  Turn turn(ledger_, &ids_, &clock_, &filling_.record, &stats_.events_omitted);
  while (MayRun()) {
    std::unique_ptr<WriterTask> task = std::move(pending_.front());
    pending_.pop_front();
    const bool is_done = task->Run(&turn);
    // With more slices left, others go first.
    if (is_done) {
      filling_.tasks.push_back(std::move(task));
    } else {
      pending_.push_back(std::move(task));
    }
    if (is_in_flight_) {
      if (commit_ended_.load(std::memory_order_acquire)) return;
    } else if (!is_done &&
               MonotonicNanoseconds() - started_ns > options_.batch_time_max_us * 1000) {
      return;
    }
  }
}

// Sends the batch that is filling on its way. May wait for the disk itself if `may_wait`.
// REQUIRES: none is in flight.
void Writer::EndBatch(bool may_wait) {
  Batch batch = std::exchange(filling_, Batch());
  filling_.record = std::exchange(spare_record_, std::string());
  batch.first_sequence = stats_.committed_sequence.load(std::memory_order_relaxed) + 1;
  batch.last_sequence = ledger_->state().scalars.sequence;
  // What changed without an entry would be lost at a restart.
  DMEM_CHECK(batch.record.empty() == (batch.last_sequence < batch.first_sequence));
  if (!batch.views.empty()) {
    batch.view = ReadView{CurrentSnapshot(), std::max(ledger_->state().scalars.time_us, clock_())};
  }
  if (batch.record.empty()) return Answer(std::move(batch), absl::OkStatus());

  // A single caller, call by call: two changes of threads would only cost it time.
  const bool is_single = may_wait && batch.tasks.size() == 1 && last_batch_tasks_ <= 1;
  last_batch_tasks_ = batch.tasks.size();
  is_in_flight_ = true;
  in_flight_ = std::move(batch);
  if (is_single) {
    Commit(&in_flight_);
    AwaitCommit();
    return;
  }
  {
    MutexLock lock(&mutex_);
    commit_state_ = CommitState::kRequested;
  }
  commit_wake_.NotifyOne();  // Not into a lock that is held.
}

void Writer::Commit(Batch* batch) {
  const int64_t started_ns = MonotonicNanoseconds();
  batch->committed = store_->Append(
      epoch_, SequenceRange{batch->first_sequence, batch->last_sequence}, batch->record);
  stats_.commit_us.Observe(static_cast<uint64_t>(MonotonicNanoseconds() - started_ns) / 1000);
}

void Writer::CommitLoop() {
  for (;;) {
    {
      MutexLock lock(&mutex_);
      while (commit_state_ != CommitState::kRequested && commit_state_ != CommitState::kStop) {
        commit_wake_.Wait(&mutex_);
      }
      if (commit_state_ == CommitState::kStop) return;
    }
    MakeCommit();
  }
}

bool Writer::CommitStep() {
  {
    MutexLock lock(&mutex_);
    if (commit_state_ != CommitState::kRequested) return false;
  }
  MakeCommit();
  return true;
}

// REQUIRES: a commit is requested.
void Writer::MakeCommit() {
  Commit(&in_flight_);
  bool wake = false;
  {
    MutexLock lock(&mutex_);
    commit_state_ = CommitState::kEnded;
    commit_ended_.store(true, std::memory_order_release);
    wake = std::exchange(waiting_, false);
  }
  if (wake) wake_.NotifyOne();
}

// Takes the result of a commit that has ended. The next batch goes to the disk before the answers
// of this one are sent.
void Writer::AwaitCommit() {
  {
    MutexLock lock(&mutex_);
    commit_state_ = CommitState::kIdle;
    commit_ended_.store(false, std::memory_order_relaxed);
  }
  Batch batch = std::exchange(in_flight_, Batch());
  is_in_flight_ = false;
  if (!batch.committed.ok()) {
    const absl::Status error = batch.committed;
    in_flight_ = std::move(batch);
    Fail(error);
    return;
  }
  stats_.committed_sequence.store(batch.last_sequence, std::memory_order_release);
  batch.record.clear();
  spare_record_ = std::move(batch.record);
  if (!filling_.record.empty()) EndBatch(/*may_wait=*/false);
  Answer(std::move(batch), absl::OkStatus());
}

void Writer::Answer(Batch batch, const absl::Status& status) {
  if (!batch.tasks.empty()) {
    if (status.ok()) stats_.batch_tasks.Observe(batch.tasks.size());
    size_t bytes = 0;
    for (const std::unique_ptr<WriterTask>& task : batch.tasks) bytes += task->queued_bytes();
    MutexLock lock(&mutex_);
    unanswered_tasks_ -= batch.tasks.size();
    unanswered_bytes_ -= bytes;
    stats_.unanswered_tasks.store(unanswered_tasks_, std::memory_order_relaxed);
  }
  for (std::unique_ptr<WriterTask>& task : batch.tasks) task->Complete(status);
  for (ViewCallback& callback : batch.views) {
    if (status.ok()) {
      callback(batch.view);
    } else {
      callback(status);
    }
  }
}

// From here on the ledger is ahead of what is durable, so nothing is read from it any more.
void Writer::Fail(const absl::Status& error) {
  if (!failed_.exchange(true, std::memory_order_acq_rel)) on_failure_(error);
  const absl::Status answer = StoreFailed();
  Answer(std::exchange(in_flight_, Batch()), answer);
  for (std::unique_ptr<WriterTask>& task : pending_) filling_.tasks.push_back(std::move(task));
  pending_.clear();
  Answer(std::exchange(filling_, Batch()), answer);
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
