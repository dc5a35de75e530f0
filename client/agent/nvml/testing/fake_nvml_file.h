// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_NVML_TESTING_FAKE_NVML_FILE_H_
#define DMEMD_CLIENT_AGENT_NVML_TESTING_FAKE_NVML_FILE_H_

#include <stdlib.h>

#include <string>

#include "client/agent/testing/temp_directory.h"
#include "gtest/gtest.h"

namespace dmem::client {

// The file that drives the fake libraries; its lines are described in fake_nvml.cc. Tests have
// ":fake_nvml" in their data. One at a time in a process.
class FakeNvmlFile {
 public:
  FakeNvmlFile() {
    Set("");
    ::setenv("FAKE_NVML", (directory_.path() + "/state").c_str(), 1);
  }
  ~FakeNvmlFile() { ::unsetenv("FAKE_NVML"); }
  FakeNvmlFile(const FakeNvmlFile&) = delete;
  FakeNvmlFile& operator=(const FakeNvmlFile&) = delete;

  // All lines.
  void Set(const std::string& lines) { directory_.Write("state", lines); }
  void Add(const std::string& line) { Set(directory_.Read("state") + line + "\n"); }
  void Replace(const std::string& from, const std::string& to) {
    std::string state = directory_.Read("state");
    const size_t at = state.find(from);
    if (at == std::string::npos) ADD_FAILURE() << "no \"" << from << "\" in " << state;
    if (at != std::string::npos) Set(state.replace(at, from.size(), to));
  }
  // Every limit that was asked for since the last call, a line each: UUID SOFT HARD DIRECTORY.
  std::string TakeSets() {
    if (!directory_.Exists("state.sets")) return "";
    std::string sets = directory_.Read("state.sets");
    directory_.Remove("state.sets");
    return sets;
  }

  static std::string Library() { return "client/agent/nvml/libfake_nvml.so"; }
  static std::string LibraryWithoutLimits() {
    return "client/agent/nvml/libfake_nvml_without_limits.so";
  }
  static std::string OldLibrary() { return "client/agent/nvml/libfake_nvml_old.so"; }

 private:
  const TempDirectory directory_;
};

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_NVML_TESTING_FAKE_NVML_FILE_H_
