// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// How it is known that memory is free.

#ifndef DMEMD_CLIENT_AGENT_BOOKS_EVIDENCE_H_
#define DMEMD_CLIENT_AGENT_BOOKS_EVIDENCE_H_

#include <set>
#include <string>

#include "client/agent/books/node_books.h"

namespace dmem::client {

// Why nothing that the pods (by uid; "" is what is of no pod) held is on the device any more, for
// people; empty: that is not known.
std::string EvidenceOf(const NodeSight& sight, const std::set<std::string>& owners,
                       const Device& device);

// "pod UID", or "it" for what is of no pod.
std::string PodInWords(const std::string& uid);

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_BOOKS_EVIDENCE_H_
