// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_CLI_EVENT_TEXT_H_
#define DMEMD_CLIENT_CLI_EVENT_TEXT_H_

#include <string>

#include "dmem/v1/events.pb.h"

namespace dmem::client {

// An event in a line, without a new line: its time (UTC), its sequence, who, and what:
// "2026-11-23T01:02:03.000004Z  17  anna  charged c1: 10GiB to /a in n1/gpu0".
std::string EventLine(const v1::Event& event);

// Whether what a region grants refused, and no limit of a cgroup.
bool IsOfRegion(const v1::Refusal& refusal);

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_CLI_EVENT_TEXT_H_
