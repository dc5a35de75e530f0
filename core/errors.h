// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Errors of the core: code, words and facts of each, in one place.

#ifndef CORE_ERRORS_H_
#define CORE_ERRORS_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "core/commands.h"

namespace dmem {

// The facts of an error, beside its text. `reason` is a name of dmem.v1.ErrorReason.
struct ErrorFacts {
  std::string reason;
  std::vector<std::pair<std::string, std::string>> metadata;
};

// The facts that travel with `status`; an empty reason if it is not an error of dmemd.
ErrorFacts FactsOf(const absl::Status& status);
// An error with facts. For the named functions here and in server/errors.h only.
absl::Status MakeError(absl::StatusCode code, absl::string_view message, ErrorFacts facts);

}  // namespace dmem

#endif  // CORE_ERRORS_H_
