// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_TESTS_CRASH_VIOLATIONS_H_
#define DMEMD_TESTS_CRASH_VIOLATIONS_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace dmem::crash {

// What a server did that it must not do. Thread-compatible.
class Violations {
 public:
  // Something acknowledged is not there, or not as it was acknowledged.
  void Lost(absl::string_view text) { Add(&lost_, "lost", text); }
  // Something is there, or counted, that should not be (any more), or more than once.
  void Doubled(absl::string_view text) { Add(&doubled_, "doubled", text); }
  void Other(absl::string_view text) { Add(&other_, "wrong", text); }

  void Append(const Violations& more) {
    lost_ += more.lost_;
    doubled_ += more.doubled_;
    other_ += more.other_;
    for (const std::string& text : more.texts_) Keep(text);
  }

  bool empty() const { return lost_ + doubled_ + other_ == 0; }
  uint64_t lost() const { return lost_; }
  uint64_t doubled() const { return doubled_; }
  uint64_t other() const { return other_; }
  // The first hundred, in words.
  const std::vector<std::string>& texts() const { return texts_; }

 private:
  static constexpr size_t kTextsMax = 100;

  void Add(uint64_t* count, absl::string_view kind, absl::string_view text) {
    ++*count;
    Keep(absl::StrCat(kind, ": ", text));
  }
  void Keep(std::string text) {
    if (texts_.size() < kTextsMax) texts_.push_back(std::move(text));
  }

  uint64_t lost_ = 0;
  uint64_t doubled_ = 0;
  uint64_t other_ = 0;
  std::vector<std::string> texts_;
};

}  // namespace dmem::crash

#endif  // DMEMD_TESTS_CRASH_VIOLATIONS_H_
