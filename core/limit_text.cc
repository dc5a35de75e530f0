// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "core/limit_text.h"

#include <cstdint>
#include <unordered_map>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "core/errors.h"
#include "core/names.h"

namespace dmem {
namespace {

constexpr char kWhiteSpace[] = " \t\n";

absl::string_view Strip(absl::string_view text) {
  const size_t begin = text.find_first_not_of(kWhiteSpace);
  if (begin == absl::string_view::npos) return absl::string_view();
  return text.substr(begin, text.find_last_not_of(kWhiteSpace) - begin + 1);
}

// The value of a digit, or 16 for anything else.
uint64_t DigitOf(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return 16;
}

// The power of two of a suffix, or 0 for anything else.
int ShiftOf(char c) {
  constexpr absl::string_view kSuffixes = "kmgtpe";
  const size_t place = kSuffixes.find(absl::ascii_tolower(static_cast<unsigned char>(c)));
  return place == absl::string_view::npos ? 0 : 10 * static_cast<int>(place + 1);
}

absl::Status BadValue(absl::string_view value, absl::string_view why) {
  return BadLimitText(absl::StrCat("value ", QuoteForMessage(value), " ", why));
}

absl::StatusOr<ByteCount> ParseValue(absl::string_view value) {
  if (value == "max") return kUnlimited;
  absl::string_view rest = value;
  uint64_t base = 10;
  if (rest.size() > 2 && rest[0] == '0' && (rest[1] == 'x' || rest[1] == 'X') &&
      DigitOf(rest[2]) < 16) {
    base = 16;
    rest.remove_prefix(2);
  } else if (absl::StartsWith(rest, "0")) {
    base = 8;
  }
  if (rest.empty() || DigitOf(rest[0]) >= base) {
    return BadValue(value,
                    "has no number; it must be bytes, with an optional suffix k, m, g, t, "
                    "p or e, or max");
  }
  // At most 2^63-1 after each digit, so that the next never passes 2^68.
  unsigned __int128 bytes = 0;
  while (!rest.empty() && DigitOf(rest[0]) < base) {
    bytes = bytes * base + DigitOf(rest[0]);
    rest.remove_prefix(1);
    if (bytes > kUnlimited.value()) break;
  }
  if (bytes <= kUnlimited.value() && !rest.empty() && ShiftOf(rest[0]) > 0) {
    bytes <<= ShiftOf(rest[0]);
    rest.remove_prefix(1);
  }
  if (bytes > kUnlimited.value()) {
    return BadValue(value, "is more than 9223372036854775807 (2^63-1), the largest");
  }
  if (!rest.empty()) {
    return BadValue(value, absl::StrCat("has ", QuoteForMessage(rest), " after the number"));
  }
  return ByteCount(static_cast<uint64_t>(bytes));
}

enum class File { kCapacity, kCurrent, kPeak, kMin, kLow, kMax };

absl::optional<File> FileOf(bool is_root, absl::string_view name) {
  if (name == "dmem.current") return File::kCurrent;
  if (is_root) {
    if (name == "dmem.capacity") return File::kCapacity;
    return absl::nullopt;
  }
  if (name == "dmem.peak") return File::kPeak;
  if (name == "dmem.min") return File::kMin;
  if (name == "dmem.low") return File::kLow;
  if (name == "dmem.max") return File::kMax;
  return absl::nullopt;
}

ByteCount ValueOf(const PageCounter& counter, File file) {
  switch (file) {
    case File::kPeak:
      return counter.peak;
    case File::kMin:
      return counter.min;
    case File::kLow:
      return counter.low;
    case File::kMax:
      return counter.max;
    default:
      return counter.usage;
  }
}

// Of each group, the sum over the regions below it that are READY or STALE.
std::unordered_map<Index, ByteCount> GroupCapacities(const State& state) {
  std::unordered_map<Index, ByteCount> capacities;
  for (Index r = state.scalars.first_region; r != kNone; r = state.regions[r].next) {
    const RegionRecord& region = state.regions[r];
    if (region.is_group || state.RegionStateOf(r) > RegionState::kStale) continue;
    for (Index g = region.parent; g != kNone; g = state.regions[g].parent) {
      capacities[g] = capacities[g].PlusSaturating(region.capacity);
    }
  }
  return capacities;
}

}  // namespace

absl::StatusOr<LimitLine> ParseLimitLine(absl::string_view text) {
  const absl::string_view line = Strip(text);
  if (line.empty()) return BadLimitText("the line is blank; it must be \"REGION VALUE\"");
  const size_t separator = line.find_first_of(" \t");
  if (separator == absl::string_view::npos) {
    return BadLimitText(
        absl::StrCat("no value after ", QuoteForMessage(line), "; it must be \"REGION VALUE\""));
  }
  const absl::StatusOr<ByteCount> value = ParseValue(line.substr(separator + 1));
  if (!value.ok()) return value.status();
  return LimitLine{line.substr(0, separator), *value};
}

std::string FormatLimit(ByteCount value) {
  return value.is_unlimited() ? "max" : absl::StrCat(value.value());
}

absl::StatusOr<std::string> ReadLimitFile(const State& state, Index cgroup, absl::string_view name,
                                          size_t max_bytes) {
  const absl::optional<File> file = FileOf(cgroup == kRootCgroup, name);
  if (!file.has_value()) return FileNotFound(state.CgroupName(cgroup), name);
  std::unordered_map<Index, ByteCount> group_capacities;
  if (*file == File::kCapacity) group_capacities = GroupCapacities(state);
  std::string text;
  for (const bool groups : {false, true}) {
    for (Index r = state.scalars.first_region; r != kNone; r = state.regions[r].next) {
      const RegionRecord& region = state.regions[r];
      if (region.is_group != groups || region.is_gone) continue;
      if (*file == File::kCapacity) {
        const ByteCount capacity = region.is_group ? group_capacities[r] : region.capacity;
        absl::StrAppend(&text, region.name.view(), " ", capacity.value(), "\n");
      } else {
        const Index pool = state.FindPool(cgroup, r);
        const PageCounter counter = pool == kNone ? PageCounter() : state.pools[pool].counter;
        absl::StrAppend(&text, region.name.view(), " ", FormatLimit(ValueOf(counter, *file)), "\n");
      }
      if (text.size() > max_bytes) return TextTooLong(name, max_bytes);
    }
  }
  return text;
}

}  // namespace dmem
