// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Writer: the one thread that owns the ledger.

#ifndef SERVER_WRITER_H_
#define SERVER_WRITER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/ledger.h"
#include "server/base/histogram.h"
#include "server/base/mutex.h"
#include "server/id_generator.h"
#include "server/store/store.h"

namespace dmem::server {

// A committed state to read from any thread, and the time up to which byte-seconds count in it.
// The state goes back to the writer with the last copy.
struct ReadView {
  std::shared_ptr<const Snapshot> snapshot;
  int64_t time_us = 0;
  const State& state() const { return snapshot->state; }
};

// What a batch leaves free in its record for the effects of its commands (EffectsEncoder). Only a
// command that is larger than most loses some of them.
inline constexpr size_t kEffectsRoomBytes = 128 << 10;

// Whether `record` can take a task of so many bytes. An empty one always can.
inline bool RecordHasRoom(const std::string& record, size_t bytes) {
  return record.empty() || record.size() + bytes + kEffectsRoomBytes <= kMaxRecordBytes;
}

// What a task has in its turn. Valid during Run only.
class Turn {
 public:
  Turn(Ledger* ledger, IdGenerator* ids, const std::function<int64_t()>* clock, std::string* record,
       std::atomic<uint64_t>* events_omitted)
      : ledger_(ledger), ids_(ids), clock_(clock), record_(record), omitted_(events_omitted) {}

  Ledger* ledger() { return ledger_; }
  const State& state() const { return ledger_->state(); }
  std::string NewChargeId() { return ids_->Next(); }
  // The time of the task's next command: never before that of any earlier command.
  int64_t NextCommandTime();
  // Takes one encoded entry (dmem.store.v1) for each command that changed something.
  std::string* record() { return record_; }
  // Whether the record can take so many bytes more, and effects beside them.
  bool HasRoom(size_t bytes) const { return RecordHasRoom(*record_, bytes); }
  // Counts events that the record had no room for.
  void AddOmitted(uint64_t events) {
    if (events > 0) omitted_->fetch_add(events, std::memory_order_relaxed);
  }

 private:
  Ledger* const ledger_;
  IdGenerator* const ids_;
  const std::function<int64_t()>* const clock_;
  std::string* const record_;
  std::atomic<uint64_t>* const omitted_;
};

// Something to be done with the ledger: a command, a list of them, or a short read.
class WriterTask {
 public:
  virtual ~WriterTask() = default;

  // At most how many bytes the next turn adds to the record; 0 for a read. At most kMaxRecordBytes.
  virtual size_t record_bytes() const = 0;
  // About how much memory the task holds while it waits.
  virtual size_t queued_bytes() const = 0;
  // Does the work, or a slice of it: returns true when nothing is left. What is rendered for the
  // caller is rendered here, before the next command changes the state; nothing is answered yet.
  virtual bool Run(Turn* turn) = 0;
  // Answers. Called once, on the writer's thread: with OK after everything that Run did or saw is
  // durable, else with the error that the caller gets, whatever Run had for it.
  virtual void Complete(const absl::Status& commit) = 0;
};

struct WriterOptions {
  // Of calls that have not been answered, those in the hands of the writer included.
  size_t unanswered_tasks_max = 65536;
  size_t unanswered_bytes_max = size_t{256} << 20;
  // Once a batch has run for so long it is committed, and what is left waits for the next.
  int64_t batch_time_max_us = 2000;
};

struct WriterStats {
  Histogram commit_us{16};
  Histogram batch_tasks{1};
  std::atomic<uint64_t> unanswered_tasks{0};
  std::atomic<uint64_t> committed_sequence{0};
  // Events that no record had room for.
  std::atomic<uint64_t> events_omitted{0};
};

// Applies tasks in one order, and commits in groups: takes what has queued, runs it, appends one
// record for all of it, and then answers. Nothing is answered from state that is not durable.
//
// Two batches are under way at most: while one is on its way to the disk, on a thread that does
// nothing else, the next takes in what comes. It follows as soon as the disk is free, before the
// answers of the first are sent.
//
// After a failed append nothing of that batch is answered OK: it, and everything queued and sent
// later, is UNAVAILABLE STORE_FAILED until the process is started again. The append is not retried.
//
// Thread safety: Enqueue and RequestView from any thread.
class Writer {
 public:
  using ViewCallback = std::function<void(absl::StatusOr<ReadView>)>;

  // `ledger` has recovered up to the store's last record, and is the writer's from now on. `clock`
  // gives the time in microseconds since 1970. `on_failure` is called once, on the writer's thread,
  // after a failed append and before anything is answered. All must outlive the writer.
  Writer(const WriterOptions& options, Ledger* ledger, Store* store, uint64_t epoch,
         IdGenerator ids, std::function<int64_t()> clock,
         std::function<void(const absl::Status&)> on_failure);
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  // REQUIRES: no ReadView is left.
  ~Writer();

  void Start();
  // Refuses what comes from now on, finishes what has queued, and ends the thread.
  void Stop();

  // What the two threads do, in steps of a caller that never calls Start and whose thread is the
  // writer's, and the committing one: for simulations. Each returns whether there was something to
  // do. Step takes what has queued and runs it, and may end a batch; CommitStep makes the append
  // that Step asked for. A single task may be committed in its Step. The destructor then drops what
  // was not answered, as a crash does.
  bool Step();
  bool CommitStep();

  // Errors: UNAVAILABLE OVERLOADED, SHUTTING_DOWN or STORE_FAILED; `task` is then left as it was,
  // and the caller answers.
  absl::Status Enqueue(std::unique_ptr<WriterTask>& task);

  // Calls back on the writer's thread, with a state that holds everything answered before this
  // call. The callback must be short: it hands the view to a thread that has time. Errors as for
  // Enqueue, given to the callback, perhaps at once.
  void RequestView(ViewCallback callback);

  // A snapshot of the ledger from before Start, to be given back like those of views.
  std::shared_ptr<const Snapshot> Adopt(std::unique_ptr<Snapshot> snapshot);

  // Whether an append has failed.
  bool failed() const { return failed_.load(std::memory_order_acquire); }
  const WriterStats& stats() const { return stats_; }

 private:
  // What is committed with one append, and answered then.
  struct Batch {
    std::vector<std::unique_ptr<WriterTask>> tasks;
    std::vector<ViewCallback> views;
    ReadView view;  // For `views`, of the state with all of this batch.
    std::string record;
    uint64_t first_sequence = 0;
    uint64_t last_sequence = 0;
    absl::Status committed;
  };

  void Loop();
  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool WaitForWork() ABSL_LOCKS_EXCLUDED(mutex_);
  void DoWork();
  bool MayRun() const;
  void RunTasks();
  void EndBatch(bool may_wait);
  void Commit(Batch* batch);
  void AwaitCommit() ABSL_LOCKS_EXCLUDED(mutex_);
  void CommitLoop() ABSL_LOCKS_EXCLUDED(mutex_);
  void MakeCommit() ABSL_LOCKS_EXCLUDED(mutex_);
  void Answer(Batch batch, const absl::Status& status) ABSL_LOCKS_EXCLUDED(mutex_);
  void Fail(const absl::Status& error);
  std::shared_ptr<const Snapshot> CurrentSnapshot();
  void GiveBack(std::unique_ptr<Snapshot> snapshot);

  const WriterOptions options_;
  Ledger* const ledger_;
  Store* const store_;
  const uint64_t epoch_;
  IdGenerator ids_;
  const std::function<int64_t()> clock_;
  const std::function<void(const absl::Status&)> on_failure_;
  WriterStats stats_;
  std::atomic<bool> failed_{false};

  Mutex mutex_;
  CondVar wake_;         // The writer's thread.
  CondVar commit_wake_;  // The committing thread.
  std::deque<std::unique_ptr<WriterTask>> queue_ ABSL_GUARDED_BY(mutex_);
  // Of tasks that have not been answered, wherever they are.
  size_t unanswered_tasks_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t unanswered_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<ViewCallback> view_requests_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<Snapshot>> given_back_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool waiting_ ABSL_GUARDED_BY(mutex_) = false;
  enum class CommitState { kIdle, kRequested, kEnded, kStop };
  CommitState commit_state_ ABSL_GUARDED_BY(mutex_) = CommitState::kIdle;
  // Set with kEnded, so that a batch that is filling notices without the lock.
  std::atomic<bool> commit_ended_{false};

  // Of the writer's thread; `in_flight_` of the committing thread while kRequested.
  std::deque<std::unique_ptr<WriterTask>> pending_;
  Batch filling_;
  Batch in_flight_;
  bool is_in_flight_ = false;
  std::string spare_record_;  // Empty, with the memory of one that is durable.
  size_t last_batch_tasks_ = 0;
  std::weak_ptr<const Snapshot> snapshot_;  // The last one taken.
  uint64_t snapshot_sequence_ = 0;

  std::thread thread_;
  std::thread commit_thread_;
};

}  // namespace dmem::server

#endif  // SERVER_WRITER_H_
