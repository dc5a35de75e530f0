// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef TESTS_FUZZ_CORPUS_H_
#define TESTS_FUZZ_CORPUS_H_

#include <map>
#include <string>

namespace dmem::fuzz {

// The files of a directory, by name. Empty if it cannot be read.
std::map<std::string, std::string> ReadCorpus(const std::string& directory);

}  // namespace dmem::fuzz

#endif  // TESTS_FUZZ_CORPUS_H_
