// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// ByteCount: an amount of device memory.

#ifndef CORE_BYTE_COUNT_H_
#define CORE_BYTE_COUNT_H_

#include <cstdint>
#include <limits>

#include "absl/types/optional.h"
#include "core/check.h"

namespace dmem {

// An amount of memory in bytes, 0 to 2^63-1. kUnlimited, the largest, is what "max" means for a
// limit; no usage ever reaches beyond it. Every operation that could leave the range is checked;
// there is no other arithmetic on bytes in the core.
//
// A value type; thread-compatible.
class ByteCount {
 public:
  constexpr ByteCount() = default;
  // REQUIRES: bytes <= kUnlimited.
  constexpr explicit ByteCount(uint64_t bytes) : bytes_(static_cast<int64_t>(bytes)) {}

  // Returns nullopt for an amount beyond 2^63-1.
  static constexpr absl::optional<ByteCount> FromUint64(uint64_t bytes) {
    if (bytes > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return absl::nullopt;
    return ByteCount(bytes);
  }

  constexpr uint64_t value() const { return static_cast<uint64_t>(bytes_); }
  constexpr bool is_unlimited() const { return bytes_ == std::numeric_limits<int64_t>::max(); }
  constexpr bool is_zero() const { return bytes_ == 0; }

  // Returns nullopt if the sum would pass 2^63-1.
  constexpr absl::optional<ByteCount> Plus(ByteCount other) const {
    int64_t sum = 0;
    if (__builtin_add_overflow(bytes_, other.bytes_, &sum)) return absl::nullopt;
    return ByteCount(static_cast<uint64_t>(sum));
  }

  // Returns nullopt if `other` is more than this.
  constexpr absl::optional<ByteCount> Minus(ByteCount other) const {
    if (other.bytes_ > bytes_) return absl::nullopt;
    return ByteCount(static_cast<uint64_t>(bytes_ - other.bytes_));
  }

  // REQUIRES: the sum is at most 2^63-1.
  ByteCount PlusChecked(ByteCount other) const {
    const uint64_t sum = value() + other.value();
    DMEM_CHECK(static_cast<int64_t>(sum) >= 0);
    return ByteCount(sum);
  }

  // REQUIRES: `other` is at most this.
  ByteCount MinusChecked(ByteCount other) const {
    DMEM_CHECK(other.bytes_ <= bytes_);
    return ByteCount(value() - other.value());
  }

  // Returns this - other, or 0 if `other` is more than this.
  constexpr ByteCount MinusOrZero(ByteCount other) const {
    return other.bytes_ > bytes_ ? ByteCount() : ByteCount(value() - other.value());
  }

  // Returns the sum, or kUnlimited if it would pass 2^63-1. For totals that are shown, never
  // enforced.
  constexpr ByteCount PlusSaturating(ByteCount other) const;

  // Returns this * n, or kUnlimited if it would pass 2^63-1.
  constexpr ByteCount TimesSaturating(uint64_t n) const;
  // Returns how many times `part` fits into this.
  // REQUIRES: part > 0.
  constexpr uint64_t HowMany(ByteCount part) const { return value() / part.value(); }

  // Returns floor(this * numerator / denominator), the product taken in 128 bits.
  // REQUIRES: denominator > 0 and the result is at most 2^63-1 (so whenever numerator <=
  // denominator).
  ByteCount MulDiv(ByteCount numerator, ByteCount denominator) const {
    DMEM_CHECK(denominator.bytes_ > 0);
    const unsigned __int128 product =
        static_cast<unsigned __int128>(value()) * static_cast<unsigned __int128>(numerator.value());
    const unsigned __int128 quotient = product / denominator.value();
    DMEM_CHECK(quotient <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max()));
    return ByteCount(static_cast<uint64_t>(quotient));
  }

  friend constexpr bool operator==(ByteCount a, ByteCount b) { return a.bytes_ == b.bytes_; }
  friend constexpr bool operator!=(ByteCount a, ByteCount b) { return a.bytes_ != b.bytes_; }
  friend constexpr bool operator<(ByteCount a, ByteCount b) { return a.bytes_ < b.bytes_; }
  friend constexpr bool operator<=(ByteCount a, ByteCount b) { return a.bytes_ <= b.bytes_; }
  friend constexpr bool operator>(ByteCount a, ByteCount b) { return a.bytes_ > b.bytes_; }
  friend constexpr bool operator>=(ByteCount a, ByteCount b) { return a.bytes_ >= b.bytes_; }

 private:
  int64_t bytes_ = 0;
};

inline constexpr ByteCount kUnlimited{static_cast<uint64_t>(std::numeric_limits<int64_t>::max())};

constexpr ByteCount ByteCount::PlusSaturating(ByteCount other) const {
  const absl::optional<ByteCount> sum = Plus(other);
  return sum.has_value() ? *sum : kUnlimited;
}

constexpr ByteCount ByteCount::TimesSaturating(uint64_t n) const {
  int64_t product = 0;
  return __builtin_mul_overflow(value(), n, &product) ? kUnlimited
                                                      : ByteCount(static_cast<uint64_t>(product));
}

constexpr ByteCount Min(ByteCount a, ByteCount b) { return a < b ? a : b; }
constexpr ByteCount Max(ByteCount a, ByteCount b) { return a < b ? b : a; }

}  // namespace dmem

#endif  // CORE_BYTE_COUNT_H_
