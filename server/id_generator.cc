// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/id_generator.h"

#include <array>
#include <cstdint>

namespace dmem::server {

IdGenerator::IdGenerator() {
  std::random_device device;
  std::array<uint32_t, 16> words;
  for (uint32_t& word : words) word = device();
  std::seed_seq seed(words.begin(), words.end());
  engine_.seed(seed);
}

std::string IdGenerator::Next() {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string id(32, '0');
  for (size_t half = 0; half < 2; ++half) {
    uint64_t bits = engine_();
    for (size_t i = 0; i < 16; ++i, bits >>= 4) id[half * 16 + i] = kDigits[bits & 15];
  }
  return id;
}

}  // namespace dmem::server
