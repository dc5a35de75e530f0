// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef SERVER_FILE_H_
#define SERVER_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace dmem::server {

// Makes `path` hold `contents`: readers see the old file or the new one, never a part.
// Errors: FAILED_PRECONDITION, naming the path and the system's reason.
absl::Status WriteFileAtomically(const std::string& path, absl::string_view contents);

// Makes the directory; OK if it is there. Errors: as above.
absl::Status EnsureDirectory(const std::string& path);

}  // namespace dmem::server

#endif  // SERVER_FILE_H_
