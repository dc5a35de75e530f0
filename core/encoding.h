// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// The byte encoding of what the core stores: little-endian varints and strings with their length.

#ifndef CORE_ENCODING_H_
#define CORE_ENCODING_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace dmem {

class Encoder {
 public:
  explicit Encoder(std::string* out) : out_(out) {}

  void Uint(uint64_t value) {
    while (value >= 0x80) {
      out_->push_back(static_cast<char>(value | 0x80));
      value >>= 7;
    }
    out_->push_back(static_cast<char>(value));
  }
  // Zigzag, so that small negative numbers stay short.
  void Int(int64_t value) {
    Uint((static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63));
  }
  void Bool(bool value) { out_->push_back(value ? 1 : 0); }
  void String(absl::string_view text) {
    Uint(text.size());
    out_->append(text.data(), text.size());
  }
  // Eight bytes, most significant first, so that encoded keys sort as numbers.
  void BigEndian(uint64_t value) {
    for (int shift = 56; shift >= 0; shift -= 8) out_->push_back(static_cast<char>(value >> shift));
  }

 private:
  std::string* out_;
};

// Reads what an Encoder wrote. After anything malformed `ok()` is false and all values read are
// zero or empty.
class Decoder {
 public:
  explicit Decoder(absl::string_view in) : in_(in) {}

  bool ok() const { return ok_; }
  bool done() const { return ok_ && in_.empty(); }

  uint64_t Uint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (in_.empty()) return Fail();
      const uint8_t byte = static_cast<uint8_t>(in_.front());
      in_.remove_prefix(1);
      if (shift == 63 && byte > 1) return Fail();
      value |= uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80) return value;
    }
    return Fail();
  }
  int64_t Int() {
    const uint64_t raw = Uint();
    return static_cast<int64_t>((raw >> 1) ^ (~(raw & 1) + 1));
  }
  bool Bool() {
    const uint64_t value = Uint();
    return value <= 1 ? value == 1 : Fail() != 0;
  }
  absl::string_view String() {
    const uint64_t size = Uint();
    if (!ok_ || size > in_.size()) {
      Fail();
      return absl::string_view();
    }
    const absl::string_view text = in_.substr(0, size);
    in_.remove_prefix(size);
    return text;
  }
  uint64_t BigEndian() {
    if (in_.size() < 8) return Fail();
    uint64_t value = 0;
    for (int i = 0; i < 8; ++i) value = (value << 8) | static_cast<uint8_t>(in_[i]);
    in_.remove_prefix(8);
    return value;
  }

 private:
  uint64_t Fail() {
    ok_ = false;
    in_ = absl::string_view();
    return 0;
  }

  absl::string_view in_;
  bool ok_ = true;
};

}  // namespace dmem

#endif  // CORE_ENCODING_H_
