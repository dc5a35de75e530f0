// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/config/about_key.h"

#include "absl/strings/str_cat.h"

namespace dmem::client {

absl::Status AboutKey(absl::string_view key, absl::string_view value, const absl::Status& status) {
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat(key, " \"", value, "\": ", status.message()));
}

}  // namespace dmem::client
