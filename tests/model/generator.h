// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Generator: random commands that meet each other.

#ifndef TESTS_MODEL_GENERATOR_H_
#define TESTS_MODEL_GENERATOR_H_

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "tests/model/command.h"

namespace dmem {
namespace model {

// Makes commands of every kind from few names and few amounts, so that ids are sent again, limits
// are hit, cgroups come and go, and names are of the other kind. A seed gives the same commands for
// the same views. Commands are valid in shape (core/names.h), as the ledger requires.
//
// Thread-compatible.
class Generator {
 public:
  explicit Generator(uint64_t seed);

  // `view`: the state that the command will meet.
  Command Next(const View& view);
  // From now on time does not pass, and there are no sessions.
  void WithoutSessions() { with_sessions_ = false; }

 private:
  // Uniform, both ends included.
  uint64_t Between(uint64_t from, uint64_t to);
  bool Chance(int percent) { return Between(0, 99) < static_cast<uint64_t>(percent); }
  template <typename T>
  const T& OneOf(const std::vector<T>& choices) {
    return choices[Between(0, choices.size() - 1)];
  }

  std::string Path();               // Of a cgroup, never "/".
  std::string Cgroup(const View&);  // A path, or rarely "@ID".
  std::string Region(const View&);
  std::string Group();
  std::string ChargeId();
  uint64_t Bytes();
  uint64_t LimitBytes();
  // Products of two of these are beyond 64 bits, their sums far from 2^63.
  uint64_t TebiBytes();
  ChargeMode Mode();

  Command Register(const View& view);
  Command RegisterGroup();
  Command Charge(const View& view, bool reserve);
  Command ChargeAgain();
  Command Uncharge(const View& view);
  Command Resize(const View& view);
  Command Commit(const View& view);
  Command Reservation(const View& view);
  Command SetLimits(const View& view);
  Command CreateCgroup();
  Command DeleteCgroup(const View& view);
  Command Configure();
  // generator_family.cc
  Command Family(const View& view);
  // generator_held.cc
  Command Reconcile(const View& view);
  Command ReportMeasured(const View& view);
  Command MoveCharge(const View& view);
  // generator_sessions.cc
  Command Lease(const View& view);
  Command Tick(const View& view);
  // One that is there, or rarely not.
  uint64_t Session(const View& view);

  std::mt19937_64 random_;
  int64_t time_us_;
  int steps_ = 0;
  bool is_huge_;                  // Amounts of TiB and near 2^63 too.
  bool with_sessions_;            // And time that passes.
  bool is_bounded_;               // Small bounds on the numbers of objects.
  uint64_t regions_, groups_;     // How many names of each.
  std::vector<Command> sent_;     // The last charges.
  std::vector<Command> commits_;  // The last commits.
  Command list_;                  // The last part of a list; without a session: it was the last.
};

}  // namespace model
}  // namespace dmem

#endif  // TESTS_MODEL_GENERATOR_H_
