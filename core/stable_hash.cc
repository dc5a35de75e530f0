// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "core/stable_hash.h"

#include <cstring>

namespace dmem {
namespace {

constexpr uint64_t kMul1 = 0x87c37b91114253d5u;
constexpr uint64_t kMul2 = 0x4cf5ad432745937fu;

uint64_t RotateLeft(uint64_t x, int bits) { return (x << bits) | (x >> (64 - bits)); }

uint64_t FinalMix(uint64_t k) {
  k ^= k >> 33;
  k *= 0xff51afd7ed558ccdu;
  k ^= k >> 33;
  k *= 0xc4ceb9fe1a85ec53u;
  k ^= k >> 33;
  return k;
}

// Little-endian, whatever the machine is.
uint64_t Load(const char* bytes, size_t size) {
  uint64_t value = 0;
  for (size_t i = 0; i < size; ++i) value |= uint64_t{static_cast<uint8_t>(bytes[i])} << (8 * i);
  return value;
}

uint64_t Mix1(uint64_t k) { return RotateLeft(k * kMul1, 31) * kMul2; }
uint64_t Mix2(uint64_t k) { return RotateLeft(k * kMul2, 33) * kMul1; }

}  // namespace

Hash128 StableHash128(absl::string_view text, uint64_t seed) {
  uint64_t h1 = seed, h2 = seed;
  const char* p = text.data();
  size_t left = text.size();
  for (; left >= 16; left -= 16, p += 16) {
    h1 ^= Mix1(Load(p, 8));
    h1 = (RotateLeft(h1, 27) + h2) * 5 + 0x52dce729;
    h2 ^= Mix2(Load(p + 8, 8));
    h2 = (RotateLeft(h2, 31) + h1) * 5 + 0x38495ab5;
  }
  if (left > 8) h2 ^= Mix2(Load(p + 8, left - 8));
  if (left > 0) h1 ^= Mix1(Load(p, left < 8 ? left : 8));
  h1 ^= text.size();
  h2 ^= text.size();
  h1 += h2;
  h2 += h1;
  h1 = FinalMix(h1);
  h2 = FinalMix(h2);
  h1 += h2;
  h2 += h1;
  return {h1, h2};
}

}  // namespace dmem
