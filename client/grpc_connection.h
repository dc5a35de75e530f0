// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_GRPC_CONNECTION_H_
#define DMEMD_CLIENT_GRPC_CONNECTION_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "client/connection.h"

namespace dmem::client {

// A connection to the dmemd at `server`, "HOST:PORT" or any other name that gRPC resolves, without
// TLS. Returns at once: the first call connects, and a server that is not there is UNAVAILABLE from
// each call. A connection that was lost is made anew by a later call.
//
// `actor` says in events who calls (printable ASCII); empty: the address that calls come from.
std::unique_ptr<Connection> MakeGrpcConnection(absl::string_view server,
                                               absl::string_view actor = "");

// The same with several servers of which one answers at a time (a standby is UNAVAILABLE): asks the
// one that answered last, and after an UNAVAILABLE the next in order. Client's attempts so go round
// them. REQUIRES: `servers` is not empty.
std::unique_ptr<Connection> MakeGrpcConnection(const std::vector<std::string>& servers,
                                               absl::string_view actor = "");

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_GRPC_CONNECTION_H_
