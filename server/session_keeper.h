// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef SERVER_SESSION_KEEPER_H_
#define SERVER_SESSION_KEEPER_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <thread>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/mutex.h"
#include "server/writer.h"

namespace dmem::server {

struct KeeperStats {
  std::atomic<uint64_t> ticks{0};
  std::atomic<uint64_t> renewals{0};
};

// Lets time pass for the ledger: once a second a Tick, with all sessions that were heard since the
// one before. So nobody who was heard in time is taken for silent, and no call that keeps a session
// alive waits for the disk on its own. While nothing has a deadline nothing is written.
//
// Thread safety: Resume, Tick, Start and Stop from one thread, Heard on the writer's.
class SessionKeeper {
 public:
  // `writer` must outlive the keeper.
  explicit SessionKeeper(Writer* writer) : writer_(writer) {}
  SessionKeeper(const SessionKeeper&) = delete;
  SessionKeeper& operator=(const SessionKeeper&) = delete;
  ~SessionKeeper() { Stop(); }

  // Makes the time since the last committed command count for nobody. To be called after a start,
  // before any other command. Errors: as a command's.
  absl::Status Resume();
  // One Tick, now; returns whether more is due at once. Errors: as a command's.
  absl::StatusOr<bool> Tick();

  // The same without waiting: `done` is called once, on the writer's thread, with what they return.
  // An error here is the writer's refusal, and `done` is then not called.
  absl::Status EnqueueResume(std::function<void(const absl::Status&)> done);
  absl::Status EnqueueTick(std::function<void(const absl::StatusOr<bool>&)> done);

  void Start();
  // Returns once no Tick is under way. REQUIRES: the writer has not been stopped.
  void Stop();

  // A session, known and not ended, was heard at `time_us`.
  void Heard(uint64_t session, int64_t time_us) { heard_us_[session] = time_us; }
  // The same of one that a call carries: 0, unknown and ended ones count for nothing.
  void HeardCaller(uint64_t session, int64_t time_us, const Ledger& ledger) {
    if (session != 0 && ledger.CheckSession(session).ok()) Heard(session, time_us);
  }

  const KeeperStats& stats() const { return stats_; }

 private:
  class ResumeTask;
  class TickTask;

  void Loop();
  // Returns whether to go on.
  bool WaitUntil(int64_t time_ns);

  Writer* const writer_;
  KeeperStats stats_;
  absl::flat_hash_map<uint64_t, int64_t> heard_us_;  // By session. Of the writer's thread.

  Mutex mutex_;
  CondVar wake_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace dmem::server

#endif  // SERVER_SESSION_KEEPER_H_
