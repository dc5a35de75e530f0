// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// World: simulated time, chance, and what happened.

#ifndef TESTS_SIMULATION_WORLD_H_
#define TESTS_SIMULATION_WORLD_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "tests/simulation/random.h"

namespace dmem::simulation {

// How likely each fault is in this run, in thousandths, and how long things take. Drawn by the
// seed, so that some runs have none of a kind and some have many.
struct Faults {
  explicit Faults(Random* random);

  int lose_request, lose_answer, duplicate_request, slow_message;  // Of a message.
  int fail_append, fail_checkpoint, cut_at_commit;                 // Of a write.
  int die;                                                         // Of a party, for each call.
  int read_pool, keep_alive;                                       // Of a call: that it does.
  int64_t power_cut_every_us, checkpoint_every_us;                 // On average; 0: never.
  int64_t network_us_max, append_us_max, step_us_max;
};

// What happened, of the kinds that a test wants to know to have happened.
struct Counts {
  uint64_t steps = 0, calls = 0, attempts = 0, answers = 0, reads = 0, unknown = 0;
  uint64_t power_cuts = 0, restarts = 0, failed_appends = 0, kept_failed_appends = 0;
  uint64_t checkpoints = 0, failed_checkpoints = 0, deaths = 0;
  uint64_t lost_requests = 0, lost_answers = 0, duplicates = 0, slow_messages = 0, timeouts = 0;
  uint64_t replayed = 0, refused = 0, ticks = 0, taken_back = 0, kept_unanswered = 0;

  void Add(const Counts& other);
  // "calls 12, …", all of them.
  std::string ToString() const;
};

// Runs events in the order of their times, one at a time; of the same time, as they were added.
// Everything that a run does follows from its seed. Thread-compatible: parties are threads, of
// which one runs at a time (coroutine.h).
class World {
 public:
  explicit World(uint64_t seed);
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  Random& rng() { return random_; }
  const Faults& faults() const { return faults_; }
  Counts& counts() { return counts_; }
  // Microseconds since 1970.
  int64_t now_us() const { return now_us_; }

  void After(int64_t delay_us, std::function<void()> event);
  // Runs the next event; returns false if there is none.
  bool RunNext();

  // One line of the trace. All of it is in the hash; kept are the last lines, or all of them.
  void Note(absl::string_view line);
  void KeepAll() { keep_all_ = true; }
  // Notes what must not be. The first one is the run's result.
  void Violate(absl::string_view what);

  const std::string& violation() const { return violation_; }
  const std::vector<std::string>& trace() const { return trace_; }
  uint64_t trace_hash() const { return trace_hash_; }

 private:
  Random random_;
  const Faults faults_;
  Counts counts_;
  int64_t now_us_;
  uint64_t next_event_ = 0;
  std::map<std::pair<int64_t, uint64_t>, std::function<void()>> events_;  // By time, then order.
  std::vector<std::string> trace_;
  bool keep_all_ = false;
  uint64_t trace_hash_ = 0xcbf29ce484222325;
  std::string violation_;
};

}  // namespace dmem::simulation

#endif  // TESTS_SIMULATION_WORLD_H_
