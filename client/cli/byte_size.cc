// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/cli/byte_size.h"

#include <algorithm>

#include "absl/numeric/int128.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"

namespace dmem::client {
namespace {

constexpr absl::string_view kPrefixes = "KMGTPE";

// More digits than this cannot be exact in 128 bits after multiplying by a unit (10^19 * 2^60 <
// 2^128).
constexpr size_t kDigitsMax = 19;

absl::Status Bad(absl::string_view text, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("size \"", text, "\" ", what));
}

absl::uint128 Power(uint64_t base, size_t exponent) {
  absl::uint128 result = 1;
  for (size_t i = 0; i < exponent; ++i) result *= base;
  return result;
}

// 0: there is no such unit.
absl::uint128 UnitOf(absl::string_view unit) {
  if (unit.empty() || unit == "B") return 1;
  const size_t prefix = unit[0] == 'k' ? 0 : kPrefixes.find(unit[0]);
  if (prefix == absl::string_view::npos) return 0;
  const absl::string_view rest = unit.substr(1);
  if (rest.empty() || rest == "B") return Power(1000, prefix + 1);
  if (unit[0] != 'k' && (rest == "i" || rest == "iB")) return Power(1024, prefix + 1);
  return 0;
}

}  // namespace

absl::StatusOr<uint64_t> ParseByteSize(absl::string_view text) {
  if (text == "max") return kUnlimitedBytes;
  if (text.empty()) return Bad(text, "is empty: write bytes or a unit, such as 8Gi, or max");
  if (text[0] == '-') return Bad(text, "is negative");

  // The digits without the point, without zeros at either end, and how many were after the point.
  std::string digits;
  size_t fraction = 0;
  bool point = false;
  bool any = false;
  size_t i = 0;
  for (; i < text.size() && (absl::ascii_isdigit(text[i]) || (text[i] == '.' && !point)); ++i) {
    if (text[i] == '.') {
      point = true;
      continue;
    }
    any = true;
    if (digits.empty() && text[i] == '0' && !point) continue;
    digits.push_back(text[i]);
    if (point) ++fraction;
  }
  if (!any)
    return Bad(text, "does not start with a number: write it like 8Gi, 512M, 1.5GiB or max");
  if (point && text[i - 1] == '.') return Bad(text, "has no digit after the point");
  const absl::string_view unit_text = text.substr(i);
  const absl::uint128 unit = UnitOf(unit_text);
  if (unit == 0) {
    return Bad(text, absl::StrCat("has the unknown unit \"", unit_text,
                                  "\": write K, M, G, T, P, E (powers of 10) or Ki, Mi, Gi, Ti, "
                                  "Pi, Ei (powers of 1024)"));
  }
  while (fraction > 0 && digits.back() == '0') {
    digits.pop_back();
    --fraction;
  }
  digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size()));
  if (digits.size() > kDigitsMax) {
    return Bad(text, fraction > 0 ? "has too many digits"
                                  : "is more than 9223372036854775807 bytes (2^63-1)");
  }
  absl::uint128 value = 0;
  for (const char digit : digits) value = value * 10 + static_cast<uint64_t>(digit - '0');
  value *= unit;
  if (value != 0) {
    // No unit divides by a power of 10 beyond this, times the digits: the value would not be whole.
    if (fraction > 38 || value % Power(10, fraction) != 0) {
      return Bad(text, "is not a whole number of bytes");
    }
    value /= Power(10, fraction);
  }
  if (value > kUnlimitedBytes) return Bad(text, "is more than 9223372036854775807 bytes (2^63-1)");
  return absl::Uint128Low64(value);
}

std::string FormatByteSize(uint64_t bytes) {
  if (bytes >= kUnlimitedBytes) return "max";
  if (bytes == 0) return "0";
  size_t exponent = 0;
  uint64_t unit = 1;
  while (exponent < kPrefixes.size() && bytes / unit >= 1024) {
    unit *= 1024;
    ++exponent;
  }
  if (exponent == 0) return absl::StrCat(bytes, "B");
  const std::string suffix = absl::StrCat(kPrefixes.substr(exponent - 1, 1), "iB");
  const absl::uint128 scaled = absl::uint128(bytes) * 100;
  const uint64_t hundredths = absl::Uint128Low64(scaled / unit);
  if (scaled % unit != 0) {
    return absl::StrFormat("%d.%02d%s", hundredths / 100, hundredths % 100, suffix);
  }
  if (hundredths % 100 == 0) return absl::StrCat(hundredths / 100, suffix);
  if (hundredths % 10 == 0) {
    return absl::StrFormat("%d.%d%s", hundredths / 100, hundredths % 100 / 10, suffix);
  }
  return absl::StrFormat("%d.%02d%s", hundredths / 100, hundredths % 100, suffix);
}

std::string FormatExactByteSize(uint64_t bytes) {
  const std::string shown = FormatByteSize(bytes);
  const absl::StatusOr<uint64_t> read = ParseByteSize(shown);
  if (!read.ok() || *read != bytes || bytes < 1024) {
    return bytes >= kUnlimitedBytes ? "max" : absl::StrCat(bytes);
  }
  return std::string(absl::StripSuffix(shown, "B"));
}

std::string FormatByteSizeAndBytes(uint64_t bytes) {
  if (bytes >= kUnlimitedBytes || bytes == 0) return FormatByteSize(bytes);
  if (bytes < 1024) return absl::StrCat(bytes, bytes == 1 ? " byte" : " bytes");
  return absl::StrCat(FormatByteSize(bytes), " (", bytes, " bytes)");
}

std::string FormatPercent(uint64_t part, uint64_t whole) {
  if (whole == 0 || whole >= kUnlimitedBytes) return "-";
  return absl::StrCat(absl::Uint128Low64(absl::uint128(part) * 100 / whole), "%");
}

}  // namespace dmem::client
