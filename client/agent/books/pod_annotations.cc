// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/books/pod_annotations.h"

#include <algorithm>
#include <iterator>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "client/cli/byte_size.h"

namespace dmem::client {
namespace {

constexpr char kAnnotationPrefix[] = "dmemd/";

bool IsKnown(absl::string_view key) {
  return std::find(std::begin(kPodAnnotations), std::end(kPodAnnotations), key) !=
         std::end(kPodAnnotations);
}

}  // namespace

std::optional<uint64_t> AnnotatedBytes(const Pod& pod, const char* annotation) {
  const auto it = pod.annotations.find(annotation);
  if (it == pod.annotations.end()) return std::nullopt;
  const absl::StatusOr<uint64_t> bytes = ParseByteSize(it->second);
  return bytes.ok() ? std::optional<uint64_t>(*bytes) : std::nullopt;
}

std::vector<absl::Status> AnnotationProblems(const Pod& pod) {
  std::vector<absl::Status> problems;
  for (const auto& [key, value] : pod.annotations) {
    std::string why;
    if (key == kLimitAnnotation || key == kRequestAnnotation) {
      const absl::Status status = ParseByteSize(value).status();
      if (!status.ok()) why = absl::StrCat("is not an amount of bytes: ", status.message());
    } else if (absl::StartsWith(key, kAnnotationPrefix) && !IsKnown(key)) {
      why = absl::StrCat("is not known; there are ", kLimitAnnotation, ", ", kRequestAnnotation,
                         " and ", kChargeAnnotation);
    }
    if (why.empty()) continue;
    problems.push_back(absl::InvalidArgumentError(
        absl::StrCat("annotation ", key, " of pod ", pod.name_space, "/", pod.name, " ", why)));
  }
  return problems;
}

}  // namespace dmem::client
