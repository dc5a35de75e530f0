// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_REGION_GROUPS_H_
#define DMEMD_CLIENT_AGENT_REGION_GROUPS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "client/agent/device_backend.h"

namespace dmem::client {

// OK if `text` is a group's name, in which {model} may stand for a device's model: printable ASCII
// without white space and @, at most 200 bytes with 50 for each model. INVALID_ARGUMENT otherwise,
// with why, beginning with a verb.
absl::Status CheckGroupTemplate(absl::string_view text);

// The groups that a new region of this device is to be in, from the inside out: the templates
// without those that name a model where none is known. In a model's name, white space, @, / and
// what is not printable ASCII become "-", and it ends after 50 bytes. A pure function.
// REQUIRES: CheckGroupTemplate holds for each template.
std::vector<std::string> GroupsOf(const std::vector<std::string>& templates, const Device& device);

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_REGION_GROUPS_H_
