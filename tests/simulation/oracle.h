// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Oracle: what had to be answered.

#ifndef TESTS_SIMULATION_ORACLE_H_
#define TESTS_SIMULATION_ORACLE_H_

#include <cstdint>
#include <deque>
#include <map>
#include <string>

#include "absl/types/optional.h"
#include "server/id_generator.h"
#include "tests/model/model.h"
#include "tests/simulation/world.h"

namespace dmem::simulation {

// What somebody asks of the server: one of these.
struct Question {
  absl::optional<model::Command> command;
  absl::optional<uint64_t> keep_alive;  // A session.
  std::string cgroup, region;           // What a pool holds.
};

// What was answered, and where in the one order that all calls are in.
struct Witness {
  uint64_t place = 0;
  std::string expected;
};

// Checks that the history is linearizable. The witness is the order in which the writer takes
// tasks: all that took effect are applied in this order to a naive model that shares no code with
// core, and each answer must be the model's at its place. The model goes on only over what is
// committed, so that what a crash takes back was never in it; what was answered from it would be a
// violation.
class Oracle {
 public:
  explicit Oracle(World* world) : world_(world) {}

  // A task was queued. Returns its place.
  uint64_t Queue(Question question);
  // The writer runs all that are queued, with its clock at `time_us`.
  void Run(int64_t time_us);
  // The task at `place` is being answered, with what had to be committed before: `durable` is the
  // last sequence that is. Returns what the answer must be.
  Witness Answer(uint64_t place, uint64_t durable);
  // The server came back with a state at `sequence`: what is in it took effect, without an answer.
  // From now on it makes the ids that `ids` makes.
  void Recover(uint64_t sequence, server::IdGenerator ids);

  const model::View& view() const { return model_.view(); }
  // All before this are answered.
  uint64_t answered() const { return answered_; }

 private:
  struct Task {
    Question question;
    absl::optional<int64_t> run_at_us;
  };
  std::string Apply(Task* task);
  std::string KeepAlive(uint64_t session, int64_t time_us);
  // "ACTIVE", "CLOSED" and so on; empty: there is no such session.
  std::string StateOf(uint64_t session) const;
  void Hear(uint64_t session, int64_t time_us);
  std::string PoolText(const std::string& cgroup, const std::string& region) const;

  World* const world_;
  model::Model model_;
  std::deque<Task> tasks_;   // Not applied yet.
  uint64_t next_place_ = 1;  // Of the next that is queued.
  uint64_t answered_ = 0;
  server::IdGenerator ids_{0};
  // Sessions that were heard since the last tick, and when. Gone with the process.
  std::map<uint64_t, int64_t> heard_us_;
  int64_t changed_at_us_ = 0;  // The time of the last command that changed something.
};

// A pool in words, as the model's row or the server's answer.
std::string PoolAnswer(const model::PoolRow& row, uint64_t sequence);

}  // namespace dmem::simulation

#endif  // TESTS_SIMULATION_ORACLE_H_
