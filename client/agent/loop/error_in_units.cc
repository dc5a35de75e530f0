// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/loop/error_in_units.h"

#include <algorithm>
#include <cstdint>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "client/cli/byte_size.h"
#include "client/error_facts.h"

namespace dmem::client {
namespace {

std::set<std::string> AmountsOf(const absl::Status& status) {
  std::set<std::string> amounts;
  for (const auto& [key, value] : FactsOf(status).metadata) {
    if (key == "bytes" || absl::EndsWith(key, "_bytes")) amounts.insert(value);
  }
  return amounts;
}

// Part of a word or of a name, in which digits are no amount.
bool IsInWord(char c) { return absl::ascii_isalnum(c) || c == '/' || c == '-' || c == '_'; }

}  // namespace

std::string ErrorInUnits(const absl::Status& status) {
  const std::set<std::string> amounts = AmountsOf(status);
  absl::string_view rest = status.message();
  std::string text;
  while (!rest.empty()) {
    size_t length = 0;
    while (length < rest.size() && IsInWord(rest[length])) ++length;
    const std::string word(rest.substr(0, length));
    uint64_t bytes = 0;
    if (amounts.count(word) > 0 && absl::SimpleAtoi(word, &bytes)) {
      rest.remove_prefix(length);
      absl::StrAppend(&text, FormatByteSize(bytes));
      absl::ConsumePrefix(&rest, " bytes");
      continue;
    }
    // The word, and what is after it.
    length = std::max(length, size_t{1});
    absl::StrAppend(&text, rest.substr(0, length));
    rest.remove_prefix(length);
  }
  return text;
}

}  // namespace dmem::client
