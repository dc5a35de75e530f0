// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/fuzz/corpus.h"

#include <dirent.h>

#include <fstream>
#include <iterator>

namespace dmem::fuzz {

std::map<std::string, std::string> ReadCorpus(const std::string& directory) {
  std::map<std::string, std::string> inputs;
  DIR* entries = opendir(directory.c_str());
  if (entries == nullptr) return inputs;
  while (const dirent* entry = readdir(entries)) {
    const std::string name = entry->d_name;
    if (name[0] == '.') continue;
    std::string path = directory;
    path.append("/").append(name);
    std::ifstream file(path, std::ios::binary);
    inputs[name].assign(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  closedir(entries);
  return inputs;
}

}  // namespace dmem::fuzz
