// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef SERVER_MAKE_STORE_H_
#define SERVER_MAKE_STORE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "server/config.h"
#include "server/store/store.h"

namespace dmem::server {

// The store that the configuration names, not recovered yet. Errors: FAILED_PRECONDITION if its
// directory cannot be made.
absl::StatusOr<std::unique_ptr<Store>> MakeStore(const Config& config);

}  // namespace dmem::server

#endif  // SERVER_MAKE_STORE_H_
