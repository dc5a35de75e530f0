// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_SERVER_STORE_TESTING_SCRATCH_DIRECTORY_H_
#define DMEMD_SERVER_STORE_TESTING_SCRATCH_DIRECTORY_H_

#include <stdlib.h>

#include <filesystem>
#include <string>
#include <system_error>

#include "gtest/gtest.h"

namespace dmem::server {

// A new directory, deleted in the end. In memory where the machine has it: for tests that make and
// delete thousands of small files and whose disk is simulated anyway.
class ScratchDirectory {
 public:
  ScratchDirectory() {
    for (const std::string& parent : {std::string("/dev/shm/"), ::testing::TempDir()}) {
      std::string name = parent + "dmemd-test-XXXXXX";
      if (::mkdtemp(name.data()) == nullptr) continue;
      path_ = name;
      return;
    }
    ADD_FAILURE() << "no directory can be made in /dev/shm or " << ::testing::TempDir();
  }
  ~ScratchDirectory() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace dmem::server

#endif  // DMEMD_SERVER_STORE_TESTING_SCRATCH_DIRECTORY_H_
