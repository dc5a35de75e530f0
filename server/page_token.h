// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef SERVER_PAGE_TOKEN_H_
#define SERVER_PAGE_TOKEN_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace dmem::server {

// Where a listing goes on: opaque to callers, and tied to the listing and its filters, so that a
// token of another one is refused rather than giving a wrong page. `listing` names both.
std::string MakePageToken(absl::string_view listing, uint64_t cursor);

// The cursor; 0 for the empty token. Errors: INVALID_ARGUMENT INVALID_FIELD for a token that
// MakePageToken did not make for this listing.
absl::StatusOr<uint64_t> ParsePageToken(absl::string_view listing, absl::string_view token);

}  // namespace dmem::server

#endif  // SERVER_PAGE_TOKEN_H_
