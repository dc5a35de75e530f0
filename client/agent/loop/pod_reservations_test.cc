// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/loop/pod_reservations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/agent/books/pod_annotations.h"
#include "client/agent/testing/temp_directory.h"

namespace dmem::client {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

class PodReservationsTest : public ::testing::Test {
 protected:
  static SeenPod PodOf(const std::string& uid, const std::string& charge_id) {
    SeenPod seen;
    seen.pod.cgroup_uid = uid;
    if (!charge_id.empty()) seen.pod.annotations[kChargeAnnotation] = charge_id;
    return seen;
  }
  PodReservations Load() const { return PodReservations(root_.path() + "/state"); }

  TempDirectory root_;
};

TEST_F(PodReservationsTest, NextAgentKnowsWhatPodsNamedAlsoOfThoseThatAreGone) {
  PodReservations first = Load();
  EXPECT_TRUE(first.status().ok()) << first.status();
  first.Remember({PodOf("u1", "job 7\t~"), PodOf("u2", ""), PodOf("", "job-8")});
  EXPECT_TRUE(first.status().ok()) << first.status();
  EXPECT_THAT(Load().ids(), ElementsAre(Pair("u1", "job 7\t~")));
  first.Remember({PodOf("u3", "job-9")});
  EXPECT_THAT(Load().ids(), ElementsAre(Pair("u1", "job 7\t~"), Pair("u3", "job-9")));
  first.Remember({PodOf("u3", "job-10")});
  EXPECT_THAT(Load().ids(), ElementsAre(Pair("u1", "job 7\t~"), Pair("u3", "job-10")))
      << "the annotation as it is now";
}

TEST_F(PodReservationsTest, WhatIsNeededByNobodyIsForgottenInTheFileToo) {
  PodReservations ids = Load();
  ids.Remember({PodOf("u1", "job-1"), PodOf("u2", "job-2"), PodOf("u3", "job-3")});
  EXPECT_THAT(ids.IdsOfOthers({PodOf("u1", "job-1")}), ElementsAre("job-2", "job-3"));
  ids.End("job-1", "/ns/ml");
  ids.End("job-3", "/ns/ml");
  ids.Forget({PodOf("u1", "job-1")}, {"job-2"});
  EXPECT_THAT(ids.ids(), ElementsAre(Pair("u1", "job-1"), Pair("u2", "job-2")));
  EXPECT_THAT(ids.ended_ids(), ElementsAre(Pair("job-1", "/ns/ml")));
  EXPECT_THAT(Load().ids(), ElementsAre(Pair("u1", "job-1"), Pair("u2", "job-2")));
  ids.Forget({}, {});
  EXPECT_THAT(Load().ids(), IsEmpty());
  EXPECT_THAT(ids.ended_ids(), IsEmpty());
}

TEST_F(PodReservationsTest, TornOrForeignFileIsSaidAndWrittenAnew) {
  for (const char* text : {"something else\n", "dmem-agent reservations 1\nu1\tjob", ""}) {
    root_.Write("state/reservations", text);
    PodReservations ids = Load();
    EXPECT_EQ(ids.status().code(), absl::StatusCode::kDataLoss) << text;
    EXPECT_THAT(ids.ids(), IsEmpty());
    ids.Remember({});
    EXPECT_TRUE(ids.status().ok());
    EXPECT_TRUE(Load().status().ok());
  }
}

TEST_F(PodReservationsTest, WhatCannotBeKeptIsKnownAndTriedAgain) {
  root_.Write("state", "a file in the way");
  PodReservations ids = Load();
  ids.Remember({PodOf("u1", "job-1")});
  EXPECT_FALSE(ids.status().ok());
  EXPECT_THAT(ids.ids(), ElementsAre(Pair("u1", "job-1")));
  root_.Remove("state");
  ids.Remember({PodOf("u1", "job-1")});
  EXPECT_TRUE(ids.status().ok()) << ids.status();
  EXPECT_THAT(Load().ids(), ElementsAre(Pair("u1", "job-1")));
}

}  // namespace
}  // namespace dmem::client
