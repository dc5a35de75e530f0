// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/store/testing/workload.h"

#include "absl/strings/str_cat.h"
#include "server/store/testing/recorder.h"

namespace dmem::server {
namespace {

constexpr uint64_t kObjects = 7;

// Every eleventh sequence deletes its object, the others set it.
bool Deletes(uint64_t sequence) { return sequence % 11 == 0; }

std::string ObjectKey(uint64_t sequence) { return absl::StrCat("object", sequence % kObjects); }

std::string ObjectValue(uint64_t sequence) {
  return absl::StrCat("set at ", sequence, std::string(sequence % 50, 'v'));
}

CheckpointDelta Delta(uint64_t from, uint64_t to) {
  CheckpointDelta delta;
  delta.sequence = to;
  delta.summary = absl::StrCat("summary at ", to);
  std::map<std::string, uint64_t> changed;
  for (uint64_t i = from + 1; i <= to; ++i) changed[ObjectKey(i)] = i;
  for (const auto& [key, sequence] : changed) {
    if (Deletes(sequence)) {
      delta.deletes.push_back(key);
    } else {
      delta.puts.push_back({key, ObjectValue(sequence)});
    }
  }
  return delta;
}

}  // namespace

std::string WorkloadRecord(uint64_t first) {
  // Mostly small; some larger than a block of the log, one in fifty larger than its buffer.
  const uint64_t size = first % 50 == 16 ? 90000 : first % 9 == 4 ? 33000 : first * 37 % 300;
  std::string record = absl::StrCat("record ", first, " ");
  record.resize(record.size() + size, static_cast<char>('a' + first % 26));
  return record;
}

uint64_t WorkloadRecordLength(uint64_t first) { return 1 + first % 3; }

std::map<std::string, std::string> WorkloadState(uint64_t sequence) {
  std::map<std::string, std::string> state;
  for (uint64_t i = 1; i <= sequence; ++i) {
    if (Deletes(i)) {
      state.erase(ObjectKey(i));
    } else {
      state[ObjectKey(i)] = ObjectValue(i);
    }
  }
  return state;
}

absl::StatusOr<RecoveredLog> Workload::Recover(Store& store) {
  Recorder seen;
  absl::StatusOr<RecoveredLog> log = store.Recover(seen);
  if (!log.ok()) return log;
  const std::string where =
      absl::StrCat("; acknowledged ", known_->sequence, ", checkpoint ", known_->checkpoint,
                   ", recovered ", log->last_sequence, ", checkpoint ", seen.checkpoint_sequence);
  if (log->last_sequence < known_->sequence) {
    return absl::DataLossError(absl::StrCat("acknowledged records are gone", where));
  }
  if (log->last_sequence > known_->attempted) {
    return absl::InternalError(absl::StrCat("records that never were", where));
  }
  if (seen.last_sequence != log->last_sequence || log->epoch <= known_->epoch) {
    return absl::InternalError(absl::StrCat("recovery contradicts itself", where));
  }
  if (seen.checkpoint_sequence < known_->checkpoint) {
    return absl::DataLossError(absl::StrCat("an acknowledged checkpoint is gone", where));
  }
  const std::string summary =
      seen.checkpoint_sequence == 0 ? "" : absl::StrCat("summary at ", seen.checkpoint_sequence);
  if (seen.summary != summary || seen.objects != WorkloadState(seen.checkpoint_sequence)) {
    return absl::InternalError(absl::StrCat("another state than was checkpointed", where));
  }
  uint64_t next = seen.checkpoint_sequence + 1;
  for (const std::string& record : seen.records) {
    if (record != WorkloadRecord(next)) {
      return absl::InternalError(absl::StrCat("another record at ", next, where));
    }
    next += WorkloadRecordLength(next);
  }
  if (next != log->last_sequence + 1) {
    return absl::InternalError(absl::StrCat("records of other lengths", where));
  }
  epoch_ = log->epoch;
  last_ = log->last_sequence;
  checkpoint_ = seen.checkpoint_sequence;
  known_->epoch = epoch_;
  // What recovery has shown must stay.
  known_->sequence = last_;
  known_->checkpoint = checkpoint_;
  return log;
}

absl::Status Workload::Run(Store& store, int records, int checkpoint_every) {
  for (int i = 1; i <= records; ++i) {
    const uint64_t first = last_ + 1;
    const uint64_t last = last_ + WorkloadRecordLength(first);
    known_->attempted = last;
    absl::Status status = store.Append(epoch_, {first, last}, WorkloadRecord(first));
    if (!status.ok()) return status;
    known_->sequence = last_ = last;
    if (i % checkpoint_every != 0) continue;
    status = store.Checkpoint(Delta(checkpoint_, last_));
    if (!status.ok()) return status;
    known_->checkpoint = checkpoint_ = last_;
  }
  return absl::OkStatus();
}

}  // namespace dmem::server
