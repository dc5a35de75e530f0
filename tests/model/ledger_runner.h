// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// LedgerRunner: the ledger, spoken to in the model's words.

#ifndef TESTS_MODEL_LEDGER_RUNNER_H_
#define TESTS_MODEL_LEDGER_RUNNER_H_

#include <memory>
#include <string>
#include <utility>

#include "core/ledger.h"
#include "tests/model/command.h"

namespace dmem {
namespace model {

// Translates, and decides nothing. Thread-compatible.
class LedgerRunner {
 public:
  // Applies the command and returns the answer in the words that Model::Apply uses.
  std::string Apply(const Command& command);

  Ledger& ledger() { return *ledger_; }
  const State& state() const { return ledger_->state(); }
  // Goes on with another ledger: one with the same state.
  void ContinueWith(std::unique_ptr<Ledger> ledger) { ledger_ = std::move(ledger); }

 private:
  std::string Register(const Command& c);
  std::string Unregister(const Command& c);
  std::string Charge(const Command& c);
  std::string Commit(const Command& c);
  std::string Uncharge(const Command& c);
  std::string Resize(const Command& c);
  std::string SetLimits(const Command& c);
  // ledger_runner_held.cc
  std::string Reconcile(const Command& c);
  std::string ReportMeasured(const Command& c);
  std::string MoveCharge(const Command& c);
  // ledger_runner_sessions.cc
  std::string Lease(const Command& c);

  std::unique_ptr<Ledger> ledger_ = std::make_unique<Ledger>();
};

// What is visible of a state through listings and views, be it a ledger's or a snapshot's, at a
// time.
View LookAt(const State& state, int64_t time_us);
void LookAtLeases(const State& state, View* view);

// In the words that Model::Apply uses.
std::string ErrorText(const absl::Status& status);
std::string DroppedText(const Dropped& dropped);

}  // namespace model
}  // namespace dmem

#endif  // TESTS_MODEL_LEDGER_RUNNER_H_
