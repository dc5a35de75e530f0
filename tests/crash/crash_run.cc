// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/crash/crash_run.h"

#include <algorithm>
#include <deque>
#include <memory>
#include <random>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "client/client.h"
#include "client/grpc_connection.h"
#include "tests/crash/observation.h"
#include "tests/crash/topology.h"

namespace dmem::crash {
namespace {

// The threads of the clients: each works while the server answers, and waits from the first call
// that gets no answer until it is told to go on.
class WorkerThreads {
 public:
  WorkerThreads(int count, std::mt19937_64& seeds) {
    for (int i = 0; i < count; ++i) {
      Worker::Options options;
      options.number = i;
      options.seed = seeds();
      workers_.emplace_back(options);
    }
    working_ = count;
    for (Worker& worker : workers_) threads_.emplace_back([this, &worker] { Work(&worker); });
    AwaitIdle();
  }

  ~WorkerThreads() {
    {
      absl::MutexLock lock(&mutex_);
      stopping_ = true;
    }
    for (std::thread& thread : threads_) thread.join();
  }

  // REQUIRES: idle.
  std::deque<Worker>& workers() { return workers_; }

  // REQUIRES: idle.
  void GoOn(std::shared_ptr<client::Connection> server) {
    absl::MutexLock lock(&mutex_);
    server_ = std::move(server);
    working_ = static_cast<int>(workers_.size());
    ++round_;
  }

  // Returns early, with true, if all have come to a call without an answer.
  bool AwaitIdleFor(absl::Duration time) {
    absl::MutexLock lock(&mutex_);
    return mutex_.AwaitWithTimeout(absl::Condition(this, &WorkerThreads::Idle), time);
  }

  void AwaitIdle() {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(this, &WorkerThreads::Idle));
  }

 private:
  bool Idle() const { return working_ == 0; }

  void Work(Worker* worker) {
    int round = 0;
    for (;;) {
      std::shared_ptr<client::Connection> server;
      {
        absl::MutexLock lock(&mutex_);
        --working_;
        const auto told = [this, &round] { return stopping_ || round_ != round; };
        mutex_.Await(absl::Condition(&told));
        if (stopping_) return;
        round = round_;
        server = server_;
      }
      while (worker->Step(*server)) {
      }
    }
  }

  std::deque<Worker> workers_;
  std::vector<std::thread> threads_;
  absl::Mutex mutex_;
  std::shared_ptr<client::Connection> server_;  // Guarded by mutex_, as the rest.
  int working_ = 0;
  int round_ = 0;
  bool stopping_ = false;
};

// Holds what the server shows against what all clients know.
absl::Status Verify(client::Client& client, std::deque<Worker>& workers, uint64_t* sequence_max,
                    Violations* violations) {
  const absl::StatusOr<Observation> observed = Observe(client);
  if (!observed.ok()) return observed.status();
  CheckCounters(*observed, violations);
  for (Worker& worker : workers) {
    worker.Reconcile(*observed, violations);
    *sequence_max = std::max(*sequence_max, worker.sequence_max());
  }
  const uint64_t sequence = observed->check.sequence();
  if (sequence < *sequence_max) {
    violations->Lost(
        absl::StrCat("sequence ", *sequence_max, " was answered, and it is now ", sequence));
  }
  *sequence_max = sequence;
  for (const auto& [id, charge] : observed->charges) {
    const auto is_of = [&id = id](const Worker& worker) { return worker.IsOwn(id); };
    if (std::none_of(workers.begin(), workers.end(), is_of)) {
      violations->Other(absl::StrCat("charge of nobody: ", charge.ShortDebugString()));
    }
  }
  return absl::OkStatus();
}

// After a start: verifies, settles what was under way, and verifies again.
absl::Status VerifyAndSettle(const std::shared_ptr<client::Connection>& connection,
                             std::deque<Worker>& workers, uint64_t* sequence_max,
                             Violations* violations) {
  client::Client client(connection);
  if (absl::Status status = Verify(client, workers, sequence_max, violations); !status.ok()) {
    return status;
  }
  for (Worker& worker : workers) worker.Settle(*connection);
  return Verify(client, workers, sequence_max, violations);
}

}  // namespace

CrashReport RunCrashes(Victim& victim, const CrashRunOptions& options) {
  CrashReport report;
  std::mt19937_64 random(options.seed);
  uint64_t sequence_max = 0;
  WorkerThreads threads(options.threads, random);
  const auto failed = [&report](absl::string_view what, const absl::Status& status) {
    if (!status.ok()) report.violations.Other(absl::StrCat(what, ": ", status.ToString()));
    return !report.violations.empty();
  };
  for (;;) {
    const absl::StatusOr<std::string> address = victim.Start(random);
    if (failed("it does not start", address.status())) break;
    const std::shared_ptr<client::Connection> connection = client::MakeGrpcConnection(*address);
    if (report.crashes == 0) {
      client::Client client(connection);
      if (failed("topology", CreateTopology(client))) break;
    }
    const absl::Status verified =
        VerifyAndSettle(connection, threads.workers(), &sequence_max, &report.violations);
    report.stats = WorkerStats();
    for (const Worker& worker : threads.workers()) {
      report.stats.Add(worker.stats());
      report.violations.Append(worker.violations());
    }
    if (failed("it cannot be read", verified)) break;
    if (report.crashes == options.crashes) break;
    if (report.crashes % std::max(1, options.crashes / 5) == 0) {
      options.progress(absl::StrCat(
          report.crashes, " of ", options.crashes, " crashes: ", report.stats.acknowledged,
          " operations acknowledged, ", report.stats.refused, " refused, ", report.stats.settled,
          " unknown settled, sequence ", sequence_max));
    }
    victim.Arm(random);
    threads.GoOn(connection);
    threads.AwaitIdleFor(options.between * std::uniform_real_distribution<double>(0, 2)(random));
    const absl::Status crashed = victim.Crash(random);
    threads.AwaitIdle();
    ++report.crashes;
    if (failed("it did not end as told", crashed)) break;
  }
  if (!report.violations.empty()) victim.Crash(random).IgnoreError();
  return report;
}

}  // namespace dmem::crash
