// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// What people and schedulers say of a pod by its annotations.

#ifndef DMEMD_CLIENT_AGENT_BOOKS_POD_ANNOTATIONS_H_
#define DMEMD_CLIENT_AGENT_BOOKS_POD_ANNOTATIONS_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "client/agent/pods/pod.h"

namespace dmem::client {

// Amounts as ParseByteSize has them, for each device that the pod has.
inline constexpr char kLimitAnnotation[] = "dmemd/limit";      // Booked, and the most it may hold.
inline constexpr char kRequestAnnotation[] = "dmemd/request";  // Protected (low); default: none.
// The reservation that a scheduler made for the pod: committed once its devices are known.
inline constexpr char kChargeAnnotation[] = "dmemd/charge-id";

// All of them: docs/agent.md has each, and no other "dmemd/..." is read.
inline constexpr const char* kPodAnnotations[] = {kLimitAnnotation, kRequestAnnotation,
                                                  kChargeAnnotation};

// The amount that the annotation says. Absent: it is not there, or cannot be read.
std::optional<uint64_t> AnnotatedBytes(const Pod& pod, const char* annotation);

// One INVALID_ARGUMENT, which names the pod, for each annotation that cannot be read and each
// "dmemd/..." that does not exist.
std::vector<absl::Status> AnnotationProblems(const Pod& pod);

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_BOOKS_POD_ANNOTATIONS_H_
