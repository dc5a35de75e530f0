// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef TESTS_FUZZ_FAIL_H_
#define TESTS_FUZZ_FAIL_H_

#include <cstdio>
#include <cstdlib>
#include <string>

namespace dmem::fuzz {

// Ends the program, as a finding.
[[noreturn]] inline void Fail(const std::string& what) {
  std::fprintf(stderr, "FINDING: %s\n", what.c_str());
  std::abort();
}

}  // namespace dmem::fuzz

#endif  // TESTS_FUZZ_FAIL_H_
