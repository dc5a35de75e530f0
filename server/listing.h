// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// What all listings share.

#ifndef SERVER_LISTING_H_
#define SERVER_LISTING_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/state.h"
#include "server/page_token.h"
#include "server/validation.h"

namespace dmem::server {

inline size_t PageSize(int32_t requested) {
  return requested == 0 ? static_cast<size_t>(kPageSizeMax) : static_cast<size_t>(requested);
}

// Names of filters cannot hold a line's end, so this tells listings apart.
inline std::string ListingName(absl::string_view method, absl::string_view a = "",
                               absl::string_view b = "", absl::string_view c = "") {
  return absl::StrCat(method, "\n", a, "\n", b, "\n", c);
}

// Of a listing that is paged by index, which means something until the next start only.
inline std::string IndexListingName(const State& state, absl::string_view method,
                                    absl::string_view a = "", absl::string_view b = "",
                                    absl::string_view c = "") {
  return absl::StrCat(state.scalars.layout, "\n", ListingName(method, a, b, c));
}

inline absl::StatusOr<Index> ParseIndexToken(absl::string_view listing, absl::string_view token) {
  const absl::StatusOr<uint64_t> cursor = ParsePageToken(listing, token);
  if (!cursor.ok()) return cursor.status();
  return static_cast<Index>(*cursor);
}

}  // namespace dmem::server

#endif  // SERVER_LISTING_H_
