// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/identity/process_identity.h"

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "client/agent/read_file.h"

namespace dmem::client {
namespace {

// Some hundred bytes in practice, a path of at most 4 KiB for each of some 13 v1 hierarchies.
constexpr size_t kMaxFileBytes = size_t{64} * 1024;
constexpr size_t kMaxUidBytes = 128;

struct PodName {
  std::string uid;
  Qos qos;
};

struct ContainerName {
  std::string id;
  std::string runtime;
  bool is_helper;
};

bool IsUid(absl::string_view uid) {
  return !uid.empty() && uid.size() <= kMaxUidBytes &&
         std::all_of(uid.begin(), uid.end(),
                     [](char c) { return absl::ascii_isalnum(c) || c == '-'; });
}

// Runtimes under Kubernetes make ids of 64 hexadecimal digits. A few fewer are let through, but no
// name that people give to a service.
bool IsContainerId(absl::string_view id) {
  return id.size() >= 32 && id.size() <= 128 && std::all_of(id.begin(), id.end(), [](char c) {
           return absl::ascii_isdigit(c) || (c >= 'a' && c <= 'f');
         });
}

// systemd's driver puts the names of all parents into a slice's: kubelet-kubepods-burstable-podUID,
// with _ for each - of the UID. So what is before "kubepods" says only where kubelet's root is.
std::optional<PodName> PodOfSlice(absl::string_view component) {
  if (!absl::ConsumeSuffix(&component, ".slice")) return std::nullopt;
  const size_t pod = component.rfind("-pod");
  if (pod == absl::string_view::npos) return std::nullopt;
  absl::string_view parent = component.substr(0, pod);
  Qos qos = Qos::kGuaranteed;
  if (absl::ConsumeSuffix(&parent, "-burstable")) qos = Qos::kBurstable;
  if (absl::ConsumeSuffix(&parent, "-besteffort")) qos = Qos::kBestEffort;
  if (parent != "kubepods" && !absl::EndsWith(parent, "-kubepods")) return std::nullopt;
  std::string uid = absl::StrReplaceAll(component.substr(pod + 4), {{"_", "-"}});
  if (!IsUid(uid)) return std::nullopt;
  return PodName{std::move(uid), qos};
}

// cgroupfs's driver makes kubepods/burstable/podUID, and kubepods/podUID for a guaranteed pod.
std::optional<PodName> PodOfDirectory(absl::Span<const absl::string_view> parents,
                                      absl::string_view component) {
  if (!absl::ConsumePrefix(&component, "pod") || !IsUid(component) || parents.empty()) {
    return std::nullopt;
  }
  Qos qos = Qos::kGuaranteed;
  if (parents.back() == "burstable") qos = Qos::kBurstable;
  if (parents.back() == "besteffort") qos = Qos::kBestEffort;
  if (qos != Qos::kGuaranteed) parents.remove_suffix(1);
  if (parents.empty() || parents.back() != "kubepods") return std::nullopt;
  return PodName{std::string(component), qos};
}

// cri-containerd-ID.scope, crio-ID.scope, docker-ID.scope; crio-ID without systemd. `in_pod`: also
// a bare ID, which is what other runtimes make without systemd.
std::optional<ContainerName> ContainerOf(absl::string_view component, bool in_pod) {
  const bool is_scope = absl::ConsumeSuffix(&component, ".scope");
  std::string runtime;
  bool is_helper = false;
  if (absl::ConsumePrefix(&component, "cri-containerd-")) {
    runtime = "containerd";
  } else if (absl::ConsumePrefix(&component, "crio-conmon-")) {
    runtime = "cri-o";
    is_helper = true;
  } else if (absl::ConsumePrefix(&component, "crio-")) {
    runtime = "cri-o";
  } else if (is_scope && absl::ConsumePrefix(&component, "docker-")) {
    runtime = "docker";
  } else if (is_scope || !in_pod) {
    return std::nullopt;
  }
  if (!IsContainerId(component)) return std::nullopt;
  return ContainerName{std::string(component), std::move(runtime), is_helper};
}

std::string PathOf(absl::Span<const absl::string_view> components) {
  if (std::find(components.begin(), components.end(), "..") != components.end()) return "";
  return absl::StrCat("/", absl::StrJoin(components, "/"));
}

void SetContainer(const ContainerName& name, absl::Span<const absl::string_view> components,
                  ProcessIdentity& identity) {
  identity.is_runtime_helper = name.is_helper;
  identity.runtime = name.runtime;
  if (name.is_helper) return;
  identity.container_id = name.id;
  identity.container_cgroup = PathOf(components);
}

// With kubelet set to systemd and containerd not, runc takes the triple SLICE:PREFIX:ID that is
// meant for systemd as the name of one directory.
bool ReadTriple(absl::Span<const absl::string_view> components, ProcessIdentity& identity) {
  const std::vector<absl::string_view> parts = absl::StrSplit(components.back(), ':');
  if (parts.size() != 3) return false;
  const std::optional<PodName> pod = PodOfSlice(parts[0]);
  const std::optional<ContainerName> container =
      ContainerOf(absl::StrCat(parts[1], "-", parts[2]), /*in_pod=*/false);
  if (!pod || !container) return false;
  identity.pod_uid = pod->uid;
  identity.qos = pod->qos;
  SetContainer(*container, components, identity);
  return true;
}

// A container without a pod: a scope anywhere, or Docker's own directory. The outermost, as for
// pods.
void ReadHostContainer(absl::Span<const absl::string_view> components, ProcessIdentity& identity) {
  for (size_t i = 0; i < components.size(); ++i) {
    std::optional<ContainerName> container = ContainerOf(components[i], /*in_pod=*/false);
    if (!container && i > 0 && components[i - 1] == "docker" && IsContainerId(components[i])) {
      container = ContainerName{std::string(components[i]), "docker", false};
    }
    if (container) return SetContainer(*container, components.first(i + 1), identity);
  }
}

}  // namespace

absl::string_view QosName(Qos qos) {
  switch (qos) {
    case Qos::kGuaranteed:
      return "Guaranteed";
    case Qos::kBurstable:
      return "Burstable";
    case Qos::kBestEffort:
      return "BestEffort";
    case Qos::kUnknown:
      break;
  }
  return "";
}

Qos QosOf(absl::string_view name) {
  for (const Qos qos : {Qos::kGuaranteed, Qos::kBurstable, Qos::kBestEffort}) {
    if (name == QosName(qos)) return qos;
  }
  return Qos::kUnknown;
}

ProcessIdentity IdentityOfCgroup(absl::string_view path) {
  const std::vector<absl::string_view> all = absl::StrSplit(path, '/', absl::SkipEmpty());
  const absl::Span<const absl::string_view> components = all;
  ProcessIdentity identity;
  identity.cgroup = PathOf(components);
  for (size_t i = 0; i < components.size(); ++i) {
    if (ReadTriple(components.first(i + 1), identity)) return identity;
    std::optional<PodName> pod = PodOfSlice(components[i]);
    if (!pod) pod = PodOfDirectory(components.first(i), components[i]);
    if (!pod) continue;
    identity.pod_uid = pod->uid;
    identity.qos = pod->qos;
    identity.pod_cgroup = PathOf(components.first(i + 1));
    if (i + 1 < components.size()) {
      const auto container = ContainerOf(components[i + 1], /*in_pod=*/true);
      if (container) SetContainer(*container, components.first(i + 2), identity);
    }
    return identity;
  }
  ReadHostContainer(components, identity);
  return identity;
}

absl::StatusOr<ProcessIdentity> ParseProcCgroup(absl::string_view text) {
  using Rank = std::tuple<bool, bool, size_t, bool>;  // Of a pod, a container, length, v2.
  std::optional<std::pair<Rank, ProcessIdentity>> best;
  for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    // A v1 controller has no colon in its name; a path may.
    const std::vector<absl::string_view> parts = absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (parts.size() != 3 || !absl::StartsWith(parts[2], "/")) continue;
    absl::string_view path = parts[2];
    absl::ConsumeSuffix(&path, " (deleted)");  // The kernel's mark of a removed cgroup.
    ProcessIdentity identity = IdentityOfCgroup(path);
    const Rank rank(!identity.pod_uid.empty(), !identity.container_id.empty(), path.size(),
                    parts[1].empty());
    if (!best || rank > best->first) best.emplace(rank, std::move(identity));
  }
  if (!best) {
    return absl::InvalidArgumentError(absl::StrCat("no line is ID:CONTROLLERS:PATH in \"",
                                                   absl::CHexEscape(text.substr(0, 200)), "\""));
  }
  return std::move(best->second);
}

absl::StatusOr<ProcessIdentity> IdentityOfProcess(absl::string_view proc_root, int64_t pid) {
  const std::string path = absl::StrCat(proc_root, "/", pid, "/cgroup");
  const absl::StatusOr<std::string> text = ReadSmallFile(path, kMaxFileBytes);
  if (!text.ok()) return text.status();
  absl::StatusOr<ProcessIdentity> identity = ParseProcCgroup(*text);
  if (!identity.ok()) {
    // A process that ends while it is read leaves an empty file.
    if (text->empty()) return absl::NotFoundError(absl::StrCat(path, " is empty"));
    return absl::Status(identity.status().code(),
                        absl::StrCat(path, ": ", identity.status().message()));
  }
  return identity;
}

}  // namespace dmem::client
