// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// A log in a file, to be given to another process.

#ifndef TESTS_DETERMINISM_LOG_FILE_H_
#define TESTS_DETERMINISM_LOG_FILE_H_

#include <memory>
#include <string>
#include <vector>

#include "server/store/memory_store.h"
#include "server/store/store.h"

namespace dmem::determinism {

struct LoggedRecord {
  server::SequenceRange range;
  std::string record;
};

// What a store can hold; without a checkpoint its sequence is 0.
struct LogFile {
  server::CheckpointDelta checkpoint;  // Its puts are all objects.
  std::vector<LoggedRecord> records;   // All, from sequence 1 on.
};

// Returns whether all of it was written.
bool WriteLogFile(const std::string& path, const LogFile& log);
// A store that holds what the file says and has not been recovered; nullptr if the file cannot be
// read.
std::unique_ptr<server::MemoryStore> StoreOf(const std::string& path);

}  // namespace dmem::determinism

#endif  // TESTS_DETERMINISM_LOG_FILE_H_
