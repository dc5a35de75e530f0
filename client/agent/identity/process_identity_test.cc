// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/identity/process_identity.h"

#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/agent/testing/temp_directory.h"
#include "gtest/gtest.h"

namespace dmem::client {
namespace {

constexpr char kUid[] = "1858680e-b044-4fd5-9dd4-f137e30e2180";
constexpr char kUnderscored[] = "1858680e_b044_4fd5_9dd4_f137e30e2180";
const std::string kId = "0f6c9e5a8d7b4c3e2f1a0b9c8d7e6f504132a3b4c5d6e7f8091a2b3c4d5e6f70";
const std::string kInnerId = "ab12" + kId.substr(4);

struct Case {
  const char* what;
  std::string text;  // Of /proc/PID/cgroup.
  std::string uid;   // Expected, as all that follows.
  std::string container;
  std::string runtime;
  Qos qos = Qos::kUnknown;
  std::string pod_cgroup;
  std::string container_cgroup;
};

const std::string kSlices = absl::StrCat(
    "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod", kUnderscored, ".slice");
const std::string kScope = absl::StrCat(kSlices, "/cri-containerd-", kId, ".scope");
const std::string kDirectories = absl::StrCat("/kubepods/burstable/pod", kUid);
const std::string kKind = absl::StrCat(
    "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/"
    "kubelet-kubepods-besteffort-pod",
    kUnderscored, ".slice");

std::vector<Case> Cases() {
  return {
      {"containerd, systemd, v2", absl::StrCat("0::", kScope, "\n"), kUid, kId, "containerd",
       Qos::kBurstable, kSlices, kScope},
      {"a guaranteed pod",
       absl::StrCat("0::/kubepods.slice/kubepods-pod", kUnderscored, ".slice/cri-containerd-", kId,
                    ".scope\n"),
       kUid, kId, "containerd", Qos::kGuaranteed,
       absl::StrCat("/kubepods.slice/kubepods-pod", kUnderscored, ".slice"),
       absl::StrCat("/kubepods.slice/kubepods-pod", kUnderscored, ".slice/cri-containerd-", kId,
                    ".scope")},
      {"CRI-O, systemd, with the cgroup that crun makes inside",
       absl::StrCat("0::", kSlices, "/crio-", kId, ".scope/container\n"), kUid, kId, "cri-o",
       Qos::kBurstable, kSlices, absl::StrCat(kSlices, "/crio-", kId, ".scope")},
      {"Docker, systemd", absl::StrCat("0::", kSlices, "/docker-", kId, ".scope\n"), kUid, kId,
       "docker", Qos::kBurstable, kSlices, absl::StrCat(kSlices, "/docker-", kId, ".scope")},
      {"systemd running in the container", absl::StrCat("0::", kScope, "/init.scope\n"), kUid, kId,
       "containerd", Qos::kBurstable, kSlices, kScope},
      {"a service of a systemd in the container",
       absl::StrCat("0::", kScope, "/system.slice/nginx.service\n"), kUid, kId, "containerd",
       Qos::kBurstable, kSlices, kScope},
      {"cgroupfs, v2", absl::StrCat("0::", kDirectories, "/", kId, "\n"), kUid, kId, "",
       Qos::kBurstable, kDirectories, absl::StrCat(kDirectories, "/", kId)},
      {"cgroupfs, a guaranteed pod", absl::StrCat("0::/kubepods/pod", kUid, "/", kId, "\n"), kUid,
       kId, "", Qos::kGuaranteed, absl::StrCat("/kubepods/pod", kUid),
       absl::StrCat("/kubepods/pod", kUid, "/", kId)},
      {"cgroupfs, CRI-O", absl::StrCat("0::/kubepods/besteffort/pod", kUid, "/crio-", kId, "\n"),
       kUid, kId, "cri-o", Qos::kBestEffort, absl::StrCat("/kubepods/besteffort/pod", kUid),
       absl::StrCat("/kubepods/besteffort/pod", kUid, "/crio-", kId)},
      {"kind: kubelet's root is /kubelet",
       absl::StrCat("0::", kKind, "/cri-containerd-", kId, ".scope\n"), kUid, kId, "containerd",
       Qos::kBestEffort, kKind, absl::StrCat(kKind, "/cri-containerd-", kId, ".scope")},
      {"kind seen from the host of its node's container",
       absl::StrCat("0::/system.slice/docker-", kInnerId, ".scope", kKind, "/cri-containerd-", kId,
                    ".scope\n"),
       kUid, kId, "containerd", Qos::kBestEffort,
       absl::StrCat("/system.slice/docker-", kInnerId, ".scope", kKind),
       absl::StrCat("/system.slice/docker-", kInnerId, ".scope", kKind, "/cri-containerd-", kId,
                    ".scope")},
      {"a cluster in a pod: this node's kubelet knows the outer one",
       absl::StrCat("0::", kScope,
                    "/kubepods.slice/kubepods-podffffffff_0000_1111_2222_333333333333"
                    ".slice/cri-containerd-",
                    kInnerId, ".scope\n"),
       kUid, kId, "containerd", Qos::kBurstable, kSlices, kScope},
      {"a static pod: the uid is its config hash",
       absl::StrCat("0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod"
                    "b1e89a2fcc688644de3eb95aee8025ce.slice/cri-containerd-",
                    kId, ".scope\n"),
       "b1e89a2fcc688644de3eb95aee8025ce", kId, "containerd", Qos::kBurstable,
       "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod"
       "b1e89a2fcc688644de3eb95aee8025ce.slice",
       absl::StrCat("/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod"
                    "b1e89a2fcc688644de3eb95aee8025ce.slice/cri-containerd-",
                    kId, ".scope")},
      {"v1: any controller's line will do",
       absl::StrCat("13:devices:/\n12:memory:", kDirectories, "/", kId,
                    "\n11:cpu,cpuacct:/user.slice/user-1000.slice/session-99999999999.scope\n"
                    "1:name=systemd:/\n"),
       kUid, kId, "", Qos::kBurstable, kDirectories, absl::StrCat(kDirectories, "/", kId)},
      {"v1 and v2 beside each other: the longest path of a pod",
       absl::StrCat("12:pids:", kSlices, "\n11:memory:", kScope, "\n0::/\n"), kUid, kId,
       "containerd", Qos::kBurstable, kSlices, kScope},
      {"v1, kubelet with systemd and containerd without",
       absl::StrCat("11:memory:/system.slice/containerd.service/kubepods-burstable-pod",
                    kUnderscored, ".slice:cri-containerd:", kId, "\n"),
       kUid, kId, "containerd", Qos::kBurstable, "",
       absl::StrCat("/system.slice/containerd.service/kubepods-burstable-pod", kUnderscored,
                    ".slice:cri-containerd:", kId)},
      {"a removed cgroup", absl::StrCat("0::", kScope, " (deleted)\n"), kUid, kId, "containerd",
       Qos::kBurstable, kSlices, kScope},
      {"in the pod's own cgroup", absl::StrCat("0::", kSlices, "\n"), kUid, "", "", Qos::kBurstable,
       kSlices, ""},
      {"from another cgroup namespace: known, but not where",
       absl::StrCat("0::/../../kubepods-burstable-pod", kUnderscored, ".slice/cri-containerd-", kId,
                    ".scope\n"),
       kUid, kId, "containerd", Qos::kBurstable, "", ""},
      {"a service of the node", "0::/system.slice/sshd.service\n", "", "", "", Qos::kUnknown, "",
       ""},
      {"a user's session", "0::/user.slice/user-1000.slice/session-3.scope\n", "", "", "",
       Qos::kUnknown, "", ""},
      {"the root", "0::/\n", "", "", "", Qos::kUnknown, "", ""},
      {"kubelet itself", "0::/kubelet.slice/kubelet.service\n", "", "", "", Qos::kUnknown, "", ""},
      {"above all pods", "0::/kubepods.slice/kubepods-burstable.slice\n", "", "", "", Qos::kUnknown,
       "", ""},
      {"a directory that is only called like a pod", "0::/builds/podman/pod-1\n", "", "", "",
       Qos::kUnknown, "", ""},
      {"a slice that is only called like a pod", "0::/media-podcasts.slice/a.service\n", "", "", "",
       Qos::kUnknown, "", ""},
      {"Docker without Kubernetes", absl::StrCat("0::/system.slice/docker-", kId, ".scope\n"), "",
       kId, "docker", Qos::kUnknown, "", absl::StrCat("/system.slice/docker-", kId, ".scope")},
      {"Docker without Kubernetes, cgroupfs", absl::StrCat("0::/docker/", kId, "/init\n"), "", kId,
       "docker", Qos::kUnknown, "", absl::StrCat("/docker/", kId)},
      {"a scope that is only called like a container", "0::/system.slice/docker-compose.scope\n",
       "", "", "", Qos::kUnknown, "", ""},
  };
}

TEST(ProcessIdentityTest, ReadsTheLinesThatRuntimesAndDriversMake) {
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.what);
    const absl::StatusOr<ProcessIdentity> identity = ParseProcCgroup(c.text);
    ASSERT_TRUE(identity.ok()) << identity.status();
    EXPECT_EQ(identity->pod_uid, c.uid);
    EXPECT_EQ(identity->container_id, c.container);
    EXPECT_EQ(identity->runtime, c.runtime);
    EXPECT_EQ(QosName(identity->qos), QosName(c.qos));
    EXPECT_EQ(identity->pod_cgroup, c.pod_cgroup);
    EXPECT_EQ(identity->container_cgroup, c.container_cgroup);
    EXPECT_FALSE(identity->is_runtime_helper);
  }
}

TEST(ProcessIdentityTest, ConmonIsOfThePodAndInNoContainer) {
  for (const std::string& path : {absl::StrCat(kSlices, "/crio-conmon-", kId, ".scope"),
                                  absl::StrCat(kDirectories, "/crio-conmon-", kId)}) {
    const ProcessIdentity identity = IdentityOfCgroup(path);
    EXPECT_EQ(identity.pod_uid, kUid) << path;
    EXPECT_EQ(identity.container_id, "") << path;
    EXPECT_EQ(identity.container_cgroup, "") << path;
    EXPECT_TRUE(identity.is_runtime_helper) << path;
  }
}

TEST(ProcessIdentityTest, TheProcessesOwnCgroupIsKept) {
  EXPECT_EQ(IdentityOfCgroup(kScope + "/init.scope").cgroup, kScope + "/init.scope");
  EXPECT_EQ(IdentityOfCgroup("/").cgroup, "/");
  EXPECT_EQ(IdentityOfCgroup("/../a.service").cgroup, "");
}

TEST(ProcessIdentityTest, WithoutAPodV2sLineIsPreferredAmongPathsOfOneLength) {
  EXPECT_EQ(ParseProcCgroup("4:memory:/aaa\n0::/bbb\n")->cgroup, "/bbb");
  EXPECT_EQ(ParseProcCgroup("0::/bbb\n4:memory:/aaa\n")->cgroup, "/bbb");
  EXPECT_EQ(ParseProcCgroup("0::/\n4:memory:/aaa\n")->cgroup, "/aaa");
}

TEST(ProcessIdentityTest, APathMayHaveColons) {
  EXPECT_EQ(ParseProcCgroup("0::/a:b:c\n")->cgroup, "/a:b:c");
}

TEST(ProcessIdentityTest, TextWithoutALineIsRefused) {
  for (const char* text : {"", "\n", "0:/x\n", "garbage", "0::relative\n"}) {
    EXPECT_EQ(ParseProcCgroup(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(ProcessIdentityTest, QosNamesReadBack) {
  for (const Qos qos : {Qos::kUnknown, Qos::kGuaranteed, Qos::kBurstable, Qos::kBestEffort}) {
    EXPECT_EQ(QosOf(QosName(qos)), qos);
  }
  EXPECT_EQ(QosOf("guaranteed"), Qos::kUnknown);
}

TEST(ProcessIdentityTest, AProcessThatIsGoneIsNotFound) {
  const TempDirectory proc;
  EXPECT_EQ(IdentityOfProcess(proc.path(), 17).status().code(), absl::StatusCode::kNotFound);
  proc.Write("17/cgroup", "");
  EXPECT_EQ(IdentityOfProcess(proc.path(), 17).status().code(), absl::StatusCode::kNotFound);
}

TEST(ProcessIdentityTest, AProcessIsReadBelowTheRootGiven) {
  const TempDirectory proc;
  proc.Write("17/cgroup", absl::StrCat("0::", kScope, "\n"));
  const absl::StatusOr<ProcessIdentity> identity = IdentityOfProcess(proc.path(), 17);
  ASSERT_TRUE(identity.ok()) << identity.status();
  EXPECT_EQ(identity->pod_uid, kUid);
}

TEST(ProcessIdentityTest, AFileWithoutEndOrSenseNamesItself) {
  const TempDirectory proc;
  proc.Write("1/cgroup", std::string(70000, 'x'));
  proc.Write("2/cgroup", "nonsense\n");
  proc.Write("3/cgroup/directory", "");
  for (const int pid : {1, 2, 3}) {
    const absl::Status status = IdentityOfProcess(proc.path(), pid).status();
    EXPECT_FALSE(status.ok());
    EXPECT_NE(status.message().find(absl::StrCat(proc.path(), "/", pid, "/cgroup")),
              absl::string_view::npos)
        << status;
  }
}

TEST(ProcessIdentityTest, ThisTestsOwnProcessCanBeRead) {
  const absl::StatusOr<ProcessIdentity> identity = IdentityOfProcess("/proc", ::getpid());
  EXPECT_TRUE(identity.ok()) << identity.status();
}

}  // namespace
}  // namespace dmem::client
