// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_TESTING_TEMP_DIRECTORY_H_
#define DMEMD_CLIENT_AGENT_TESTING_TEMP_DIRECTORY_H_

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <system_error>

#include "gtest/gtest.h"

namespace dmem::client {

// A new directory, deleted in the end, with what tests of backends do to files in it.
class TempDirectory {
 public:
  TempDirectory() {
    std::string name = ::testing::TempDir() + "dmem-agent-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) ADD_FAILURE() << "no directory " << name;
    path_ = name;
  }
  ~TempDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;

  const std::string& path() const { return path_; }

  // Below the directory; makes the file's directories.
  void Write(const std::string& name, const std::string& text) const {
    const std::filesystem::path file = path_ + "/" + name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream stream(file, std::ios::binary | std::ios::trunc);
    stream << text;
    stream.flush();
    if (!stream) ADD_FAILURE() << "cannot write " << file;
  }
  std::string Read(const std::string& name) const {
    std::ifstream stream(path_ + "/" + name, std::ios::binary);
    if (!stream) ADD_FAILURE() << "cannot read " << path_ << "/" << name;
    std::ostringstream text;
    text << stream.rdbuf();
    return text.str();
  }
  bool Exists(const std::string& name) const { return std::filesystem::exists(path_ + "/" + name); }
  void Remove(const std::string& name) const { std::filesystem::remove_all(path_ + "/" + name); }

  // Every file below, by its name relative to the directory, with what is in it.
  std::map<std::string, std::string> Files() const {
    std::map<std::string, std::string> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path_)) {
      if (!entry.is_regular_file()) continue;
      const std::string name = entry.path().lexically_relative(path_).string();
      files[name] = Read(name);
    }
    return files;
  }

 private:
  std::string path_;
};

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_TESTING_TEMP_DIRECTORY_H_
