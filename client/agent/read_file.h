// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_READ_FILE_H_
#define DMEMD_CLIENT_AGENT_READ_FILE_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"

namespace dmem::client {

// What is in a file, of /proc too, where a file's size is not known before it is read. Errors name
// the file and are those of the system (NOT_FOUND, PERMISSION_DENIED, ...); a process whose file it
// was and that ended is NOT_FOUND. OUT_OF_RANGE: there are more than `max_bytes`.
absl::StatusOr<std::string> ReadSmallFile(const std::string& path, size_t max_bytes);

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_READ_FILE_H_
