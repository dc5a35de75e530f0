// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_PODS_FILE_POD_SOURCE_H_
#define DMEMD_CLIENT_AGENT_PODS_FILE_POD_SOURCE_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/agent/pods/pod_source.h"

namespace dmem::client {

// A JSON file of at most 16 MiB: what PodsOfJson reads. It is read at each List, so replace it
// atomically (write another, rename). Of it, the pods of `node` and those of no node.
//
// A snapshot's status names the file: NOT_FOUND and others, it cannot be read; INVALID_ARGUMENT, it
// is no list of pods. The last good list stays.
std::unique_ptr<PodSource> MakeFilePodSource(const std::string& path, absl::string_view node,
                                             std::function<absl::Time()> now);

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_PODS_FILE_POD_SOURCE_H_
