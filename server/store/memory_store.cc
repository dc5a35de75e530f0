// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/store/memory_store.h"

#include <iterator>
#include <set>

#include "absl/strings/str_cat.h"
#include "server/store/store_checks.h"

namespace dmem::server {

absl::StatusOr<RecoveredLog> MemoryStore::Recover(RecoveryVisitor& visitor) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (recover_called_) return absl::FailedPreconditionError("Recover was called before");
    recover_called_ = true;
  }
  RecoveredLog result;
  {
    const std::lock_guard<std::mutex> medium_lock(medium_->mutex_);
    absl::Status status;
    for (const auto& [key, value] : medium_->objects_) {
      status = visitor.OnObject(key, value);
      if (!status.ok()) return status;
    }
    status = visitor.OnCheckpoint(medium_->checkpoint_sequence_, medium_->summary_);
    if (!status.ok()) return status;
    for (const auto& [first, rest] : medium_->records_) {
      if (first <= medium_->checkpoint_sequence_) continue;
      status = visitor.OnRecord({first, rest.first}, rest.second);
      if (!status.ok()) return status;
    }
    result.epoch = ++medium_->epoch_;
    result.last_sequence = medium_->last_sequence_;
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  recovered_ = true;
  return result;
}

absl::Status MemoryStore::Append(uint64_t epoch, SequenceRange range, absl::string_view record) {
  Pass(append_gate_);
  const std::lock_guard<std::mutex> lock(mutex_);
  absl::Status status = CheckUsable();
  if (!status.ok()) return status;
  const std::lock_guard<std::mutex> medium_lock(medium_->mutex_);
  status = CheckAppend({medium_->epoch_, medium_->last_sequence_}, epoch, range, record);
  if (!status.ok()) return status;
  if (append_error_.ok() || append_loss_ == Loss::kKept) {
    medium_->records_.emplace(range.first, std::make_pair(range.last, std::string(record)));
    medium_->last_sequence_ = range.last;
    medium_->record_bytes_ += record.size();
  }
  failure_ = append_error_;
  return append_error_;
}

absl::Status MemoryStore::Checkpoint(const CheckpointDelta& delta) {
  Pass(checkpoint_gate_);
  const std::lock_guard<std::mutex> lock(mutex_);
  absl::Status status = CheckUsable();
  if (!status.ok()) return status;
  const std::lock_guard<std::mutex> medium_lock(medium_->mutex_);
  status = CheckCheckpoint(medium_->checkpoint_sequence_, medium_->last_sequence_, delta);
  if (!status.ok()) return status;
  std::set<absl::string_view> keys;
  for (const StoredObject& object : delta.puts) keys.insert(object.key);
  for (const std::string& key : delta.deletes) keys.insert(key);
  if (keys.size() != delta.puts.size() + delta.deletes.size()) {
    return absl::InvalidArgumentError("a checkpoint has the same object twice");
  }
  if (!checkpoint_error_.ok()) {
    failure_ = checkpoint_error_;
    return checkpoint_error_;
  }
  if (delta.replace_all) medium_->objects_.clear();
  for (const std::string& key : delta.deletes) medium_->objects_.erase(key);
  for (const StoredObject& object : delta.puts) medium_->objects_[object.key] = object.value;
  medium_->checkpoint_sequence_ = delta.sequence;
  medium_->summary_ = delta.summary;
  DropOldRecords(delta.keep_from);
  return absl::OkStatus();
}

void MemoryStore::DropOldRecords(uint64_t keep_from) {
  auto& records = medium_->records_;
  while (!records.empty()) {
    const auto oldest = records.begin();
    const uint64_t last = oldest->second.first;
    const bool is_wanted = last >= keep_from && medium_->record_bytes_ <= medium_->keep_bytes_;
    // The record that the checkpoint is at stays, so that there is an oldest one.
    if (last >= medium_->checkpoint_sequence_ || is_wanted) return;
    medium_->record_bytes_ -= oldest->second.second.size();
    records.erase(oldest);
  }
}

absl::Status MemoryStore::Read(uint64_t from, uint64_t to, const ReadVisitor& visit) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!recovered_) return absl::FailedPreconditionError("the store is not recovered");
  }
  // One at a time, so that nobody waits for a visitor.
  for (uint64_t next = from; next <= to;) {
    SequenceRange range;
    std::string record;
    {
      const std::lock_guard<std::mutex> medium_lock(medium_->mutex_);
      if (next > medium_->last_sequence_) return absl::OkStatus();
      const auto after = medium_->records_.upper_bound(next);
      if (after == medium_->records_.begin()) {
        return absl::OutOfRangeError(absl::StrCat("sequence ", next, " is no longer kept"));
      }
      const auto it = std::prev(after);
      range = {it->first, it->second.first};
      record = it->second.second;
    }
    if (!visit(range, record)) return absl::OkStatus();
    next = range.last + 1;
  }
  return absl::OkStatus();
}

absl::StatusOr<KeptRecords> MemoryStore::Kept() {
  const std::lock_guard<std::mutex> medium_lock(medium_->mutex_);
  KeptRecords kept;
  if (!medium_->records_.empty()) kept.oldest_sequence = medium_->records_.begin()->first;
  kept.bytes = medium_->record_bytes_;
  return kept;
}

void MemoryStore::SetKeptBytes(uint64_t bytes) {
  const std::lock_guard<std::mutex> medium_lock(medium_->mutex_);
  medium_->keep_bytes_ = bytes;
}

void MemoryStore::FailNextAppend(absl::Status error, Loss loss) {
  const std::lock_guard<std::mutex> lock(mutex_);
  append_error_ = std::move(error);
  append_loss_ = loss;
}

void MemoryStore::FailNextCheckpoint(absl::Status error) {
  const std::lock_guard<std::mutex> lock(mutex_);
  checkpoint_error_ = std::move(error);
}

void MemoryStore::BlockAppends() {
  const std::lock_guard<std::mutex> lock(mutex_);
  append_gate_.closed = true;
}

void MemoryStore::BlockCheckpoints() {
  const std::lock_guard<std::mutex> lock(mutex_);
  checkpoint_gate_.closed = true;
}

void MemoryStore::ReleaseAll() {
  const std::lock_guard<std::mutex> lock(mutex_);
  append_gate_.closed = false;
  checkpoint_gate_.closed = false;
  changed_.notify_all();
}

void MemoryStore::WaitForBlockedAppend() { WaitForBlocked(append_gate_); }

void MemoryStore::WaitForBlockedCheckpoint() { WaitForBlocked(checkpoint_gate_); }

void MemoryStore::Pass(Gate& gate) {
  std::unique_lock<std::mutex> lock(mutex_);
  ++gate.waiting;
  changed_.notify_all();
  changed_.wait(lock, [&gate] { return !gate.closed; });
  --gate.waiting;
}

void MemoryStore::WaitForBlocked(const Gate& gate) {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [&gate] { return gate.closed && gate.waiting > 0; });
}

absl::Status MemoryStore::CheckUsable() {
  if (!recovered_) return absl::FailedPreconditionError("the store is not recovered");
  if (failure_.ok()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("the store has failed and must be recovered: ", failure_.message()));
}

}  // namespace dmem::server
