// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/simulation/world.h"

#include "absl/strings/str_cat.h"

namespace dmem::simulation {
namespace {

constexpr int64_t kStartUs = 1'000'000'000'000;
constexpr size_t kLinesKept = 60;

// Half of the time none, else from rare to often.
int Probability(Random* random, int most) {
  return random->Chance(500) ? 0 : static_cast<int>(random->Between(1, most));
}

int64_t Interval(Random* random, int64_t least_us, int64_t most_us) {
  return random->Chance(250) ? 0 : random->Between(least_us, most_us);
}

struct Field {
  const char* name;
  uint64_t Counts::*value;
};
constexpr Field kFields[] = {
    {"steps", &Counts::steps},
    {"calls", &Counts::calls},
    {"attempts", &Counts::attempts},
    {"answers", &Counts::answers},
    {"reads", &Counts::reads},
    {"unknown", &Counts::unknown},
    {"power cuts", &Counts::power_cuts},
    {"restarts", &Counts::restarts},
    {"failed appends", &Counts::failed_appends},
    {"failed appends that were kept", &Counts::kept_failed_appends},
    {"checkpoints", &Counts::checkpoints},
    {"failed checkpoints", &Counts::failed_checkpoints},
    {"deaths", &Counts::deaths},
    {"lost requests", &Counts::lost_requests},
    {"lost answers", &Counts::lost_answers},
    {"duplicates", &Counts::duplicates},
    {"slow messages", &Counts::slow_messages},
    {"timeouts", &Counts::timeouts},
    {"replayed", &Counts::replayed},
    {"refused", &Counts::refused},
    {"ticks", &Counts::ticks},
    {"taken back by a crash", &Counts::taken_back},
    {"kept without an answer", &Counts::kept_unanswered},
};

}  // namespace

Faults::Faults(Random* random)
    : lose_request(Probability(random, 150)),
      lose_answer(Probability(random, 150)),
      duplicate_request(Probability(random, 200)),
      slow_message(Probability(random, 200)),
      fail_append(Probability(random, 30)),
      fail_checkpoint(Probability(random, 100)),
      cut_at_commit(Probability(random, 30)),
      die(Probability(random, 100)),
      read_pool(static_cast<int>(random->Between(0, 300))),
      keep_alive(static_cast<int>(random->Between(0, 400))),
      power_cut_every_us(Interval(random, 1'000'000, 60'000'000)),
      checkpoint_every_us(Interval(random, 500'000, 30'000'000)),
      network_us_max(random->Between(100, 50'000)),
      append_us_max(random->Between(50, 30'000)),
      step_us_max(random->Between(10, 20'000)) {}

void Counts::Add(const Counts& other) {
  for (const Field& field : kFields) this->*field.value += other.*field.value;
}

std::string Counts::ToString() const {
  std::string text;
  for (const Field& field : kFields) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", field.name, " ", this->*field.value);
  }
  return text;
}

World::World(uint64_t seed) : random_(seed), faults_(&random_), now_us_(kStartUs) {}

void World::After(int64_t delay_us, std::function<void()> event) {
  events_.emplace(std::make_pair(now_us_ + delay_us, next_event_++), std::move(event));
}

bool World::RunNext() {
  if (events_.empty()) return false;
  auto first = events_.extract(events_.begin());
  now_us_ = first.key().first;
  ++counts_.steps;
  first.mapped()();
  return true;
}

void World::Note(absl::string_view line) {
  if (!violation_.empty()) return;  // What follows from it does not help.
  std::string timed = absl::StrCat(now_us_ - kStartUs, " us: ", line);
  for (const char c : timed) {
    trace_hash_ = (trace_hash_ ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  }
  trace_.push_back(std::move(timed));
  if (!keep_all_ && trace_.size() >= 2 * kLinesKept) {
    trace_.erase(trace_.begin(), trace_.end() - kLinesKept);
  }
}

void World::Violate(absl::string_view what) {
  Note(absl::StrCat("VIOLATION: ", what));
  if (violation_.empty()) violation_ = std::string(what);
}

}  // namespace dmem::simulation
