// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_VERSION_H_
#define DMEMD_CLIENT_VERSION_H_

namespace dmem::client {

// Of the client library and dmemctl.
inline constexpr char kVersion[] = "0.1.0";

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_VERSION_H_
