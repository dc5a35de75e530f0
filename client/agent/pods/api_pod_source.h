// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_PODS_API_POD_SOURCE_H_
#define DMEMD_CLIENT_AGENT_PODS_API_POD_SOURCE_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "client/agent/pods/pod_source.h"

namespace dmem::client {

struct ApiPodSourceOptions {
  std::string url;                             // https://HOST:PORT, or http:// on this machine.
  std::string token_file;                      // Read again for each request; empty: none is sent.
  std::string ca_file;                         // Empty: the system's authorities.
  std::string node;                            // Whose pods.
  absl::Duration timeout = absl::Seconds(10);  // Of connecting and of a page of a list.
  absl::Duration watch_timeout = absl::Minutes(4);  // After which a watch begins anew.
  // Between attempts after a failure: doubled each time, less up to half of it by chance, so that
  // all nodes of a cluster do not come back to a server at once.
  absl::Duration backoff_min = absl::Seconds(1);
  absl::Duration backoff_max = absl::Seconds(30);
};

// Time and chance, called by the source's thread and by List.
struct ApiPodSourceEnvironment {
  std::function<absl::Time()> now;
  std::function<double()> chance;  // In [0, 1).
};

// The pods of one node from the API server, by list and watch on a thread of its own: GET
// /api/v1/pods with fieldSelector spec.nodeName, in pages of 500, then a watch from the list's
// resourceVersion on, with bookmarks. A watch that breaks off begins anew where it was; one that
// the server cannot go on with (410 Gone) begins with a new list.
//
// List answers at once with what has arrived; only the first waits, at most `timeout`, until a list
// is there or has failed. as_of is the time of the last word from the server, which may be minutes
// back on a quiet node: while status is OK the watch is open, and what happens arrives within
// moments. Statuses: UNAUTHENTICATED (401), PERMISSION_DENIED (403), UNAVAILABLE and others; each
// says which request failed and why.
std::unique_ptr<PodSource> MakeApiPodSource(ApiPodSourceOptions options,
                                            ApiPodSourceEnvironment environment);

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_PODS_API_POD_SOURCE_H_
