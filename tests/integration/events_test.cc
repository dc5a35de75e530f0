// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Events through the API: what is told, from where, and that it adds up to the ledger.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/integration/requests.h"
#include "tests/integration/watching.h"

namespace dmem::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::string ToString(const v1::Event& event) {
  return absl::StrCat(event.sequence(), ".", event.index(), " ", v1::EventKind_Name(event.kind()),
                      " ", event.ShortDebugString());
}

std::vector<std::string> ToStrings(const std::vector<v1::Event>& events) {
  std::vector<std::string> strings;
  for (const v1::Event& event : events) strings.push_back(ToString(event));
  return strings;
}

class EventsTest : public ::testing::Test {
 protected:
  // g ← n1/gpu0, n1/gpu1 (1000 bytes each); n2/gpu0 stands alone.
  void SetUp() override {
    v1::RegisterGroupRequest group;
    group.set_name("g");
    ASSERT_TRUE(Call(server_, &Stub::RegisterGroup, group).ok());
    ASSERT_TRUE(Call(server_, &Stub::Register, RegisterOf("n1/gpu0", 1000, "g")).ok());
    ASSERT_TRUE(Call(server_, &Stub::Register, RegisterOf("n1/gpu1", 1000, "g")).ok());
    ASSERT_TRUE(Call(server_, &Stub::Register, RegisterOf("n2/gpu0", 1000)).ok());
  }

  uint64_t Sequence() {
    v1::ListRegionsRequest request;
    return Call(server_, &Stub::ListRegions, request).response.sequence();
  }

  bool Charge(const std::string& id, const std::string& cgroup, const std::string& region,
              uint64_t bytes, bool force = false) {
    v1::ChargeRequest request = ChargeOf(id, cgroup, region, bytes);
    if (force) request.set_mode(v1::CHARGE_MODE_FORCE);
    return Call(server_, &Stub::Charge, request).ok();
  }
  void Uncharge(const std::vector<std::string>& ids) {
    v1::UnchargeRequest request;
    for (const std::string& id : ids) request.add_charge_ids(id);
    EXPECT_TRUE(Call(server_, &Stub::Uncharge, request).ok());
  }
  bool SetMax(const std::string& cgroup, const std::string& region, uint64_t max,
              v1::Enforcement enforcement = v1::ENFORCEMENT_ENFORCE) {
    v1::SetLimitsRequest request = MaxOf(cgroup, region, max);
    request.mutable_updates(0)->set_enforcement(enforcement);
    request.set_below_usage(v1::BELOW_USAGE_POLICY_APPLY);
    return Call(server_, &Stub::SetLimits, request).ok();
  }
  bool Resize(const std::string& id, const std::string& cgroup, const std::string& region,
              uint64_t bytes) {
    return Call(server_, &Stub::Resize, ResizeOf(id, cgroup, region, bytes)).ok();
  }

  // All pages.
  std::vector<v1::Event> List(v1::ListEventsRequest request = {}) {
    std::vector<v1::Event> events;
    if (request.page_size() == 0) request.set_page_size(7);
    for (int pages = 0; pages < 10000; ++pages) {
      const auto answer = Call(server_, &Stub::ListEvents, request);
      EXPECT_TRUE(answer.ok()) << answer.status.error_message();
      events.insert(events.end(), answer.response.events().begin(), answer.response.events().end());
      if (answer.response.next_page_token().empty()) return events;
      request.set_page_token(answer.response.next_page_token());
    }
    ADD_FAILURE() << "pages without an end";
    return events;
  }

  // Commands of every kind at random, some of them refused.
  void Churn(int commands, uint32_t seed) {
    std::mt19937 dice(seed);
    const auto pick = [&](uint32_t n) { return static_cast<uint64_t>(dice() % n); };
    const std::string cgroups[] = {"/a", "/a/b", "/c", "/c/d/e"};
    const std::string regions[] = {"n1/gpu0", "n1/gpu1", "n2/gpu0"};
    std::map<std::string, std::pair<std::string, std::string>> live;
    for (int i = 0; i < commands; ++i) {
      const std::string cgroup = cgroups[pick(4)], region = regions[pick(3)];
      const auto any = live.empty() ? live.end() : std::next(live.begin(), pick(live.size()));
      switch (pick(6)) {
        case 0:
        case 1:
          if (Charge(absl::StrCat("c", seed, "-", i), cgroup, region, pick(300), pick(10) == 0))
            live[absl::StrCat("c", seed, "-", i)] = {cgroup, region};
          break;
        case 2:
          if (any == live.end()) break;
          Uncharge({any->first, absl::StrCat("never", i)});
          live.erase(any);
          break;
        case 3:
          if (any != live.end())
            Resize(any->first, any->second.first, any->second.second, pick(300));
          break;
        case 4:
          SetMax(cgroup, pick(2) == 0 ? "g" : region, pick(600),
                 pick(4) == 0 ? v1::ENFORCEMENT_OBSERVE : v1::ENFORCEMENT_ENFORCE);
          break;
        default:
          if (pick(5) == 0) {
            v1::RegisterRequest request = RegisterOf("n2/gpu0", 500 + pick(700));
            request.mutable_region()->set_incarnation(static_cast<uint64_t>(i) + 1 + seed * 1000);
            EXPECT_TRUE(Call(server_, &Stub::Register, request).ok());
          }
      }
    }
  }

  TestServer server_;
};

TEST_F(EventsTest, AnEventSaysWhoWhenAndWhat) {
  grpc::ClientContext context;
  context.AddMetadata("dmem-actor", "anna@example.com");
  v1::ChargeResponse response;
  v1::ChargeRequest request = ChargeOf("c1", "/a", "n1/gpu0", 10);
  request.mutable_owner()->set_name("job-7");
  ASSERT_TRUE(server_.stub().Charge(&context, request, &response).ok());
  Uncharge({"c1"});

  v1::ListEventsRequest list;
  list.mutable_filter()->set_charge_id("c1");
  const std::vector<v1::Event> events = List(list);
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].kind(), v1::EVENT_KIND_CHARGED);
  EXPECT_EQ(events[0].actor(), "anna@example.com");
  EXPECT_EQ(events[0].sequence(), response.sequence());
  EXPECT_EQ(events[0].time().ShortDebugString(), response.charge().granted_at().ShortDebugString());
  EXPECT_EQ(events[0].charge_granted().items(0).bytes(), 10u);
  EXPECT_EQ(events[1].kind(), v1::EVENT_KIND_UNCHARGED);
  EXPECT_THAT(events[1].actor(), ::testing::StartsWith("ipv4:127.0.0.1"));
  EXPECT_TRUE(events[1].charge_changed().ended());
  EXPECT_EQ(events[1].charge_changed().owner().name(), "job-7");
  EXPECT_EQ(events[1].charge_changed().items(0).before_bytes(), 10u);
}

TEST_F(EventsTest, ARefusalIsToldWithItsCounterAndWhatWasAsked) {
  ASSERT_TRUE(SetMax("/a", "g", 5));
  ASSERT_FALSE(Charge("c1", "/a/b", "n1/gpu0", 10));
  v1::ListEventsRequest list;
  list.mutable_filter()->add_kinds(v1::EVENT_KIND_REFUSED);
  const std::vector<v1::Event> events = List(list);
  ASSERT_EQ(events.size(), 1u);
  const v1::Refusal& refusal = events[0].refusal();
  EXPECT_EQ(refusal.charge_id(), "c1");
  EXPECT_EQ(refusal.cgroup(), "/a/b");
  EXPECT_EQ(refusal.region(), "n1/gpu0");
  EXPECT_EQ(refusal.bytes(), 10u);
  EXPECT_EQ(refusal.reason(), "MAX_EXCEEDED");
  EXPECT_EQ(refusal.counter_cgroup(), "/a");
  EXPECT_EQ(refusal.counter_region(), "g");
  EXPECT_EQ(refusal.max_bytes(), 5u);
  EXPECT_EQ(refusal.short_bytes(), 5u);
}

TEST_F(EventsTest, ResumeAtEveryPlaceGivesExactlyTheRest) {
  Churn(60, 1);
  const uint64_t last = Sequence();
  const std::vector<v1::Event> all = Watching(server_, From(0)).UpTo(last);
  ASSERT_GT(all.size(), 40u);
  EXPECT_EQ(ToStrings(all), ToStrings(List()));
  for (size_t i = 0; i < all.size(); ++i) {
    const std::vector<v1::Event> at(all.begin() + static_cast<long>(i), all.end());
    EXPECT_EQ(ToStrings(Watching(server_, From(all[i].sequence(), all[i].index())).UpTo(last)),
              ToStrings(at));
    const std::vector<v1::Event> after(all.begin() + static_cast<long>(i) + 1, all.end());
    EXPECT_EQ(
        ToStrings(Watching(server_, From(all[i].sequence(), all[i].index(), true)).UpTo(last)),
        ToStrings(after));
  }
}

TEST_F(EventsTest, AWatchFromNowOnGoesOnAcrossARestart) {
  std::vector<v1::Event> seen;
  v1::EventPosition resume;
  uint64_t begin = 0;
  {
    Watching watching(server_, v1::WatchRequest());
    begin = Sequence();
    EXPECT_THAT(watching.UpTo(begin), IsEmpty());
    Churn(20, 2);
    seen = watching.UpTo(Sequence());
    resume = watching.progress();
  }
  ASSERT_TRUE(server_.Restart().ok());
  Churn(20, 3);
  v1::WatchRequest request;
  *request.mutable_from() = resume;
  request.set_after(true);
  const std::vector<v1::Event> rest = Watching(server_, request).UpTo(Sequence());
  seen.insert(seen.end(), rest.begin(), rest.end());
  const std::vector<v1::Event> all = Watching(server_, From(begin + 1)).UpTo(Sequence());
  EXPECT_EQ(ToStrings(seen), ToStrings(all));
}

TEST_F(EventsTest, NewestFirstIsTheReverseOfOldestFirst) {
  Churn(80, 4);
  std::vector<v1::Event> all = List();
  std::reverse(all.begin(), all.end());
  v1::ListEventsRequest request;
  request.set_newest_first(true);
  EXPECT_EQ(ToStrings(List(request)), ToStrings(all));
}

TEST_F(EventsTest, AMoveIsRefusedByNoMaxAndTellsThatItsTargetIsOver) {
  ASSERT_TRUE(SetMax("/b", "g", 5));
  ASSERT_TRUE(Charge("c", "/a", "n1/gpu0", 30));
  const uint64_t before = Sequence();
  v1::MoveChargeRequest move;
  move.set_charge_id("c");
  move.set_from_cgroup("/a");
  move.set_to_cgroup("/b");
  ASSERT_TRUE(Call(server_, &Stub::MoveCharge, move).ok());
  int over = 0;
  for (const v1::Event& event : List()) {
    EXPECT_FALSE(event.has_refusal()) << ToString(event);
    if (event.sequence() <= before || !event.has_over_changed()) continue;
    ++over;
    EXPECT_EQ(event.kind(), v1::EVENT_KIND_OVER_ENTERED);
    EXPECT_EQ(event.over_changed().cgroup(), "/b");
    EXPECT_EQ(event.over_changed().region(), "g");
    EXPECT_EQ(event.over_changed().usage_bytes(), 30u);
    EXPECT_EQ(event.over_changed().max_bytes(), 5u);
  }
  EXPECT_EQ(over, 1);
}

TEST_F(EventsTest, FiltersPassWhatNamesTheirObjectOrWhatIsBelowIt) {
  ASSERT_TRUE(Charge("c1", "/a", "n1/gpu0", 1));
  ASSERT_TRUE(Charge("c2", "/a/b", "n2/gpu0", 1));
  ASSERT_TRUE(Charge("c3", "/ab", "n1/gpu1", 1));
  const auto ids = [this](const v1::EventFilter& filter) {
    v1::ListEventsRequest request;
    *request.mutable_filter() = filter;
    request.mutable_filter()->add_kinds(v1::EVENT_KIND_CHARGED);
    std::vector<std::string> ids;
    for (const v1::Event& event : List(request)) ids.push_back(event.charge_granted().charge_id());
    return ids;
  };
  v1::EventFilter filter;
  EXPECT_THAT(ids(filter), ElementsAre("c1", "c2", "c3"));
  filter.set_cgroup("/a");
  EXPECT_THAT(ids(filter), ElementsAre("c1", "c2"));
  filter.set_region("n1/gpu0");
  EXPECT_THAT(ids(filter), ElementsAre("c1"));
  filter.clear_cgroup();
  filter.set_region("g");
  EXPECT_THAT(ids(filter), ElementsAre("c1", "c3"));
  filter.set_charge_id("c3");
  EXPECT_THAT(ids(filter), ElementsAre("c3"));
}

TEST_F(EventsTest, WhatNamesOnlyAChargeIsFoundByItsCgroupsAndRegionsToo) {
  v1::ChargeRequest reserve = ChargeOf("c1", "/a/b", "n1/gpu0", 5);
  reserve.mutable_ttl()->set_seconds(60);
  ASSERT_TRUE(Call(server_, &Stub::Charge, reserve).ok());
  v1::RenewRequest renew;
  renew.set_charge_id("c1");
  renew.mutable_ttl()->set_seconds(120);
  ASSERT_TRUE(Call(server_, &Stub::Renew, renew).ok());
  ASSERT_TRUE(Charge("c2", "/a/b", "n1/gpu0", 7));
  v1::RequestReleaseRequest release;
  release.add_charge_ids("c2");
  release.set_requested_by("me");
  release.set_reason("tests");
  ASSERT_TRUE(Call(server_, &Stub::RequestRelease, release).ok());
  const auto found = [this](const std::string& cgroup, const std::string& region) {
    v1::ListEventsRequest request;
    request.mutable_filter()->set_cgroup(cgroup);
    request.mutable_filter()->set_region(region);
    request.mutable_filter()->add_kinds(v1::EVENT_KIND_RELEASE_REQUESTED);
    request.mutable_filter()->add_kinds(v1::EVENT_KIND_RESERVATION_RENEWED);
    return List(request);
  };
  const std::vector<v1::Event> events = found("/a", "g");
  ASSERT_EQ(events.size(), 2u);
  ASSERT_EQ(events[0].reservation_renewed().items_size(), 1);
  EXPECT_EQ(events[0].reservation_renewed().items(0).bytes(), 5u);
  EXPECT_TRUE(events[0].reservation_renewed().items(0).reserved());
  ASSERT_EQ(events[1].release_requested().items_size(), 1);
  EXPECT_EQ(events[1].release_requested().items(0).cgroup(), "/a/b");
  EXPECT_EQ(events[1].release_requested().items(0).region(), "n1/gpu0");
  EXPECT_EQ(events[1].release_requested().items(0).bytes(), 7u);
  EXPECT_TRUE(found("/ab", "").empty());
  EXPECT_TRUE(found("", "n2/gpu0").empty());
}

TEST_F(EventsTest, SinceAndUntilCutAtTheirTimes) {
  Churn(40, 5);
  const std::vector<v1::Event> all = List();
  const v1::Event& middle = all[all.size() / 2];
  const auto micros = [](const google::protobuf::Timestamp& time) {
    return time.seconds() * 1000000 + time.nanos() / 1000;
  };
  v1::ListEventsRequest since, until;
  *since.mutable_since() = middle.time();
  *until.mutable_until() = middle.time();
  std::vector<v1::Event> before = List(until);
  const std::vector<v1::Event> from = List(since);
  for (const v1::Event& event : before) EXPECT_LT(micros(event.time()), micros(middle.time()));
  for (const v1::Event& event : from) EXPECT_GE(micros(event.time()), micros(middle.time()));
  before.insert(before.end(), from.begin(), from.end());
  EXPECT_EQ(ToStrings(before), ToStrings(all));
}

TEST_F(EventsTest, AWatcherThatDoesNotReadHoldsUpNobodyAndMissesNothing) {
  Watching idle(server_, From(0));
  Churn(300, 6);
  const uint64_t last = Sequence();
  EXPECT_EQ(ToStrings(idle.UpTo(last)), ToStrings(List()));
}

TEST_F(EventsTest, APlaceAheadOfTheLedgerIsRefused) {
  const grpc::Status status = Watching(server_, From(1000000)).End();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::OUT_OF_RANGE);
  EXPECT_EQ(ErrorInfoOf(status).reason(), "EVENTS_AHEAD");
}

TEST_F(EventsTest, AFailedCommitIsNeverToldAndEndsTheWatch) {
  Watching watching(server_, v1::WatchRequest());
  EXPECT_THAT(watching.UpTo(Sequence()), IsEmpty());
  server_.store().FailNextAppend(absl::UnavailableError("disk full"), MemoryStore::Loss::kKept);
  ASSERT_FALSE(Charge("c1", "/a", "n1/gpu0", 1));
  v1::WatchResponse response;
  const grpc::Status status = watching.End();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(ErrorInfoOf(status).reason(), "STORE_FAILED");
}

// Rebuilds every usage from events alone.
class Accumulator {
 public:
  void Add(const v1::Event& event) {
    switch (event.kind()) {
      case v1::EVENT_KIND_CHARGED:
        for (const v1::ChargeItem& item : event.charge_granted().items())
          Change(item.cgroup(), item.region(), static_cast<int64_t>(item.bytes()));
        break;
      case v1::EVENT_KIND_REGION_CHANGED:
        if (event.region_changed().has_after())
          parents_[event.region_changed().region()] = event.region_changed().after().parent();
        break;
      case v1::EVENT_KIND_LIMITS_CHANGED: {
        const v1::LimitsChanged& change = event.limits_changed();
        limits_[{change.cgroup(), change.region()}] = change.after();
        break;
      }
      case v1::EVENT_KIND_OVER_ENTERED:
      case v1::EVENT_KIND_OVER_LEFT: {
        const std::pair<std::string, std::string> pool = {event.over_changed().cgroup(),
                                                          event.over_changed().region()};
        EXPECT_EQ(over_.count(pool) == 0, event.over_changed().entered()) << ToString(event);
        event.over_changed().entered() ? static_cast<void>(over_.insert(pool))
                                       : static_cast<void>(over_.erase(pool));
        break;
      }
      default:
        for (const v1::ItemChange& item : event.charge_changed().items()) {
          Change(
              item.cgroup(), item.region(),
              static_cast<int64_t>(item.after_bytes()) - static_cast<int64_t>(item.before_bytes()));
        }
    }
  }
  // What must hold between two commands: no counter is above an enforced max, but those that events
  // said to be OVER.
  void Check(uint64_t sequence) const {
    for (const auto& [pool, limits] : limits_) {
      const auto usage = usage_.find(pool);
      if (usage == usage_.end()) continue;
      EXPECT_EQ(usage->second > static_cast<int64_t>(limits.max_bytes()), over_.count(pool) > 0)
          << pool.first << " in " << pool.second << " at sequence " << sequence;
    }
  }
  std::map<std::pair<std::string, std::string>, int64_t> NonZero() const {
    auto usage = usage_;
    for (auto it = usage.begin(); it != usage.end();)
      it = it->second == 0 ? usage.erase(it) : std::next(it);
    return usage;
  }

 private:
  void Change(std::string cgroup, const std::string& region, int64_t bytes) {
    for (;; cgroup.resize(std::max<size_t>(cgroup.rfind('/'), 1))) {
      for (std::string r = region; !r.empty(); r = parents_[r]) usage_[{cgroup, r}] += bytes;
      if (cgroup == "/") return;
    }
  }

  std::map<std::pair<std::string, std::string>, int64_t> usage_;
  std::map<std::pair<std::string, std::string>, v1::Limits> limits_;
  std::map<std::string, std::string> parents_;
  std::set<std::pair<std::string, std::string>> over_;
};

TEST_F(EventsTest, TheyAddUpToTheLedgerAndShowEveryCounterAboveItsMaxAsOver) {
  Churn(600, 7);
  const std::vector<v1::Event> events = List();
  Accumulator sum;
  for (size_t i = 0; i < events.size(); ++i) {
    sum.Add(events[i]);
    if (i + 1 == events.size() || events[i + 1].sequence() != events[i].sequence())
      sum.Check(events[i].sequence());
  }
  std::map<std::pair<std::string, std::string>, int64_t> listed;
  v1::ListPoolsRequest request;
  request.set_page_size(1000);
  const auto pools = Call(server_, &Stub::ListPools, request);
  ASSERT_TRUE(pools.ok() && pools.response.next_page_token().empty());
  for (const v1::Pool& pool : pools.response.pools()) {
    if (pool.usage_bytes() > 0)
      listed[{pool.cgroup(), pool.region()}] = static_cast<int64_t>(pool.usage_bytes());
  }
  EXPECT_EQ(sum.NonZero(), listed);
}

}  // namespace
}  // namespace dmem::server
