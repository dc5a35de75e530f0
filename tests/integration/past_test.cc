// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// WhoHeld and ReportUsage through the API.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tests/integration/requests.h"

namespace dmem::server {
namespace {

using ::testing::IsEmpty;

// Byte-microseconds of a decimal number of byte-seconds; far below 2^64 here.
uint64_t ByteMicros(const std::string& byte_seconds) {
  const size_t point = byte_seconds.find('.');
  std::string fraction = point == std::string::npos ? "" : byte_seconds.substr(point + 1);
  fraction.resize(6, '0');
  uint64_t whole = 0, micros = 0;
  EXPECT_TRUE(absl::SimpleAtoi(byte_seconds.substr(0, point), &whole)) << byte_seconds;
  EXPECT_TRUE(absl::SimpleAtoi(fraction, &micros)) << byte_seconds;
  return whole * 1000000 + micros;
}

class PastTest : public ::testing::Test {
 protected:
  // g ← n1/gpu0, n1/gpu1; n2/gpu0 stands alone.
  void SetUp() override {
    v1::RegisterGroupRequest group;
    group.set_name("g");
    ASSERT_TRUE(Call(server_, &Stub::RegisterGroup, group).ok());
    for (const char* region : {"n1/gpu0", "n1/gpu1"})
      ASSERT_TRUE(Call(server_, &Stub::Register, RegisterOf(region, 1000000, "g")).ok());
    ASSERT_TRUE(Call(server_, &Stub::Register, RegisterOf("n2/gpu0", 1000000)).ok());
  }

  void Charge(const std::string& id, const std::string& cgroup, const std::string& region,
              uint64_t bytes, const std::string& owner = "") {
    v1::ChargeRequest request = ChargeOf(id, cgroup, region, bytes);
    request.mutable_owner()->set_name(owner);
    const auto answer = Call(server_, &Stub::Charge, request);
    EXPECT_TRUE(answer.ok()) << answer.status.error_message();
  }
  bool Reserve(const std::string& id, const std::string& cgroup, const std::string& where,
               uint64_t bytes) {
    v1::ChargeRequest request = ChargeOf(id, cgroup, where, bytes);
    request.mutable_ttl()->set_seconds(3600);
    return Call(server_, &Stub::Charge, request).ok();
  }
  bool Commit(const std::string& id, const std::string& cgroup, const std::string& region,
              uint64_t bytes, const std::string& commit_id) {
    v1::CommitRequest request;
    request.set_charge_id(id);
    request.set_commit_id(commit_id);
    v1::Placement* placement = request.add_placements();
    placement->set_cgroup(cgroup);
    placement->set_region(region);
    placement->set_bytes(bytes);
    return Call(server_, &Stub::Commit, request).ok();
  }
  bool Resize(const std::string& id, const std::string& cgroup, const std::string& region,
              uint64_t bytes) {
    return Call(server_, &Stub::Resize, ResizeOf(id, cgroup, region, bytes)).ok();
  }
  bool Uncharge(const std::string& id) {
    v1::UnchargeRequest request;
    request.add_charge_ids(id);
    return Call(server_, &Stub::Uncharge, request).ok();
  }
  bool Move(const std::string& id, const std::string& from, const std::string& to) {
    v1::MoveChargeRequest request;
    request.set_charge_id(id);
    request.set_from_cgroup(from);
    request.set_to_cgroup(to);
    return Call(server_, &Stub::MoveCharge, request).ok();
  }
  void Measure(const v1::Charge& charge, uint64_t bytes) {
    v1::ReportMeasuredRequest request;
    for (const v1::ChargeItem& item : charge.items()) {
      if (item.reserved()) continue;
      v1::MeasuredItem* measured = request.add_items();
      measured->set_charge_id(charge.charge_id());
      measured->set_cgroup(item.cgroup());
      measured->set_region(item.region());
      measured->set_measured_bytes(bytes);
    }
    if (request.items_size() == 0) return;
    EXPECT_TRUE(Call(server_, &Stub::ReportMeasured, request).ok());
  }

  // Of the last command that changed anything.
  google::protobuf::Timestamp LastTime() { return NewestEvent(server_).time(); }
  std::vector<v1::Charge> Live() {
    v1::ListChargesRequest request;
    request.set_page_size(1000);
    const auto answer = Call(server_, &Stub::ListCharges, request);
    EXPECT_TRUE(answer.ok() && answer.response.next_page_token().empty());
    return {answer.response.charges().begin(), answer.response.charges().end()};
  }
  // What is charged now in `regions`, a line an item.
  std::set<std::string> Held(const std::set<std::string>& regions) {
    std::set<std::string> lines;
    for (const v1::Charge& charge : Live()) {
      for (const v1::ChargeItem& item : charge.items()) {
        if (regions.count(item.region().substr(0, item.region().find('@'))) == 0) continue;
        lines.insert(absl::StrCat(charge.charge_id(), " ", PathOf(item.cgroup()), " ",
                                  item.region(), " ", item.bytes(), " ", item.reserved(), " ",
                                  charge.owner().name(), " ", charge.granted_sequence()));
      }
    }
    return lines;
  }
  std::string PathOf(const std::string& cgroup) {
    if (cgroup[0] != '@') return cgroup;
    v1::ListCgroupsRequest request;
    request.set_page_size(1000);
    const auto list = Call(server_, &Stub::ListCgroups, request);
    for (const v1::Cgroup& each : list.response.cgroups())
      if (each.path() == cgroup) return each.path_before_deletion();
    ADD_FAILURE() << "no cgroup " << cgroup;
    return cgroup;
  }

  // All pages; the same lines.
  std::set<std::string> WhoHeld(const std::string& region,
                                const google::protobuf::Timestamp* at = nullptr,
                                uint32_t page_size = 3) {
    v1::WhoHeldRequest request;
    request.set_region(region);
    if (at != nullptr) *request.mutable_at() = *at;
    request.set_page_size(page_size);
    std::set<std::string> lines;
    for (int pages = 0; pages < 1000; ++pages) {
      const auto answer = Call(server_, &Stub::WhoHeld, request);
      EXPECT_TRUE(answer.ok()) << answer.status.error_message();
      for (const v1::Holding& h : answer.response.holdings()) {
        EXPECT_TRUE(lines
                        .insert(absl::StrCat(h.charge_id(), " ", h.cgroup(), " ", h.region(), " ",
                                             h.bytes(), " ", h.reserved(), " ", h.owner().name(),
                                             " ", h.granted_sequence()))
                        .second);
      }
      if (answer.response.next_page_token().empty()) return lines;
      request.set_page_token(answer.response.next_page_token());
    }
    ADD_FAILURE() << "pages without an end";
    return lines;
  }

  // One command at random; some are refused.
  void Churn(std::mt19937* dice, int i) {
    const auto pick = [dice](uint32_t n) { return (*dice)() % n; };
    const std::string cgroups[] = {"/a", "/a/b", "/c", "/c/d/e"};
    const std::string places[] = {"n1/gpu0", "n1/gpu1", "n2/gpu0", "g"};
    const std::vector<v1::Charge> live = Live();
    if (live.empty() || pick(3) == 0) {
      const std::string id = absl::StrCat("c", i);
      if (pick(3) == 0) {
        Reserve(id, cgroups[pick(4)], places[pick(4)], pick(900));
      } else {
        v1::ChargeRequest request = ChargeOf(id, cgroups[pick(4)], places[pick(3)], 1 + pick(900));
        request.mutable_owner()->set_name(absl::StrCat("job-", pick(3)));
        Call(server_, &Stub::Charge, request);
      }
      return;
    }
    const v1::Charge& charge = live[pick(static_cast<uint32_t>(live.size()))];
    const v1::ChargeItem& item =
        charge.items(static_cast<int>(pick(static_cast<uint32_t>(charge.items_size()))));
    switch (pick(8)) {
      case 0:
      case 1:
        Resize(charge.charge_id(), item.cgroup(), item.region(), pick(900));
        break;
      case 2:
        Uncharge(charge.charge_id());
        break;
      case 3:
        Commit(charge.charge_id(), item.cgroup(),
               item.region() == "g" ? places[pick(2)] : item.region(), item.bytes() / 2,
               absl::StrCat("m", i));
        break;
      case 4:
        Move(charge.charge_id(), item.cgroup(), cgroups[pick(4)]);
        break;
      case 5:
        Measure(charge, pick(900));
        break;
      case 6: {
        v1::DeleteCgroupRequest request;
        request.set_path(cgroups[pick(4)]);
        Call(server_, &Stub::DeleteCgroup, request);
        break;
      }
      default: {
        v1::UnregisterRequest request;
        request.set_region(places[pick(3)]);
        request.set_force(pick(2) == 0);
        Call(server_, &Stub::Unregister, request);
        v1::RegisterRequest again =
            RegisterOf(request.region(), 1000000, request.region()[1] == '1' ? "g" : "");
        EXPECT_TRUE(Call(server_, &Stub::Register, again).ok());
      }
    }
  }

  TestServer server_;
};

TEST_F(PastTest, WhoHeldAtATimeIsWhatWasChargedThen) {
  std::mt19937 dice(1);
  struct Moment {
    google::protobuf::Timestamp time;
    std::set<std::string> device, group;
  };
  std::vector<Moment> moments;
  size_t most = 0;
  for (int i = 0; i < 250; ++i) {
    if (i == 120) {
      ASSERT_TRUE(server_.Restart().ok());
    }
    Churn(&dice, i);
    moments.push_back({LastTime(), Held({"n1/gpu0"}), Held({"n1/gpu0", "n1/gpu1", "g"})});
    most = std::max(most, moments.back().group.size());
  }
  ASSERT_GT(most, 8u);
  EXPECT_EQ(WhoHeld("n1/gpu0"), moments.back().device);
  for (size_t i = 0; i < moments.size(); ++i) {
    EXPECT_EQ(WhoHeld("n1/gpu0", &moments[i].time), moments[i].device) << i;
    if (i % 5 == 0) {
      EXPECT_EQ(WhoHeld("g", &moments[i].time), moments[i].group) << i;
    }
  }
}

TEST_F(PastTest, WhoHeldTellsWhatBecameOfIt) {
  Charge("c1", "/a", "n1/gpu0", 10, "job");
  const google::protobuf::Timestamp then = LastTime();
  ASSERT_TRUE(Resize("c1", "/a", "n1/gpu0", 5));
  ASSERT_TRUE(Uncharge("c1"));
  v1::WhoHeldRequest request;
  request.set_region("n1/gpu0");
  *request.mutable_at() = then;
  const auto answer = Call(server_, &Stub::WhoHeld, request);
  ASSERT_EQ(answer.response.holdings_size(), 1);
  const v1::Holding& holding = answer.response.holdings(0);
  EXPECT_EQ(holding.bytes(), 10u);
  EXPECT_EQ(holding.owner().name(), "job");
  EXPECT_EQ(holding.ended_by(), v1::CHANGE_CAUSE_UNCHARGE);
  EXPECT_EQ(holding.ended_at().ShortDebugString(), LastTime().ShortDebugString());
  EXPECT_THAT(holding.ended_actor(), ::testing::StartsWith("ipv4:127.0.0.1"));
  EXPECT_EQ(holding.granted_at().ShortDebugString(), then.ShortDebugString());
  EXPECT_THAT(WhoHeld("n1/gpu0"), IsEmpty());
  request.set_cgroup("/b");
  EXPECT_EQ(Call(server_, &Stub::WhoHeld, request).response.holdings_size(), 0);
  request.set_region("nowhere");
  const auto nowhere = Call(server_, &Stub::WhoHeld, request);
  EXPECT_EQ(ErrorInfoOf(nowhere.status).reason(), "REGION_NOT_FOUND");
}

TEST_F(PastTest, AReportOverAllOfItsLifeIsWhatTheLedgerCounted) {
  std::mt19937 dice(2);
  const google::protobuf::Timestamp begin = LastTime();
  // Without what makes regions anew: their counters would begin again.
  for (int i = 0; i < 300; ++i) {
    if (i == 150) {
      ASSERT_TRUE(server_.Restart().ok());
    }
    v1::CreateCgroupRequest keep;
    for (const char* path : {"/a", "/a/b", "/c"}) {
      keep.set_path(path);
      Call(server_, &Stub::CreateCgroup, keep);
    }
    const std::vector<v1::Charge> live = Live();
    const std::string id = absl::StrCat("c", i);
    const std::string region = i % 3 == 0 ? "n2/gpu0" : i % 3 == 1 ? "n1/gpu0" : "n1/gpu1";
    const std::string cgroup = dice() % 2 == 0 ? "/a/b" : dice() % 2 == 0 ? "/a" : "/c";
    if (dice() % 2 == 0) {
      dice() % 3 == 0 ? static_cast<void>(Reserve(id, cgroup, dice() % 2 == 0 ? "g" : region, 90))
                      : Charge(id, cgroup, region, dice() % 500, "job");
    } else if (!live.empty()) {
      const v1::Charge& charge = live[dice() % live.size()];
      const v1::ChargeItem& item = charge.items(0);
      switch (dice() % 5) {
        case 0:
          Resize(charge.charge_id(), item.cgroup(), item.region(), dice() % 500);
          break;
        case 1:
          Uncharge(charge.charge_id());
          break;
        case 2:
          Commit(charge.charge_id(), item.cgroup(),
                 item.region() == "g" ? "n1/gpu0" : item.region(), item.bytes() / 2,
                 absl::StrCat("m", i));
          break;
        case 3:
          Move(charge.charge_id(), item.cgroup(), cgroup);
          break;
        default:
          Measure(charge, dice() % 500);
      }
    }
  }
  for (const v1::Charge& charge : Live()) ASSERT_TRUE(Uncharge(charge.charge_id()));

  // By region and cgroup, added up as pools are: a cgroup's in its ancestors, a region's in its
  // group.
  v1::ReportUsageRequest request;
  *request.mutable_from() = begin;
  request.add_by(v1::USAGE_KEY_CGROUP);
  request.add_by(v1::USAGE_KEY_REGION);
  const auto report = Call(server_, &Stub::ReportUsage, request);
  ASSERT_TRUE(report.ok()) << report.status.error_message();
  std::map<std::pair<std::string, std::string>, uint64_t> expected;
  uint64_t measured = 0;
  for (const v1::UsageRow& row : report.response.rows()) {
    measured += ByteMicros(row.measured_byte_seconds());
    std::vector<std::string> regions = {row.region()};
    if (row.region().substr(0, 2) == "n1") regions.emplace_back("g");
    for (const std::string& region : regions) {
      for (std::string cgroup = row.cgroup();;
           cgroup.resize(std::max<size_t>(cgroup.rfind('/'), 1))) {
        expected[{cgroup, region}] += ByteMicros(row.booked_byte_seconds());
        if (cgroup == "/") break;
      }
    }
  }
  ASSERT_GT(expected.size(), 12u);
  for (const auto& [pool, byte_micros] : expected) {
    v1::GetPoolRequest get;
    get.set_cgroup(pool.first);
    get.set_region(pool.second);
    const auto answer = Call(server_, &Stub::GetPool, get);
    ASSERT_TRUE(answer.ok());
    EXPECT_EQ(ByteMicros(answer.response.pool().byte_seconds()), byte_micros)
        << pool.first << " in " << pool.second;
  }
  EXPECT_EQ(ByteMicros(report.response.total().measured_byte_seconds()), measured);
  EXPECT_GT(measured, 0u);

  // The closing events say the same: booked and measured of all items that were removed.
  v1::ListEventsRequest list;
  list.set_page_size(1000);
  uint64_t booked_of_events = 0, measured_of_events = 0;
  for (bool is_last = false; !is_last;) {
    const auto page = Call(server_, &Stub::ListEvents, list);
    ASSERT_TRUE(page.ok());
    for (const v1::Event& event : page.response.events()) {
      for (const v1::ItemChange& item : event.charge_changed().items()) {
        if (item.kind() != v1::ITEM_CHANGE_KIND_REMOVED) continue;
        booked_of_events += ByteMicros(item.booked_byte_seconds());
        if (!item.measured_byte_seconds().empty())
          measured_of_events += ByteMicros(item.measured_byte_seconds());
      }
    }
    is_last = page.response.next_page_token().empty();
    list.set_page_token(page.response.next_page_token());
  }
  EXPECT_EQ(ByteMicros(report.response.total().booked_byte_seconds()), booked_of_events);
  EXPECT_EQ(measured, measured_of_events);
}

TEST_F(PastTest, PagesOfAReportAddUpAndAreAllOfOneTime) {
  for (int i = 0; i < 25; ++i) {
    Charge(absl::StrCat("c", i), absl::StrCat("/t", i % 10, "/job-", i), "n1/gpu0", 100 + i);
  }
  v1::ReportUsageRequest request;
  request.mutable_from()->set_seconds(1);
  request.add_by(v1::USAGE_KEY_CGROUP);
  request.set_page_size(4);
  std::vector<v1::UsageRow> rows;
  std::set<std::string> times;
  v1::UsageRow total;
  for (bool is_last = false; !is_last;) {
    const auto page = Call(server_, &Stub::ReportUsage, request);
    ASSERT_TRUE(page.ok()) << page.status.error_message();
    ASSERT_LE(page.response.rows_size(), 4);
    rows.insert(rows.end(), page.response.rows().begin(), page.response.rows().end());
    times.insert(page.response.to().ShortDebugString());
    total = page.response.total();
    is_last = page.response.next_page_token().empty();
    request.set_page_token(page.response.next_page_token());
  }
  EXPECT_EQ(rows.size(), 25u);
  EXPECT_EQ(times.size(), 1u);
  uint64_t sum = 0;
  for (const v1::UsageRow& row : rows) sum += ByteMicros(row.booked_byte_seconds());
  EXPECT_EQ(sum, ByteMicros(total.booked_byte_seconds()));

  request.set_page_token("");
  request.set_page_size(0);
  request.set_cgroup_depth(1);
  EXPECT_EQ(Call(server_, &Stub::ReportUsage, request).response.rows_size(), 10);
  request.set_cgroup("/t3");
  const auto one = Call(server_, &Stub::ReportUsage, request);
  ASSERT_EQ(one.response.rows_size(), 1);
  EXPECT_EQ(one.response.rows(0).cgroup(), "/t3");
  request.set_region("n2/gpu0");
  EXPECT_EQ(Call(server_, &Stub::ReportUsage, request).response.rows_size(), 0);
}

TEST_F(PastTest, TokensAreOfTheirOwnListingAndTime) {
  for (int i = 0; i < 3; ++i) Charge(absl::StrCat("c", i), "/a", "n1/gpu0", 1);
  v1::WhoHeldRequest request;
  request.set_region("n1/gpu0");
  request.set_page_size(1);
  const auto page = Call(server_, &Stub::WhoHeld, request);
  ASSERT_FALSE(page.response.next_page_token().empty());
  const std::string token = page.response.next_page_token();
  for (const std::string& bad : {std::string("x"), absl::StrCat("1", token),
                                 token.substr(token.find('.') + 1), token + "0"}) {
    request.set_page_token(bad);
    EXPECT_EQ(
        BadRequestOf(Call(server_, &Stub::WhoHeld, request).status).field_violations(0).field(),
        "page_token")
        << bad;
  }
  request.set_page_token(token);
  request.set_cgroup("/a");
  EXPECT_EQ(Call(server_, &Stub::WhoHeld, request).status.error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(PastTest, WhatIsWrongIsRefusedByItsField) {
  v1::ReportUsageRequest request;
  const auto field = [&] {
    const grpc::Status status = Call(server_, &Stub::ReportUsage, request).status;
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    const google::rpc::BadRequest bad = BadRequestOf(status);
    return bad.field_violations_size() == 0 ? std::string() : bad.field_violations(0).field();
  };
  EXPECT_EQ(field(), "from");
  request.mutable_from()->set_seconds(100);
  request.mutable_to()->set_seconds(99);
  EXPECT_EQ(field(), "to");
  request.clear_to();
  request.add_by(v1::USAGE_KEY_UNSPECIFIED);
  EXPECT_EQ(field(), "by[0]");
  request.set_by(0, v1::USAGE_KEY_OWNER);
  request.add_by(v1::USAGE_KEY_OWNER);
  EXPECT_EQ(field(), "by[0]");
  request.clear_by();
  request.set_cgroup("a");
  EXPECT_EQ(field(), "cgroup");
  request.set_cgroup("/a");
  request.set_page_size(10001);
  EXPECT_EQ(field(), "page_size");
  request.set_page_size(0);
  EXPECT_TRUE(Call(server_, &Stub::ReportUsage, request).ok());
}

}  // namespace
}  // namespace dmem::server
