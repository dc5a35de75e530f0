// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_CLI_WHEN_H_
#define DMEMD_CLIENT_CLI_WHEN_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/timestamp.pb.h"

namespace dmem::client {

// A time as people type it, in UTC where no zone is said: "14:02" and "14:02:30" (the last time
// that it was so late), "2026-11-23", "2026-11-23T14:02", "2026-11-23T14:02:30.5", RFC 3339 with a
// zone, or how long ago: "90s", "10m", "24h".
absl::StatusOr<absl::Time> ParseWhen(const std::string& text, absl::Time now);

// To the microsecond, which is what the server keeps.
google::protobuf::Timestamp ToProto(absl::Time time);
absl::Time FromProto(const google::protobuf::Timestamp& time);

// "2026-11-23T14:02:30.000001Z".
std::string FormatWhen(absl::Time time);

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_CLI_WHEN_H_
