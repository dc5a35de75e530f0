// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Ids of the charges that an agent makes: found again by what they are for, and never used twice.

#ifndef DMEMD_CLIENT_AGENT_BOOKS_CHARGE_IDS_H_
#define DMEMD_CLIENT_AGENT_BOOKS_CHARGE_IDS_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace dmem::client {

// How the ids of all charges of a pod in a region of its node begin: the same for ever, so that an
// agent that starts anew finds what it charged. At most 108 printable bytes, without "~".
std::string PodIdBase(absl::string_view pod_uid, absl::string_view local_region);
// The same of a charge of all the devices that it waits for.
std::string PodIdBase(absl::string_view pod_uid);
// The same of processes that are of no pod.
std::string HostIdBase(absl::string_view node, absl::string_view local_region);
// An id that was not used before: `base`, "~" and the time. At most 128 bytes.
std::string ChargeIdAt(absl::string_view base, absl::Time now);

// A hash that is the same for ever.
uint64_t StableIdHash(absl::string_view text);

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_BOOKS_CHARGE_IDS_H_
