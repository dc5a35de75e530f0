// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/determinism/log_file.h"

#include <cstdint>
#include <fstream>
#include <utility>

#include "absl/status/status.h"

namespace dmem::determinism {
namespace {

using server::CheckpointDelta;
using server::MemoryStore;
using server::RecoveryVisitor;
using server::SequenceRange;
using server::StoredObject;

void Put(std::ofstream& out, uint64_t number) {
  out.write(reinterpret_cast<const char*>(&number), sizeof(number));
}
void Put(std::ofstream& out, const std::string& text) {
  Put(out, text.size());
  out.write(text.data(), static_cast<std::streamsize>(text.size()));
}

uint64_t GetNumber(std::ifstream& in) {
  uint64_t number = 0;
  in.read(reinterpret_cast<char*>(&number), sizeof(number));
  return number;
}
std::string GetText(std::ifstream& in) {
  std::string text(GetNumber(in), '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  return text;
}

// Of a store that is empty.
class Nothing final : public RecoveryVisitor {
 public:
  absl::Status OnObject(absl::string_view, absl::string_view) override { return {}; }
  absl::Status OnCheckpoint(uint64_t, absl::string_view) override { return {}; }
  absl::Status OnRecord(SequenceRange, absl::string_view) override { return {}; }
};

}  // namespace

bool WriteLogFile(const std::string& path, const LogFile& log) {
  std::ofstream out(path, std::ios::binary);
  Put(out, log.records.size());
  for (const LoggedRecord& record : log.records) {
    Put(out, record.range.first);
    Put(out, record.range.last);
    Put(out, record.record);
  }
  Put(out, log.checkpoint.sequence);
  Put(out, log.checkpoint.summary);
  Put(out, log.checkpoint.puts.size());
  for (const StoredObject& object : log.checkpoint.puts) {
    Put(out, object.key);
    Put(out, object.value);
  }
  return out.flush().good();
}

std::unique_ptr<MemoryStore> StoreOf(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  auto store = std::make_unique<MemoryStore>();
  Nothing nothing;
  const auto opened = store->Recover(nothing);
  if (!opened.ok()) return nullptr;
  for (uint64_t left = GetNumber(in); left > 0 && in; --left) {
    SequenceRange range;
    range.first = GetNumber(in);
    range.last = GetNumber(in);
    if (!store->Append(opened->epoch, range, GetText(in)).ok()) return nullptr;
  }
  CheckpointDelta checkpoint;
  checkpoint.replace_all = true;
  checkpoint.sequence = GetNumber(in);
  checkpoint.summary = GetText(in);
  for (uint64_t left = GetNumber(in); left > 0 && in; --left) {
    std::string key = GetText(in);
    checkpoint.puts.push_back({std::move(key), GetText(in)});
  }
  if (!in) return nullptr;
  if (checkpoint.sequence > 0 && !store->Checkpoint(checkpoint).ok()) return nullptr;
  return std::make_unique<MemoryStore>(store->medium());
}

}  // namespace dmem::determinism
