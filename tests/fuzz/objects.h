// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef TESTS_FUZZ_OBJECTS_H_
#define TESTS_FUZZ_OBJECTS_H_

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"

namespace dmem::fuzz {

// Objects of a checkpoint in one input: before each key and each value its length, in a byte.
// REQUIRES: neither is longer than 255 bytes.
inline void AppendObject(absl::string_view key, absl::string_view value, std::string* bytes) {
  for (const absl::string_view part : {key, value}) {
    bytes->push_back(static_cast<char>(part.size()));
    bytes->append(part.data(), part.size());
  }
}

// Takes the first of them. Of what is cut off there is less.
inline std::pair<absl::string_view, absl::string_view> TakeObject(absl::string_view* bytes) {
  const auto take = [bytes] {
    if (bytes->empty()) return absl::string_view();
    const auto length = static_cast<unsigned char>(bytes->front());
    bytes->remove_prefix(1);
    const absl::string_view part = bytes->substr(0, length);
    bytes->remove_prefix(part.size());
    return part;
  };
  const absl::string_view key = take();
  return {key, take()};
}

}  // namespace dmem::fuzz

#endif  // TESTS_FUZZ_OBJECTS_H_
