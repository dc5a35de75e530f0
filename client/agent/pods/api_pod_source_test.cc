// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/pods/api_pod_source.h"

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "client/agent/pods/testing/fake_api_server.h"
#include "client/agent/testing/temp_directory.h"
#include "gtest/gtest.h"

namespace dmem::client {
namespace {

std::string PodText(const std::string& name, const std::string& version) {
  return absl::StrCat(R"({"metadata": {"namespace": "ml", "name": ")", name, R"(", "uid": "u-)",
                      name, R"(", "resourceVersion": ")", version, R"("}})");
}

std::string ListText(const std::vector<std::string>& names, const std::string& version,
                     const std::string& next = "") {
  std::vector<std::string> pods;
  pods.reserve(names.size());
  for (const std::string& name : names) pods.push_back(PodText(name, "1"));
  return absl::StrCat(R"({"metadata": {"resourceVersion": ")", version, R"(", "continue": ")", next,
                      R"("}, "items": [)", absl::StrJoin(pods, ","), "]}");
}

std::string Event(const std::string& type, const std::string& object) {
  return absl::StrCat(R"({"type": ")", type, R"(", "object": )", object, "}\n");
}

// The request line of a head.
std::string LineOf(const std::string& head) { return head.substr(0, head.find("\r\n")); }

class ApiPodSourceTest : public ::testing::Test {
 protected:
  ApiPodSourceTest() {
    directory_.Write("token", "first-token\n");
    options_.url = server_.url();
    options_.token_file = directory_.path() + "/token";
    options_.node = "node-17";
    options_.timeout = absl::Seconds(60);
    options_.watch_timeout = absl::Seconds(240);
    options_.backoff_min = absl::Milliseconds(1);
    options_.backoff_max = absl::Milliseconds(2);
  }

  void Start() {
    source_ = MakeApiPodSource(options_, {absl::Now, [] { return 0.0; }});
  }

  // "a b c": the names of the pods of the snapshot.
  static std::string Names(const PodSnapshot& snapshot) {
    std::vector<std::string> names;
    for (const Pod& pod : snapshot.pods) names.push_back(pod.name);
    return absl::StrJoin(names, " ");
  }

  // Lists until `holds`, for at most a minute.
  PodSnapshot ListUntil(const std::function<bool(const PodSnapshot&)>& holds) {
    const absl::Time deadline = absl::Now() + absl::Minutes(1);
    PodSnapshot snapshot = source_->List();
    while (!holds(snapshot) && absl::Now() < deadline) {
      std::this_thread::yield();
      snapshot = source_->List();
    }
    EXPECT_TRUE(holds(snapshot)) << Names(snapshot) << " " << snapshot.status;
    return snapshot;
  }
  PodSnapshot ListUntilNames(const std::string& names) {
    return ListUntil([&names](const PodSnapshot& snapshot) { return Names(snapshot) == names; });
  }

  TempDirectory directory_;
  FakeApiServer server_;  // Outlives the source, whose last request it still has.
  ApiPodSourceOptions options_;
  std::unique_ptr<PodSource> source_;
};

TEST_F(ApiPodSourceTest, ThePodsOfOneNodeAreListedThenWatched) {
  server_.Answer(200, ListText({"b", "a"}, "10"));
  server_.Open();
  Start();
  const PodSnapshot snapshot = source_->List();
  ASSERT_TRUE(snapshot.status.ok()) << snapshot.status;
  EXPECT_EQ(Names(snapshot), "a b");
  EXPECT_LE(snapshot.as_of, absl::Now());
  server_.Send(Event("ADDED", PodText("c", "11")) + Event("DELETED", PodText("a", "12")));
  ListUntilNames("b c");

  const std::vector<std::string> requests = server_.WaitForRequests(2);
  EXPECT_EQ(LineOf(requests[0]),
            "GET /api/v1/pods?fieldSelector=spec.nodeName%3Dnode-17&limit=500 HTTP/1.1");
  EXPECT_EQ(LineOf(requests[1]),
            "GET /api/v1/pods?fieldSelector=spec.nodeName%3Dnode-17&watch=true"
            "&allowWatchBookmarks=true&resourceVersion=10&timeoutSeconds=240 HTTP/1.1");
}

TEST_F(ApiPodSourceTest, AnEventThatComesInPiecesCountsWhenItIsWhole) {
  server_.Answer(200, ListText({}, "10"));
  server_.Open();
  Start();
  const std::string event = Event("ADDED", PodText("c", "11"));
  for (const char c : event) server_.Send(std::string(1, c));
  ListUntilNames("c");
}

TEST_F(ApiPodSourceTest, AListComesInPages) {
  server_.Answer(200, ListText({"a"}, "10", "next/1="));
  server_.Answer(200, ListText({"b"}, "10"));
  server_.Open();
  Start();
  EXPECT_EQ(Names(source_->List()), "a b");
  EXPECT_TRUE(absl::StrContains(LineOf(server_.WaitForRequests(2)[1]), "&continue=next%2F1%3D "));
}

TEST_F(ApiPodSourceTest, AWatchThatEndsGoesOnFromTheLastVersionBookmarksIncluded) {
  server_.Answer(200, ListText({"a"}, "10"));
  server_.Open();
  server_.Send(Event("ADDED", PodText("b", "11")));
  server_.Send(Event("BOOKMARK", R"({"metadata": {"resourceVersion": "77"}})"));
  server_.End();
  server_.Open();
  Start();
  EXPECT_TRUE(absl::StrContains(LineOf(server_.WaitForRequests(3)[2]), "resourceVersion=77&"));
  const PodSnapshot snapshot = ListUntilNames("a b");
  EXPECT_TRUE(snapshot.status.ok()) << snapshot.status;
}

TEST_F(ApiPodSourceTest, AWatchThatBreaksOffIsAFailureUntilItIsOpenAgain) {
  server_.Answer(200, ListText({"a"}, "10"));
  server_.Open();
  server_.Send(Event("ADDED", PodText("b", "11")));
  server_.Break();
  Start();
  const PodSnapshot broken =
      ListUntil([](const PodSnapshot& snapshot) { return !snapshot.status.ok(); });
  EXPECT_EQ(Names(broken), "a b");
  EXPECT_EQ(broken.status.code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(absl::StrContains(broken.status.message(), "node-17")) << broken.status;
  EXPECT_TRUE(absl::StrContains(LineOf(server_.WaitForRequests(3)[2]), "resourceVersion=11&"));
  server_.Open();
  ListUntil([](const PodSnapshot& snapshot) { return snapshot.status.ok(); });
}

TEST_F(ApiPodSourceTest, GoneBeginsWithANewListInEitherForm) {
  server_.Answer(200, ListText({"a"}, "10"));
  server_.Answer(410, R"({"kind": "Status", "message": "too old resource version: 10"})");
  server_.Answer(200, ListText({"b"}, "20"));
  server_.Open();
  server_.Send(Event("ERROR", R"({"code": 410, "reason": "Expired"})"));
  server_.End();
  server_.Answer(200, ListText({"c"}, "30"));
  server_.Open();
  Start();
  ListUntilNames("c");
  const std::vector<std::string> requests = server_.WaitForRequests(6);
  for (const size_t list : {0, 2, 4}) {
    EXPECT_TRUE(absl::StrContains(LineOf(requests[list]), "&limit=500")) << requests[list];
  }
  EXPECT_TRUE(absl::StrContains(LineOf(requests[5]), "resourceVersion=30&"));
}

TEST_F(ApiPodSourceTest, AServerThatRefusesIsAskedAgainAndTheReasonIsTold) {
  server_.Answer(403, R"({"message": "pods is forbidden"})");
  Start();
  PodSnapshot snapshot = source_->List();
  EXPECT_EQ(snapshot.status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_TRUE(absl::StrContains(snapshot.status.message(), "HTTP 403: pods is forbidden"));
  EXPECT_EQ(snapshot.as_of, absl::InfinitePast());
  server_.Answer(401, "");
  server_.Answer(500, "<html>");
  server_.Answer(200, "no list");
  server_.Answer(200, ListText({"a"}, "10"));
  server_.Open();
  snapshot = ListUntilNames("a");
  EXPECT_TRUE(snapshot.status.ok()) << snapshot.status;
}

TEST_F(ApiPodSourceTest, TheTokenIsReadAgainForEachRequest) {
  server_.Answer(401, "");
  Start();
  server_.WaitForRequests(1);
  ListUntil([](const PodSnapshot& snapshot) { return !snapshot.status.ok(); });
  directory_.Write("token", "second-token\n");
  // The request that waits for this answer may have been sent with the first one.
  server_.Answer(401, "");
  server_.Answer(200, ListText({"a"}, "10"));
  server_.Open();
  ListUntilNames("a");
  const std::vector<std::string> requests = server_.WaitForRequests(4);
  EXPECT_TRUE(absl::StrContains(requests[0], "Authorization: Bearer first-token\r\n"));
  EXPECT_TRUE(absl::StrContains(requests[2], "Authorization: Bearer second-token\r\n"));
}

TEST_F(ApiPodSourceTest, AFileThatCannotBeReadIsNamedWithItsKeyBeforeAnythingIsAsked) {
  const std::string missing = directory_.path() + "/missing";
  options_.url = "https://127.0.0.1:1";
  for (const char* key : {"token_file", "ca_file"}) {
    (key == std::string("ca_file") ? options_.ca_file : options_.token_file) = missing;
    Start();
    const PodSnapshot snapshot = source_->List();
    EXPECT_EQ(snapshot.status.code(), absl::StatusCode::kNotFound);
    EXPECT_TRUE(absl::StrContains(snapshot.status.message(),
                                  absl::StrCat("pods.api_server.", key, " \"", missing, "\": ")))
        << snapshot.status;
    options_.token_file = directory_.path() + "/token";
  }
}

TEST_F(ApiPodSourceTest, ALineThatIsNoEventLeavesWhatThereIsAndBeginsWithANewList) {
  server_.Answer(200, ListText({"a"}, "10"));
  server_.Open();
  server_.Send("nonsense\n");
  Start();
  const PodSnapshot broken =
      ListUntil([](const PodSnapshot& snapshot) { return !snapshot.status.ok(); });
  EXPECT_EQ(Names(broken), "a");
  EXPECT_TRUE(absl::StrContains(broken.status.message(), "watch: is no JSON")) << broken.status;
  server_.End();  // Of the answer that nobody reads any more.
  server_.Answer(200, ListText({"b"}, "20"));
  server_.Open();
  EXPECT_TRUE(ListUntilNames("b").status.ok());
  EXPECT_TRUE(absl::StrContains(LineOf(server_.WaitForRequests(3)[2]), "&limit=500"));
}

TEST_F(ApiPodSourceTest, ItStopsWhileAWatchIsOpenAndWhileNothingAnswers) {
  server_.Answer(200, ListText({"a"}, "10"));
  server_.Open();
  Start();
  ListUntilNames("a");
  server_.WaitForRequests(2);
  source_.reset();

  options_.url = "http://127.0.0.1:1";
  options_.backoff_min = absl::Hours(1);
  options_.backoff_max = absl::Hours(1);
  Start();
  EXPECT_EQ(source_->List().status.code(), absl::StatusCode::kUnavailable);
  source_.reset();
}

}  // namespace
}  // namespace dmem::client
