// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// What a fuzz target defines and may use: libFuzzer's interface, which corpus_driver.cc has, too.

#ifndef TESTS_FUZZ_FUZZ_TARGET_H_
#define TESTS_FUZZ_FUZZ_TARGET_H_

#include <cstddef>
#include <cstdint>

extern "C" {

// Tries one input. Returns 0; ends the program if there is something to find in it.
int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

// Optional: changes an input in place, up to `max_size` bytes; returns its new size.
size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed);

// Changes an input as bytes.
size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);
}

#endif  // TESTS_FUZZ_FUZZ_TARGET_H_
