// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_MAPPING_H_
#define DMEMD_CLIENT_AGENT_MAPPING_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/agent/pods/pod.h"

namespace dmem::client {

// One way from a pod to the tenant cgroup that its memory is charged to. It applies if all of its
// conditions hold, and the pod has everything that the template names.
struct MappingRule {
  // Patterns: text in which * stands for any number of any characters. Of `namespaces` one must
  // match (none given: any will do); of `labels` and `annotations` every key must be there with a
  // value that matches.
  std::vector<std::string> namespaces;
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> annotations;
  // The cgroup: an absolute path with the placeholders {namespace}, {name}, {uid}, {node},
  // {label:KEY} and {annotation:KEY}. Each gives a part of one component, never more of them.
  std::string cgroup;
};

// OK if `cgroup` is a template as above: placeholders that there are; other text that is printable
// ASCII without white space, % and braces; no component empty, "." or ".." or beginning with "@";
// at most 32 components, of at most 255 bytes without what placeholders give. INVALID_ARGUMENT
// otherwise, with why.
absl::Status CheckCgroupTemplate(absl::string_view cgroup);

// What is used without configuration: /kueue/{label:kueue.x-k8s.io/cluster-queue-name}, and
// /ns/{namespace} for pods without that label.
std::vector<MappingRule> DefaultMappingRules();

struct MappedCgroup {
  std::string cgroup;
  int rule = -1;  // Index of the rule that applied; -1: none, and the cgroup is under /unmapped.
};

// The tenant cgroup of `pod`, by the first rule that applies. None: /unmapped/ns/NAMESPACE, or
// /unmapped/pod/UID for a pod of which only the uid is known: nothing is ever dropped. A rule whose
// path would be longer than dmemd takes (255 bytes a component, 1,024 in all) does not apply. A
// pure function. REQUIRES: CheckCgroupTemplate holds for each rule; pod has a namespace or a
// cgroup_uid.
MappedCgroup MapPod(const std::vector<MappingRule>& rules, const Pod& pod);

// What processes of no pod are charged to.
inline constexpr char kUnmappedHostCgroup[] = "/unmapped/host";

// A value as it appears in a component of a cgroup's path. Printable ASCII stays as it is, but for
// %, / and an @ in front; every other byte is %XX, with capital digits. "." and ".." are %2E and
// %2E%2E. Two values never give the same text. REQUIRES: `value` is not empty.
std::string EncodeCgroupComponent(absl::string_view value);

// The reverse. INVALID_ARGUMENT: a % without two capital hexadecimal digits after it.
absl::StatusOr<std::string> DecodeCgroupComponent(absl::string_view component);

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_MAPPING_H_
