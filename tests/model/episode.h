// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Episode: a ledger and a model side by side.

#ifndef TESTS_MODEL_EPISODE_H_
#define TESTS_MODEL_EPISODE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/state_codec.h"
#include "tests/model/ledger_runner.h"
#include "tests/model/model.h"

namespace dmem {
namespace model {

// Applies commands to both, and compares everything that can be seen after each: the answer, the
// state, protection, the evict decision, the audit, snapshots taken before; checkpoints, and now
// and then a restart of the ledger from its objects.
//
// Thread-compatible.
class Episode {
 public:
  Episode() = default;
  ~Episode();

  // Return what differs, or "". After a difference the episode is over.
  std::string Step(const Command& command);
  std::string Finish();

  const Model& model() const { return model_; }
  // The ledger's to the last command.
  const std::string& answer() const { return answer_; }

 private:
  struct Taken {
    std::unique_ptr<Snapshot> snapshot;
    View view;
    int64_t time_us;
  };

  std::string CompareSomeProtection(uint64_t dice) const;
  std::string CompareFile(uint64_t dice) const;
  std::string CompareHeadroom(uint64_t dice) const;
  std::string CheckMaxima(const Command& command) const;
  std::string CheckIds(const Command& command);
  std::string CheckSnapshots(const Command& command, uint64_t dice);
  std::string Checkpoint();
  std::string Restart(int64_t time_us);
  void ReleaseSnapshots();

  Model model_;
  LedgerRunner runner_;
  std::vector<Command> commands_;
  std::string answer_;
  int64_t time_us_ = 0;
  std::vector<Taken> taken_;
  std::unique_ptr<Snapshot> checkpoint_;  // The last one.
  StateHash checkpoint_hash_;
  std::map<std::string, std::string> objects_;       // Of all checkpoints together.
  std::map<std::string, int64_t> live_;              // Charges, to their created_at.
  std::map<std::string, int64_t> covered_until_us_;  // Of ids that were ever spent.
};

// The commands of which every one is needed for Step to differ at some point, found by leaving out
// ever smaller parts.
std::vector<Command> Shorten(std::vector<Command> commands);

}  // namespace model
}  // namespace dmem

#endif  // TESTS_MODEL_EPISODE_H_
