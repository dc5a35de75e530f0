// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/identity/pod_cgroups.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/agent/testing/temp_directory.h"
#include "gtest/gtest.h"

namespace dmem::client {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::SizeIs;

constexpr char kUid[] = "1858680e-b044-4fd5-9dd4-f137e30e2180";
const std::string kId = "0f6c9e5a8d7b4c3e2f1a0b9c8d7e6f504132a3b4c5d6e7f8091a2b3c4d5e6f70";

TEST(PodCgroupsTest, APodIsWhereEachDriverPutsItsClass) {
  EXPECT_THAT(*PodCgroupCandidates("/", kUid, Qos::kBurstable),
              ElementsAre("/kubepods.slice/kubepods-burstable.slice/"
                          "kubepods-burstable-pod1858680e_b044_4fd5_9dd4_f137e30e2180.slice",
                          "/kubepods/burstable/pod1858680e-b044-4fd5-9dd4-f137e30e2180"));
  EXPECT_THAT(*PodCgroupCandidates("/", kUid, Qos::kGuaranteed),
              ElementsAre("/kubepods.slice/"
                          "kubepods-pod1858680e_b044_4fd5_9dd4_f137e30e2180.slice",
                          "/kubepods/pod1858680e-b044-4fd5-9dd4-f137e30e2180"));
}

TEST(PodCgroupsTest, KubeletsRootGoesIntoEachSlicesName) {
  EXPECT_THAT(*PodCgroupCandidates("/kubelet", kUid, Qos::kBestEffort),
              ElementsAre("/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/"
                          "kubelet-kubepods-besteffort-pod1858680e_b044_4fd5_9dd4_f137e30e2180"
                          ".slice",
                          "/kubelet/kubepods/besteffort/pod1858680e-b044-4fd5-9dd4-f137e30e2180"));
}

TEST(PodCgroupsTest, OfAnUnknownClassEachIsACandidate) {
  EXPECT_THAT(*PodCgroupCandidates("/", kUid, Qos::kUnknown), SizeIs(6));
}

TEST(PodCgroupsTest, EachCandidateReadsBackAsItsPodAndContainer) {
  for (const char* root : {"/", "/kubelet", "/a/b"}) {
    for (const Qos qos : {Qos::kGuaranteed, Qos::kBurstable, Qos::kBestEffort}) {
      const absl::StatusOr<std::vector<std::string>> candidates =
          ContainerCgroupCandidates(root, kUid, qos, kId);
      ASSERT_TRUE(candidates.ok()) << candidates.status();
      EXPECT_THAT(*candidates, SizeIs(10));
      for (const std::string& path : *candidates) {
        const ProcessIdentity identity = IdentityOfCgroup(path);
        EXPECT_EQ(identity.pod_uid, kUid) << path;
        EXPECT_EQ(QosName(identity.qos), QosName(qos)) << path;
        EXPECT_EQ(identity.container_cgroup, path);
        EXPECT_EQ(identity.container_id, kId) << path;
        EXPECT_THAT(*PodCgroupCandidates(root, kUid, qos), Contains(identity.pod_cgroup));
      }
    }
  }
}

TEST(PodCgroupsTest, NamesThatCouldLeaveTheirDirectoryAreRefused) {
  const auto code = [](absl::string_view root, absl::string_view uid, absl::string_view id) {
    return ContainerCgroupCandidates(root, uid, Qos::kBurstable, id).status().code();
  };
  EXPECT_EQ(code("/", kUid, kId), absl::StatusCode::kOk);
  for (const char* bad : {"", "..", "a/b", "a b", "a\n"}) {
    EXPECT_EQ(code("/", bad, kId), absl::StatusCode::kInvalidArgument) << bad;
    EXPECT_EQ(code("/", kUid, bad), absl::StatusCode::kInvalidArgument) << bad;
  }
  EXPECT_EQ(code("/..", kUid, kId), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code("/a b", kUid, kId), absl::StatusCode::kInvalidArgument);
}

TEST(PodCgroupsTest, TheFirstThatIsADirectoryIsFound) {
  const TempDirectory root;
  const std::vector<std::string> candidates = {"/a", "/b/c", "/d"};
  EXPECT_EQ(FindCgroup(root.path(), candidates).status().code(), absl::StatusCode::kNotFound);
  root.Write("a", "a file");
  root.Write("b/c/dmem.max", "");
  root.Write("d/dmem.max", "");
  EXPECT_EQ(*FindCgroup(root.path(), candidates), "/b/c");
  EXPECT_EQ(FindCgroup(root.path(), {}).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace dmem::client
