// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/retry_loop.h"

#include <algorithm>
#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "client/error_facts.h"

namespace dmem::client {
namespace {

absl::Status WithReason(const absl::Status& status, absl::string_view reason) {
  absl::Status result(status.code(), absl::StrCat(status.message(), " (", reason, ")"));
  status.ForEachPayload([&result](absl::string_view type_url, const absl::Cord& payload) {
    result.SetPayload(type_url, payload);
  });
  return result;
}

}  // namespace

absl::Status RetryLoop(const RetryPolicy& policy, const RetryEnvironment& environment,
                       Idempotency idempotency,
                       absl::FunctionRef<absl::Status(absl::Duration timeout)> attempt) {
  const absl::Time deadline = environment.now() + policy.timeout;
  absl::Duration backoff = policy.backoff_initial;
  for (int attempts = 1;; ++attempts) {
    absl::Status status = attempt(deadline - environment.now());
    if (absl::IsDeadlineExceeded(status)) {
      return WithReason(status,
                        absl::StrCat("no answer within ", absl::FormatDuration(policy.timeout)));
    }
    if (!absl::IsUnavailable(status)) return status;
    if (idempotency == Idempotency::kNonIdempotent) {
      return WithReason(status, "not sent again: it may have taken effect");
    }
    if (attempts >= policy.attempts_max) {
      return WithReason(status, absl::StrCat("gave up after ", attempts,
                                             attempts == 1 ? " attempt" : " attempts"));
    }
    const absl::Duration asked = FactsOf(status).retry_delay.value_or(absl::ZeroDuration());
    const absl::Duration wait = std::max(asked, backoff * (1 - environment.chance() / 2));
    if (environment.now() + wait >= deadline) {
      return WithReason(
          status, absl::StrCat("gave up after ", attempts, attempts == 1 ? " attempt" : " attempts",
                               ": the next would be after the deadline of ",
                               absl::FormatDuration(policy.timeout)));
    }
    environment.sleep(wait);
    backoff = std::min(backoff * 2, policy.backoff_max);
  }
}

}  // namespace dmem::client
