// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Reservations and release requests through gRPC: what is wrong, in which order it is checked, what
// may be sent again, and what a restart finds.

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "tests/integration/bad_input.h"

namespace dmem::server {
namespace {

v1::ChargeRequest ReserveOf(const std::string& id, const std::string& cgroup,
                            const std::string& region, uint64_t bytes, int64_t seconds = 600) {
  v1::ChargeRequest request = ChargeOf(id, cgroup, region, bytes);
  request.mutable_ttl()->set_seconds(seconds);
  return request;
}

v1::CommitRequest CommitOf(const std::string& id, const std::string& commit_id) {
  v1::CommitRequest request;
  request.set_charge_id(id);
  request.set_commit_id(commit_id);
  return request;
}

void Place(v1::CommitRequest* request, const std::string& cgroup, const std::string& region,
           uint64_t bytes) {
  v1::Placement* placement = request->add_placements();
  placement->set_cgroup(cgroup);
  placement->set_region(region);
  placement->set_bytes(bytes);
}

v1::CancelRequest CancelOf(const std::string& id) {
  v1::CancelRequest request;
  request.set_charge_id(id);
  return request;
}

v1::RequestReleaseRequest ReleaseOf(const std::string& id) {
  v1::RequestReleaseRequest request;
  request.add_charge_ids(id);
  request.set_requested_by("kubelet");
  request.set_reason("pod deleted");
  return request;
}

v1::RenewRequest RenewOf(const std::string& id, int64_t seconds) {
  v1::RenewRequest request;
  request.set_charge_id(id);
  request.mutable_ttl()->set_seconds(seconds);
  return request;
}

TEST_F(BadInputTest, ReservationsRefuseTtlsOutOfRange) {
  using R = v1::ChargeRequest;
  Run<R>(
      &Stub::Charge, ReserveOf("new", "/team", "cluster", 1),
      {
          {"0", [](R* r) { r->mutable_ttl()->set_seconds(0); }, kInvalid, "INVALID_FIELD", "ttl"},
          {"below a second",
           [](R* r) {
             r->mutable_ttl()->set_seconds(0);
             r->mutable_ttl()->set_nanos(999999999);
           },
           kInvalid, "INVALID_FIELD", "ttl"},
          {"negative", [](R* r) { r->mutable_ttl()->set_seconds(-1); }, kInvalid, "INVALID_FIELD",
           "ttl"},
          {"above a day",
           [](R* r) {
             r->mutable_ttl()->set_seconds(24 * 60 * 60);
             r->mutable_ttl()->set_nanos(1);
           },
           kInvalid, "INVALID_FIELD", "ttl"},
          {"no duration", [](R* r) { r->mutable_ttl()->set_nanos(-1); }, kInvalid, "INVALID_FIELD",
           "ttl"},
          {"reserved set", [](R* r) { r->mutable_items(0)->set_reserved(true); }, kInvalid,
           "INVALID_FIELD", "items[0].reserved"},
          {"a group without a ttl", [](R* r) { r->clear_ttl(); }, StatusCode::FAILED_PRECONDITION,
           "WRONG_KIND"},
      });
}

TEST_F(BadInputTest, CommitRefusesWhatNamesNothing) {
  using R = v1::CommitRequest;
  R right = CommitOf("held", "one");
  Place(&right, "/team/job", "n1/gpu0", 1);
  const std::string long_id(65, 'x');
  Run<R>(&Stub::Commit, right,
         {
             {"no charge id", [](R* r) { r->clear_charge_id(); }, kInvalid, "INVALID_FIELD",
              "charge_id"},
             {"no commit id", [](R* r) { r->clear_commit_id(); }, kInvalid, "INVALID_FIELD",
              "commit_id"},
             {"long commit id", [&](R* r) { r->set_commit_id(long_id); }, kInvalid, "INVALID_FIELD",
              "commit_id"},
             {"bad cgroup", [](R* r) { r->mutable_placements(0)->set_cgroup("team"); }, kInvalid,
              "INVALID_FIELD", "placements[0].cgroup"},
             {"no region", [](R* r) { r->mutable_placements(0)->clear_region(); }, kInvalid,
              "INVALID_FIELD", "placements[0].region"},
             {"bad group", [](R* r) { r->mutable_placements(0)->set_reserved_in("a b"); }, kInvalid,
              "INVALID_FIELD", "placements[0].reserved_in"},
             {"2^63 bytes", [](R* r) { r->mutable_placements(0)->set_bytes(kTwoTo63); }, kInvalid,
              "INVALID_FIELD", "placements[0].bytes"},
             {"twice the same", [](R* r) { *r->add_placements() = r->placements(0); }, kInvalid,
              "DUPLICATE_ITEM", "placements[1]"},
             {"1,001 placements",
              [](R* r) {
                for (int i = 1; i <= 1000; ++i) Place(r, "/c" + std::to_string(i), "n1/gpu0", 1);
              },
              kInvalid, "INVALID_FIELD", "placements"},
             {"no such charge", [](R* r) { r->set_charge_id("none"); }, StatusCode::NOT_FOUND,
              "CHARGE_NOT_FOUND"},
             {"spent", [](R* r) { r->set_charge_id("spent"); }, StatusCode::FAILED_PRECONDITION,
              "ALREADY_RELEASED"},
             {"held already", [](R*) {}, StatusCode::FAILED_PRECONDITION, "NOT_RESERVED"},
         });
}

TEST_F(BadInputTest, CancelRenewAndReleaseRefuseWhatNamesNothing) {
  Run<v1::CancelRequest>(&Stub::Cancel, CancelOf("x"),
                         {{"no id", [](v1::CancelRequest* r) { r->clear_charge_id(); }, kInvalid,
                           "INVALID_FIELD", "charge_id"}});
  using Renew = v1::RenewRequest;
  Run<Renew>(
      &Stub::Renew, RenewOf("held", 5),
      {
          {"no id", [](Renew* r) { r->clear_charge_id(); }, kInvalid, "INVALID_FIELD", "charge_id"},
          {"no ttl", [](Renew* r) { r->clear_ttl(); }, kInvalid, "INVALID_FIELD", "ttl"},
          {"held", [](Renew*) {}, StatusCode::FAILED_PRECONDITION, "NOT_RESERVED"},
          {"none", [](Renew* r) { r->set_charge_id("none"); }, StatusCode::NOT_FOUND,
           "CHARGE_NOT_FOUND"},
      });
  using Release = v1::RequestReleaseRequest;
  const std::string long_text(1025, 'x');
  Run<Release>(
      &Stub::RequestRelease, ReleaseOf("none"),
      {
          {"no ids", [](Release* r) { r->clear_charge_ids(); }, kInvalid, "INVALID_FIELD",
           "charge_ids"},
          {"the same twice", [](Release* r) { r->add_charge_ids("none"); }, kInvalid,
           "DUPLICATE_ITEM", "charge_ids[1]"},
          {"nobody", [](Release* r) { r->clear_requested_by(); }, kInvalid, "INVALID_FIELD",
           "requested_by"},
          {"no reason", [](Release* r) { r->clear_reason(); }, kInvalid, "INVALID_FIELD", "reason"},
          {"long reason", [&](Release* r) { r->set_reason(long_text); }, kInvalid, "INVALID_FIELD",
           "reason"},
          {"none", [](Release*) {}, StatusCode::NOT_FOUND, "CHARGE_NOT_FOUND"},
      });
}

class ReservationTest : public ::testing::Test {
 protected:
  void SetUp() override {
    v1::RegisterGroupRequest group;
    group.set_name("g");
    ASSERT_TRUE(Call(server_, &Stub::RegisterGroup, group).ok());
    for (const char* name : {"n1/gpu0", "n1/gpu1", "n2/gpu0"})
      ASSERT_TRUE(Call(server_, &Stub::Register, RegisterOf(name, 80, "g")).ok());
  }

  v1::Charge Get(const std::string& id) {
    v1::ListChargesRequest request;
    request.set_charge_id(id);
    const auto answer = Call(server_, &Stub::ListCharges, request);
    EXPECT_EQ(answer.response.charges_size(), 1);
    return answer.response.charges_size() == 1 ? answer.response.charges(0) : v1::Charge();
  }

  TestServer server_;
};

TEST_F(ReservationTest, ReservedOnAGroupAndCommittedInPartsAcrossARestart) {
  const auto reserved = Call(server_, &Stub::Charge, ReserveOf("c", "/a", "g", 240));
  ASSERT_TRUE(reserved.ok()) << reserved.status.error_message();
  EXPECT_EQ(reserved.response.charge().state(), v1::CHARGE_STATE_RESERVED);
  EXPECT_TRUE(reserved.response.charge().items(0).reserved());
  EXPECT_GT(reserved.response.charge().expires_at().seconds(),
            reserved.response.charge().granted_at().seconds());
  v1::CommitRequest first = CommitOf("c", "one");
  Place(&first, "/a", "n1/gpu0", 80);
  Place(&first, "/a", "n1/gpu1", 80);
  const auto committed = Call(server_, &Stub::Commit, first);
  ASSERT_TRUE(committed.ok()) << committed.status.error_message();
  EXPECT_EQ(committed.response.placed_bytes(), 160u);
  EXPECT_EQ(UsageOf(server_, "/a", "g"), 240u);
  ASSERT_TRUE(server_.Restart().ok());
  // A lost answer is asked for again, also after a restart. (Time goes on meanwhile, so that the
  // state's hash is another.)
  const auto again = Call(server_, &Stub::Commit, first);
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(again.response.replayed());
  EXPECT_EQ(UsageOf(server_, "/a", "g"), 240u);
  EXPECT_EQ(UsageOf(server_, "/a", "n1/gpu0"), 80u);
  EXPECT_EQ(Get("c").items_size(), 3);
  server_.StateHash();  // Audits.
  v1::CommitRequest last = CommitOf("c", "two");
  Place(&last, "/a", "n2/gpu0", 80);
  ASSERT_TRUE(Call(server_, &Stub::Commit, last).ok());
  EXPECT_EQ(Get("c").state(), v1::CHARGE_STATE_HELD);
  EXPECT_FALSE(Get("c").has_expires_at());
  for (const char* region : {"n1/gpu0", "n1/gpu1", "n2/gpu0"})
    EXPECT_EQ(UsageOf(server_, "/a", region), 80u);
  EXPECT_EQ(UsageOf(server_, "/a", "g"), 240u);
}

TEST_F(ReservationTest, ListingsSayHowMuchIsReserved) {
  ASSERT_TRUE(Call(server_, &Stub::Charge, ReserveOf("c", "/a", "g", 100)).ok());
  ASSERT_TRUE(Call(server_, &Stub::Charge, ReserveOf("d", "/a", "n1/gpu0", 30)).ok());
  const auto list = Call(server_, &Stub::ListRegions, v1::ListRegionsRequest());
  ASSERT_TRUE(list.ok());
  EXPECT_EQ(list.response.groups(0).reservations_bytes(), 130u);
  EXPECT_EQ(list.response.regions(0).reservations_bytes(), 30u);
  EXPECT_EQ(list.response.regions(1).reservations_bytes(), 0u);
  v1::ListChargesRequest in_group;
  in_group.set_region("g");
  EXPECT_EQ(Call(server_, &Stub::ListCharges, in_group).response.charges_size(), 2);
}

TEST_F(ReservationTest, RefusedCommitExplainsItselfAndFreesItsId) {
  ASSERT_TRUE(Call(server_, &Stub::Charge, ChargeOf("x", "/b", "n1/gpu0", 50)).ok());
  ASSERT_TRUE(Call(server_, &Stub::Charge, ReserveOf("c", "/a", "g", 80)).ok());
  v1::CommitRequest request = CommitOf("c", "one");
  Place(&request, "/a", "n1/gpu0", 80);
  const auto refused = Call(server_, &Stub::Commit, request);
  EXPECT_EQ(refused.status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(ErrorInfoOf(refused.status).reason(), "CAPACITY");
  EXPECT_EQ(ErrorInfoOf(refused.status).metadata().at("largest_grantable_bytes"), "30");
  request.mutable_placements(0)->set_region("n2/gpu0");
  EXPECT_TRUE(Call(server_, &Stub::Commit, request).ok());
}

TEST_F(ReservationTest, CancelAndReleaseThroughTheApi) {
  ASSERT_TRUE(Call(server_, &Stub::Charge, ReserveOf("c", "/a", "g", 100)).ok());
  ASSERT_TRUE(Call(server_, &Stub::Renew, RenewOf("c", 60)).ok());
  v1::CommitRequest commit = CommitOf("c", "one");
  Place(&commit, "/a", "n1/gpu0", 40);
  ASSERT_TRUE(Call(server_, &Stub::Commit, commit).ok());
  EXPECT_EQ(ErrorInfoOf(Call(server_, &Stub::RequestRelease, ReleaseOf("c")).status).reason(),
            "NOT_HELD");
  const auto cancelled = Call(server_, &Stub::Cancel, CancelOf("c"));
  EXPECT_EQ(cancelled.response.outcome(), v1::CANCEL_OUTCOME_CANCELLED);
  EXPECT_EQ(cancelled.response.cancelled_bytes(), 60u);
  EXPECT_EQ(cancelled.response.charge().state(), v1::CHARGE_STATE_HELD);
  const auto asked = Call(server_, &Stub::RequestRelease, ReleaseOf("c"));
  ASSERT_TRUE(asked.ok()) << asked.status.error_message();
  EXPECT_EQ(asked.response.results(0).outcome(), v1::RELEASE_OUTCOME_REQUESTED);
  EXPECT_EQ(Get("c").state(), v1::CHARGE_STATE_RELEASING);
  EXPECT_EQ(Get("c").release().requested_by(), "kubelet");
  EXPECT_EQ(UsageOf(server_, "/a", "g"), 40u);
  const std::string hash = server_.StateHash();
  ASSERT_TRUE(server_.Restart().ok());
  EXPECT_EQ(server_.StateHash(), hash);
  EXPECT_EQ(Call(server_, &Stub::RequestRelease, ReleaseOf("c")).response.results(0).outcome(),
            v1::RELEASE_OUTCOME_REQUESTED_BEFORE);
}

TEST_F(ReservationTest, WhatIsNotCommittedComesBackByItselfWhenTheTtlIsOver) {
  ASSERT_TRUE(Call(server_, &Stub::Charge, ReserveOf("c", "/a", "g", 240, /*seconds=*/1)).ok());
  v1::CommitRequest commit = CommitOf("c", "one");
  Place(&commit, "/a", "n1/gpu0", 80);
  Place(&commit, "/a", "n2/gpu0", 60);
  ASSERT_TRUE(Call(server_, &Stub::Commit, commit).ok());
  // Nobody commits more. Each look is a call, which takes its time.
  const absl::Time end = WallClockNow() + absl::Seconds(60);
  while (Get("c").state() == v1::CHARGE_STATE_RESERVED && WallClockNow() < end) {
  }
  EXPECT_EQ(Get("c").state(), v1::CHARGE_STATE_HELD);
  EXPECT_EQ(UsageOf(server_, "/a", "g"), 140u);
  EXPECT_EQ(UsageOf(server_, "/a", "n1/gpu0"), 80u);
  EXPECT_EQ(UsageOf(server_, "/a", "n2/gpu0"), 60u);
  EXPECT_TRUE(Call(server_, &Stub::Commit, commit).response.replayed());
  ASSERT_TRUE(server_.Restart().ok());
  EXPECT_EQ(Get("c").items_size(), 2) << "also after a restart";
}

// Two nodes with a session each; a gang over both.
class ReleaseTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* node : {"n1", "n2"}) {
      v1::OpenSessionRequest open;
      open.set_owner("agent");
      open.set_node(node);
      open.set_incarnation(1);
      open.set_nonce(node);
      const auto opened = Call(server_, &Stub::OpenSession, open);
      ASSERT_TRUE(opened.ok()) << opened.status.error_message();
      sessions_[node] = opened.response.session().id();
      v1::RegisterRequest region = RegisterOf(std::string(node) + "/gpu0", 100);
      region.mutable_region()->mutable_attributes()->set_node(node);
      region.mutable_region()->set_incarnation(1);
      region.set_session(sessions_[node]);
      const auto registered = Call(server_, &Stub::Register, region);
      ASSERT_TRUE(registered.ok()) << registered.status.error_message();
    }
    v1::ChargeRequest gang = ChargeOf("gang", "/a", "n1/gpu0", 10);
    *gang.add_items() = gang.items(0);
    gang.mutable_items(1)->set_region("n2/gpu0");
    ASSERT_TRUE(Call(server_, &Stub::Charge, gang).ok());
    ASSERT_TRUE(Call(server_, &Stub::RequestRelease, ReleaseOf("gang")).ok());
  }

  v1::UnchargeItemsRequest PartOf(const std::string& node) {
    v1::UnchargeItemsRequest request;
    request.set_session(sessions_[node]);
    request.set_charge_id("gang");
    request.set_evidence("no process uses it");
    return request;
  }

  TestServer server_;
  std::map<std::string, uint64_t> sessions_;
};

TEST_F(ReleaseTest, GangIsGivenBackByEachNodesSessionWithItsEvidence) {
  v1::UnchargeRequest uncharge;
  uncharge.add_charge_ids("gang");
  uncharge.set_session(sessions_["n1"]);
  uncharge.set_evidence("no process uses it");
  EXPECT_EQ(ErrorInfoOf(Call(server_, &Stub::Uncharge, uncharge).status).reason(),
            "RELEASE_NEEDS_EVIDENCE");
  EXPECT_EQ(UsageOf(server_, "/a", "n1/gpu0"), 10u);
  const auto first = Call(server_, &Stub::UnchargeItems, PartOf("n1"));
  ASSERT_TRUE(first.ok()) << first.status.error_message();
  EXPECT_EQ(first.response.items(), 1u);
  EXPECT_EQ(first.response.bytes(), 10u);
  EXPECT_EQ(first.response.charge().state(), v1::CHARGE_STATE_RELEASING);
  EXPECT_EQ(UsageOf(server_, "/a", "n1/gpu0"), 0u);
  EXPECT_EQ(UsageOf(server_, "/a", "n2/gpu0"), 10u);
  ASSERT_TRUE(server_.Restart().ok());
  // What is left is all on n2, whose session may give it back whole.
  uncharge.set_session(sessions_["n2"]);
  const auto rest = Call(server_, &Stub::Uncharge, uncharge);
  ASSERT_TRUE(rest.ok()) << rest.status.error_message();
  EXPECT_EQ(rest.response.results(0).outcome(), v1::UNCHARGE_OUTCOME_RELEASED);
  const auto again = Call(server_, &Stub::UnchargeItems, PartOf("n2"));
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again.response.items(), 0u);
  EXPECT_FALSE(again.response.has_charge());
}

TEST_F(ReleaseTest, PartsAreRefusedWithoutSessionEvidenceOrRequest) {
  const auto reason = [&](const v1::UnchargeItemsRequest& request) {
    return ErrorInfoOf(Call(server_, &Stub::UnchargeItems, request).status).reason();
  };
  v1::UnchargeItemsRequest request = PartOf("n1");
  request.clear_session();
  EXPECT_EQ(reason(request), "INVALID_FIELD");
  request = PartOf("n1");
  request.clear_evidence();
  EXPECT_EQ(reason(request), "INVALID_FIELD");
  request = PartOf("n1");
  request.set_session(999);
  EXPECT_EQ(reason(request), "SESSION_NOT_FOUND");
  request = PartOf("n1");
  request.set_charge_id("never");
  EXPECT_EQ(reason(request), "CHARGE_NOT_FOUND");
  ASSERT_TRUE(Call(server_, &Stub::Charge, ChargeOf("held", "/a", "n1/gpu0", 1)).ok());
  request.set_charge_id("held");
  EXPECT_EQ(reason(request), "NOT_RELEASING");
}

}  // namespace
}  // namespace dmem::server
