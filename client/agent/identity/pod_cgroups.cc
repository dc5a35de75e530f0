// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/identity/pod_cgroups.h"

#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

namespace dmem::client {
namespace {

// Letters, digits and - make a name; with `dots` also . and _, but not . and .. themselves.
absl::Status CheckName(absl::string_view what, absl::string_view name, bool dots) {
  const bool fits = !name.empty() && name.size() <= 128 && name != "." && name != ".." &&
                    std::all_of(name.begin(), name.end(), [dots](char c) {
                      return absl::ascii_isalnum(c) || c == '-' || (dots && (c == '.' || c == '_'));
                    });
  if (fits) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(what, " \"", absl::CHexEscape(name.substr(0, 200)),
                                                 "\" cannot be part of a cgroup's path"));
}

// systemd's name of the slice whose parents, from the top, are `names`: a-b-c.slice lies in
// a-b.slice, which lies in a.slice.
std::string SlicePath(const std::vector<std::string>& names) {
  std::string path;
  std::string slice;
  for (const std::string& name : names) {
    absl::StrAppend(&slice, slice.empty() ? "" : "-", absl::StrReplaceAll(name, {{"-", "_"}}));
    absl::StrAppend(&path, "/", slice, ".slice");
  }
  return path;
}

std::string DirectoryPath(const std::vector<std::string>& names) {
  return absl::StrCat("/", absl::StrJoin(names, "/"));
}

std::vector<Qos> ClassesOf(Qos qos) {
  if (qos != Qos::kUnknown) return {qos};
  return {Qos::kGuaranteed, Qos::kBurstable, Qos::kBestEffort};
}

}  // namespace

absl::StatusOr<std::vector<std::string>> PodCgroupCandidates(absl::string_view kubelet_root,
                                                             absl::string_view uid, Qos qos) {
  const std::vector<std::string> root = absl::StrSplit(kubelet_root, '/', absl::SkipEmpty());
  absl::Status status = CheckName("the pod uid", uid, /*dots=*/false);
  for (const std::string& name : root) {
    if (status.ok()) status = CheckName("kubelet's cgroup root", name, /*dots=*/true);
  }
  if (!status.ok()) return status;
  std::vector<std::string> slices;
  std::vector<std::string> directories;
  for (const Qos each : ClassesOf(qos)) {
    std::vector<std::string> names = root;
    names.push_back("kubepods");
    // A guaranteed pod's parent is kubepods itself.
    if (each != Qos::kGuaranteed) names.push_back(absl::AsciiStrToLower(QosName(each)));
    names.push_back(absl::StrCat("pod", uid));
    slices.push_back(SlicePath(names));
    directories.push_back(DirectoryPath(names));
  }
  slices.insert(slices.end(), directories.begin(), directories.end());
  return slices;
}

absl::StatusOr<std::vector<std::string>> ContainerCgroupCandidates(absl::string_view kubelet_root,
                                                                   absl::string_view uid, Qos qos,
                                                                   absl::string_view container_id) {
  if (absl::Status status = CheckName("the container id", container_id, /*dots=*/true);
      !status.ok()) {
    return status;
  }
  absl::StatusOr<std::vector<std::string>> pods = PodCgroupCandidates(kubelet_root, uid, qos);
  if (!pods.ok()) return pods.status();
  std::vector<std::string> candidates;
  for (const std::string& pod : *pods) {
    for (const char* prefix : {"cri-containerd-", "crio-", "docker-"}) {
      candidates.push_back(absl::StrCat(pod, "/", prefix, container_id, ".scope"));
    }
    candidates.push_back(absl::StrCat(pod, "/", container_id));
    candidates.push_back(absl::StrCat(pod, "/crio-", container_id));
  }
  return candidates;
}

absl::StatusOr<std::string> FindCgroup(absl::string_view cgroup_root,
                                       const std::vector<std::string>& candidates) {
  for (const std::string& candidate : candidates) {
    struct stat info;
    const std::string path = absl::StrCat(cgroup_root, candidate);
    if (::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) return candidate;
  }
  return absl::NotFoundError(absl::StrCat("none of ", candidates.size(), " directories exists in ",
                                          cgroup_root, ", the first of them ",
                                          candidates.empty() ? "" : candidates.front()));
}

}  // namespace dmem::client
