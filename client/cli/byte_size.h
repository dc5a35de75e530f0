// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_CLI_BYTE_SIZE_H_
#define DMEMD_CLIENT_CLI_BYTE_SIZE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace dmem::client {

// "max": no limit. Also the largest amount that can be written.
inline constexpr uint64_t kUnlimitedBytes = 9223372036854775807u;  // 2^63-1

// What people mean by an amount of memory: a number of bytes, `max`, or a number with a unit. Units
// are K, M, G, T, P, E (powers of 10; k too) and Ki, Mi, Gi, Ti, Pi, Ei (powers of 1024), with or
// without a B after it, as in Kubernetes; B alone is bytes. A fraction is allowed where the result
// is whole: 1.5GiB. Never rounded.
//
// INVALID_ARGUMENT, naming the text and what is wrong with it: anything else, an amount that is not
// a whole number of bytes, or one above 2^63-1.
absl::StatusOr<uint64_t> ParseByteSize(absl::string_view text);

// For tables: in the largest binary unit that leaves 1 or more, with at most two digits after the
// point: 0, 512B, 1.5GiB, 80GiB, max. Exact where two digits can be; otherwise always two digits,
// cut off rather than rounded, so that 79.99GiB never reads as room for 80GiB.
std::string FormatByteSize(uint64_t bytes);

// For commands that are suggested: what ParseByteSize reads back as the same amount: 80Gi, 1.5Gi,
// 1234567.
std::string FormatExactByteSize(uint64_t bytes);

// For descriptions: FormatByteSize, with the exact number after it: "1.23GiB (1320702444 bytes)".
std::string FormatByteSizeAndBytes(uint64_t bytes);

// part of whole in percent, cut off: "87%". "-" where whole is 0 or unlimited.
std::string FormatPercent(uint64_t part, uint64_t whole);

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_CLI_BYTE_SIZE_H_
