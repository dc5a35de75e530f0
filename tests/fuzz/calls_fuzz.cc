// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Whatever clients ask, in whatever order: no check fails, every invariant holds after each call,
// and both the records and a checkpoint give the same state again.

#include <algorithm>
#include <string>

#include "tests/fuzz/calls.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/player.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const dmem::fuzz::Calls calls =
      dmem::fuzz::ParseCalls({reinterpret_cast<const char*>(data), size});
  dmem::fuzz::Player player;
  player.Play(calls);
  player.CheckReplay();
  player.CheckCheckpoint();
  return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  dmem::fuzz::Calls calls = dmem::fuzz::ParseCalls({reinterpret_cast<const char*>(data), size});
  dmem::fuzz::MutateCalls(seed, &calls);
  const std::string text = dmem::fuzz::FormatCalls(calls);
  if (text.size() > max_size) return size;
  std::copy(text.begin(), text.end(), data);
  return text.size();
}
