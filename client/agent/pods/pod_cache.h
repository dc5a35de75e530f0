// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_PODS_POD_CACHE_H_
#define DMEMD_CLIENT_AGENT_PODS_POD_CACHE_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/agent/pods/pod.h"

namespace dmem::client {

// What the answers of the API server add up to: pages of a list, then the events of a watch. No
// thread, no clock, no network.
class PodCache {
 public:
  // Reads one page of a list: begins a new one, or goes on with the one before. Returns the token
  // for the next page; empty: it was the last, and the cache now has what the list says.
  // INVALID_ARGUMENT: it is no list of pods; the cache has what it had.
  absl::StatusOr<std::string> AddPage(absl::string_view text, bool is_first);

  // Reads one line of a watch. OUT_OF_RANGE: the server does not have the changes since
  // resource_version() any more (410 Gone), so list again. UNAVAILABLE: the server ends the watch
  // with another error. INVALID_ARGUMENT: it is no event. Only OK changes anything.
  absl::Status ApplyEvent(absl::string_view line);

  // From where to watch.
  const std::string& resource_version() const { return resource_version_; }

  // In no particular order.
  std::vector<Pod> pods() const;

 private:
  std::map<std::string, Pod> pods_;  // By uid.
  std::string resource_version_;
  std::map<std::string, Pod> listed_;  // By the pages so far.
};

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_PODS_POD_CACHE_H_
