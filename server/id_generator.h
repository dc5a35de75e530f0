// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef SERVER_ID_GENERATOR_H_
#define SERVER_ID_GENERATOR_H_

#include <cstdint>
#include <random>
#include <string>

namespace dmem::server {

// Makes charge ids for callers that chose none: 128 random bits as 32 hexadecimal digits.
//
// Thread-compatible.
class IdGenerator {
 public:
  // Seeded from the system's randomness, so that no two servers give the same ids.
  IdGenerator();
  explicit IdGenerator(uint64_t seed) : engine_(seed) {}

  std::string Next();

 private:
  std::mt19937_64 engine_;
};

}  // namespace dmem::server

#endif  // SERVER_ID_GENERATOR_H_
