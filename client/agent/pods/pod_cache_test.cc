// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/pods/pod_cache.h"

#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"

namespace dmem::client {
namespace {

std::string PodText(const std::string& uid, const std::string& version,
                    const std::string& phase = "Running") {
  return absl::StrCat(R"({"metadata": {"namespace": "ml", "name": "pod-)", uid, R"(", "uid": ")",
                      uid, R"(", "resourceVersion": ")", version, R"("}, "status": {"phase": ")",
                      phase, R"("}})");
}

std::string Page(const std::vector<std::string>& pods, const std::string& version,
                 const std::string& next) {
  return absl::StrCat(R"({"kind": "PodList", "metadata": {"resourceVersion": ")", version,
                      R"(", "continue": ")", next, R"("}, "items": [)", absl::StrJoin(pods, ","),
                      "]}");
}

std::string Event(const std::string& type, const std::string& object) {
  return absl::StrCat(R"({"type": ")", type, R"(", "object": )", object, "}");
}

class PodCacheTest : public ::testing::Test {
 protected:
  // Lists pods a and b at version 10.
  PodCacheTest() {
    EXPECT_EQ(*cache_.AddPage(Page({PodText("a", "3"), PodText("b", "4")}, "10", ""), true), "");
  }
  std::string Uids() const {
    std::set<std::string> uids;
    for (const Pod& pod : cache_.pods()) uids.insert(pod.uid);
    return absl::StrJoin(uids, " ");
  }

  PodCache cache_;
};

TEST_F(PodCacheTest, AListIsWhatThereIs) {
  EXPECT_EQ(Uids(), "a b");
  EXPECT_EQ(cache_.resource_version(), "10");
  EXPECT_EQ(*cache_.AddPage(Page({PodText("c", "11")}, "12", ""), true), "");
  EXPECT_EQ(Uids(), "c");
  EXPECT_EQ(cache_.resource_version(), "12");
}

TEST_F(PodCacheTest, PagesCountWhenTheLastIsThere) {
  EXPECT_EQ(*cache_.AddPage(Page({PodText("c", "11")}, "20", "t1"), true), "t1");
  EXPECT_EQ(*cache_.AddPage(Page({PodText("d", "12")}, "20", "t2"), false), "t2");
  EXPECT_EQ(Uids(), "a b");
  EXPECT_EQ(cache_.resource_version(), "10");
  EXPECT_EQ(*cache_.AddPage(Page({PodText("e", "13")}, "20", ""), false), "");
  EXPECT_EQ(Uids(), "c d e");
  EXPECT_EQ(cache_.resource_version(), "20");
}

TEST_F(PodCacheTest, PagesOfAListThatWasGivenUpAreForgotten) {
  EXPECT_TRUE(cache_.AddPage(Page({PodText("c", "11")}, "20", "t1"), true).ok());
  EXPECT_TRUE(cache_.AddPage(Page({PodText("d", "12")}, "21", ""), true).ok());
  EXPECT_EQ(Uids(), "d");
}

TEST_F(PodCacheTest, EventsAddChangeAndDelete) {
  EXPECT_TRUE(cache_.ApplyEvent(Event("ADDED", PodText("c", "11"))).ok());
  EXPECT_EQ(Uids(), "a b c");
  EXPECT_TRUE(cache_.ApplyEvent(Event("DELETED", PodText("a", "12"))).ok());
  EXPECT_EQ(Uids(), "b c");
  EXPECT_TRUE(cache_.ApplyEvent(Event("MODIFIED", PodText("b", "13", "Failed"))).ok());
  EXPECT_EQ(cache_.resource_version(), "13");
  for (const Pod& pod : cache_.pods()) EXPECT_EQ(HasEnded(pod), pod.uid == "b");
}

TEST_F(PodCacheTest, ABookmarkOnlyMovesTheVersion) {
  EXPECT_TRUE(
      cache_.ApplyEvent(Event("BOOKMARK", R"({"metadata": {"resourceVersion": "99"}})")).ok());
  EXPECT_EQ(Uids(), "a b");
  EXPECT_EQ(cache_.resource_version(), "99");
}

TEST_F(PodCacheTest, GoneIsToldFromOtherErrors) {
  EXPECT_EQ(cache_
                .ApplyEvent(Event("ERROR", R"({"kind": "Status", "code": 410, "reason": "Expired",
                                               "message": "too old resource version"})"))
                .code(),
            absl::StatusCode::kOutOfRange);
  const absl::Status other =
      cache_.ApplyEvent(Event("ERROR", R"({"code": 500, "message": "etcd is down"})"));
  EXPECT_EQ(other.code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(other.message().find("etcd is down"), absl::string_view::npos);
  EXPECT_EQ(cache_.ApplyEvent(Event("ERROR", "[]")).code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Uids(), "a b");
  EXPECT_EQ(cache_.resource_version(), "10");
}

TEST_F(PodCacheTest, WhatIsNoEventChangesNothing) {
  for (const std::string& line :
       {std::string("{"), std::string("[]"), std::string("{}"), Event("ADDED", "{}"),
        Event("ADDED", R"({"metadata": {"resourceVersion": "11"}})"),
        Event("DELETED", R"({"metadata": {"uid": "a"}})"), Event("RENAMED", PodText("a", "11")),
        Event("BOOKMARK", "{}")}) {
    EXPECT_EQ(cache_.ApplyEvent(line).code(), absl::StatusCode::kInvalidArgument) << line;
  }
  EXPECT_EQ(Uids(), "a b");
  EXPECT_EQ(cache_.resource_version(), "10");
}

TEST_F(PodCacheTest, WhatIsNoListChangesNothing) {
  for (const char* text : {"{", "{}", R"({"items": []})", R"({"items": [{}]})",
                           R"({"metadata": {"resourceVersion": "11"}})"}) {
    EXPECT_EQ(cache_.AddPage(text, true).status().code(), absl::StatusCode::kInvalidArgument)
        << text;
  }
  EXPECT_EQ(Uids(), "a b");
}

}  // namespace
}  // namespace dmem::client
