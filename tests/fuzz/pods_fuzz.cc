// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Lists of pods, with the annotations that mean something to the agent, and what stands for
// devices.

#include <vector>

#include "client/agent/books/pod_annotations.h"
#include "client/agent/fake/documents.h"
#include "client/agent/mapping.h"
#include "client/agent/pods/pod_json.h"
#include "nlohmann/json.hpp"
#include "tests/fuzz/fail.h"
#include "tests/fuzz/fuzz_target.h"

namespace {

using dmem::client::Pod;

void TryPods(const nlohmann::json& json) {
  const absl::StatusOr<std::vector<Pod>> pods = dmem::client::PodsOfJson(json);
  if (!pods.ok()) return;
  for (const Pod& pod : *pods) {
    if (pod.uid.empty()) dmem::fuzz::Fail("a pod without a uid");
    (void)dmem::client::AnnotationProblems(pod);
    for (const char* annotation : dmem::client::kPodAnnotations) {
      (void)dmem::client::AnnotatedBytes(pod, annotation);
    }
    (void)dmem::client::MapPod(dmem::client::DefaultMappingRules(), pod);
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::StatusOr<nlohmann::json> json =
      dmem::client::ParseJson({reinterpret_cast<const char*>(data), size});
  if (!json.ok()) return 0;
  TryPods(*json);
  (void)dmem::client::ParseDevice(*json, dmem::client::MemoryOverrides(), "fuzz");
  (void)dmem::client::ParseStandingLimit(*json, "fuzz");
  dmem::client::SeenProcesses seen;
  dmem::client::Usage usage;
  (void)dmem::client::AddUsage(*json, "fuzz", seen, usage);
  return 0;
}
