// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// player commands SEED STEPS RESTART_EVERY: applies random commands to a ledger; after every so
// many (0: never) goes on with one that is restored from the objects of that.
// player log FILE: recovers, as a start does, from what the file holds.
//
// Prints where something lies in memory, then "SEQUENCE HASH" at every sequence.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "core/ledger.h"
#include "core/state_codec.h"
#include "core/state_restorer.h"
#include "server/recovery.h"
#include "server/store/store.h"
#include "tests/determinism/log_file.h"
#include "tests/model/generator.h"
#include "tests/model/ledger_runner.h"

namespace dmem::determinism {
namespace {

void Tell(const Ledger& ledger) {
  std::printf("%llu %s\n", static_cast<unsigned long long>(ledger.state().scalars.sequence),
              HashOf(ledger.state()).ToHex().c_str());
}

int Fail(const std::string& why) {
  std::fprintf(stderr, "player: %s\n", why.c_str());
  return 1;
}

std::unique_ptr<Ledger> Restored(const State& state) {
  StateDelta all = DiffStates(nullptr, StateHash(), state);
  std::sort(all.puts.begin(), all.puts.end());
  auto ledger = std::make_unique<Ledger>();
  StateRestorer restorer(ledger.get());
  for (const auto& [key, value] : all.puts) {
    if (!restorer.AddObject(key, value).ok()) return nullptr;
  }
  return restorer.Finish().ok() ? std::move(ledger) : nullptr;
}

int PlayCommands(uint64_t seed, uint64_t steps, uint64_t restart_every) {
  model::Generator generator(seed);
  model::LedgerRunner runner;
  int64_t time_us = 0;
  for (uint64_t step = 1; step <= steps; ++step) {
    const uint64_t before = runner.state().scalars.sequence;
    const model::Command command = generator.Next(model::LookAt(runner.state(), time_us));
    time_us = command.time_us;
    runner.Apply(command);
    if (runner.state().scalars.sequence != before) Tell(runner.ledger());
    if (restart_every == 0 || step % restart_every != 0) continue;
    std::unique_ptr<Ledger> ledger = Restored(runner.state());
    if (ledger == nullptr) return Fail("cannot be restored");
    runner.ContinueWith(std::move(ledger));
  }
  return 0;
}

// Tells of each record that Recover has applied.
class TellingStore final : public server::Store {
 public:
  TellingStore(server::Store* store, const Ledger* ledger) : store_(*store), ledger_(*ledger) {}

  absl::StatusOr<server::RecoveredLog> Recover(server::RecoveryVisitor& visitor) override {
    Visitor telling(&visitor, &ledger_);
    return store_.Recover(telling);
  }
  absl::Status Append(uint64_t epoch, server::SequenceRange range,
                      absl::string_view record) override {
    return store_.Append(epoch, range, record);
  }
  absl::Status Checkpoint(const server::CheckpointDelta& delta) override {
    return store_.Checkpoint(delta);
  }
  absl::Status Read(uint64_t from, uint64_t to, const server::ReadVisitor& visit) override {
    return store_.Read(from, to, visit);
  }
  absl::StatusOr<server::KeptRecords> Kept() override { return store_.Kept(); }

 private:
  class Visitor final : public server::RecoveryVisitor {
   public:
    Visitor(server::RecoveryVisitor* visitor, const Ledger* ledger)
        : visitor_(*visitor), ledger_(*ledger) {}
    absl::Status OnObject(absl::string_view key, absl::string_view value) override {
      return visitor_.OnObject(key, value);
    }
    absl::Status OnCheckpoint(uint64_t sequence, absl::string_view summary) override {
      absl::Status status = visitor_.OnCheckpoint(sequence, summary);
      if (sequence > 0) Tell(ledger_);
      return status;
    }
    absl::Status OnRecord(server::SequenceRange range, absl::string_view record) override {
      absl::Status status = visitor_.OnRecord(range, record);
      Tell(ledger_);
      return status;
    }

   private:
    server::RecoveryVisitor& visitor_;
    const Ledger& ledger_;
  };

  server::Store& store_;
  const Ledger& ledger_;
};

int PlayLog(const std::string& path) {
  const std::unique_ptr<server::MemoryStore> store = StoreOf(path);
  if (store == nullptr) return Fail("cannot read " + path);
  Ledger ledger;
  TellingStore telling(store.get(), &ledger);
  absl::StatusOr<server::Recovered> recovered = server::Recover(&telling, &ledger);
  if (!recovered.ok()) return Fail(recovered.status().ToString());
  if (recovered->checkpoint != nullptr) ledger.Release(std::move(recovered->checkpoint));
  return 0;
}

int Play(int argc, char** argv) {
  const auto local = std::make_unique<int>();
  std::printf("%p %p %p\n", reinterpret_cast<void*>(&Play), static_cast<void*>(local.get()),
              static_cast<void*>(&argc));
  const std::string what = argc > 1 ? argv[1] : "";
  uint64_t seed = 0, steps = 0, restart_every = 0;
  if (what == "log" && argc == 3) return PlayLog(argv[2]);
  if (what == "commands" && argc == 5 && absl::SimpleAtoi(argv[2], &seed) &&
      absl::SimpleAtoi(argv[3], &steps) && absl::SimpleAtoi(argv[4], &restart_every)) {
    return PlayCommands(seed, steps, restart_every);
  }
  return Fail("commands SEED STEPS RESTART_EVERY, or log FILE");
}

}  // namespace
}  // namespace dmem::determinism

int main(int argc, char** argv) { return dmem::determinism::Play(argc, argv); }
