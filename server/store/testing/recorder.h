// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_SERVER_STORE_TESTING_RECORDER_H_
#define DMEMD_SERVER_STORE_TESTING_RECORDER_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/store/store.h"

namespace dmem::server {

// A visitor that keeps what it is shown, and holds the store to the order of its calls.
class Recorder : public RecoveryVisitor {
 public:
  absl::Status OnObject(absl::string_view key, absl::string_view value) override {
    if (checkpoints_ > 0) return absl::InternalError("an object after the checkpoint");
    if (!objects.emplace(key, value).second) return absl::InternalError("an object twice");
    return absl::OkStatus();
  }

  absl::Status OnCheckpoint(uint64_t sequence, absl::string_view checkpoint_summary) override {
    if (++checkpoints_ != 1) return absl::InternalError("a second checkpoint");
    checkpoint_sequence = sequence;
    summary = std::string(checkpoint_summary);
    last_sequence = sequence;
    return absl::OkStatus();
  }

  absl::Status OnRecord(SequenceRange range, absl::string_view record) override {
    if (checkpoints_ != 1) return absl::InternalError("a record before the checkpoint");
    if (range.first != last_sequence + 1 || range.last < range.first) {
      return absl::InternalError(absl::StrCat("a record of sequences ", range.first, " to ",
                                              range.last, " after ", last_sequence));
    }
    last_sequence = range.last;
    records.emplace_back(record);
    return absl::OkStatus();
  }

  std::map<std::string, std::string> objects;
  uint64_t checkpoint_sequence = 0;
  std::string summary;
  std::vector<std::string> records;
  uint64_t last_sequence = 0;

 private:
  int checkpoints_ = 0;
};

}  // namespace dmem::server

#endif  // DMEMD_SERVER_STORE_TESTING_RECORDER_H_
