// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_WRITE_FILE_H_
#define DMEMD_CLIENT_AGENT_WRITE_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace dmem::client {

// Puts `text` in the place of what is in the file, which is made, with its directories, if it is
// not there: a reader sees the one or the other, whole. UNAVAILABLE, naming the file: it cannot be
// written; then it is as it was. It outlives this process, but not a power cut.
absl::Status WriteWholeFile(const std::string& path, absl::string_view text);

// The same in a directory that is there: none is made. What is to be in its place is in the file
// `next`, of the same directory, before.
absl::Status ReplaceFile(const std::string& path, const std::string& next, absl::string_view text);

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_WRITE_FILE_H_
