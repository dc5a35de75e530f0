// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/page_token.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "server/errors.h"

namespace dmem::server {

namespace {

// 64-bit FNV-1a: stable across versions and restarts, which tokens outlive.
uint64_t HashOf(absl::string_view listing, uint64_t cursor) {
  uint64_t hash = 0xcbf29ce484222325;
  const auto mix = [&hash](unsigned char byte) { hash = (hash ^ byte) * 0x100000001b3; };
  for (const char c : listing) mix(static_cast<unsigned char>(c));
  for (int i = 0; i < 8; ++i) mix(static_cast<unsigned char>(cursor >> (8 * i)));
  return hash;
}

}  // namespace

std::string MakePageToken(absl::string_view listing, uint64_t cursor) {
  return absl::StrFormat("%016x%016x", cursor, HashOf(listing, cursor));
}

absl::StatusOr<uint64_t> ParsePageToken(absl::string_view listing, absl::string_view token) {
  if (token.empty()) return 0;
  uint64_t cursor = 0;
  if (token.size() == 32 && absl::SimpleHexAtoi(token.substr(0, 16), &cursor) &&
      MakePageToken(listing, cursor) == token) {
    return cursor;
  }
  return InvalidField("page_token", token,
                      "a next_page_token of this listing with the same filters, given since the "
                      "server's last start");
}

}  // namespace dmem::server
