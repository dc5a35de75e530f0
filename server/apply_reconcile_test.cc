// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Reconcile as a request: converted, answered, recorded and applied again.

#include <memory>
#include <string>

#include "core/errors.h"
#include "core/state_codec.h"
#include "core/state_restorer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/apply.h"
#include "server/record.h"
#include "server/validation.h"

namespace dmem::server {
namespace {

constexpr int64_t kStartUs = int64_t{1700000000} * 1000000;

// A node with one region and its agent's session, and its twin, to which records are applied.
class ApplyReconcileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (Ledger* ledger : {&ledger_, &twin_}) {
      const auto session = ledger->OpenSession(
          {absl::FromUnixMicros(kStartUs), "agent", "n1", 1, absl::Seconds(60), "nonce"});
      ASSERT_TRUE(session.ok());
      RegisterCommand region;
      region.time = absl::FromUnixMicros(kStartUs);
      region.session = 1;
      region.name = "n1/a";
      region.node = "n1";
      region.capacity = ByteCount(100);
      ASSERT_TRUE(ledger->Register(region).ok());
    }
    request_.set_session(1);
    request_.set_reconcile_id("r1");
    request_.set_as_of(2);
    request_.set_last(true);
  }

  v1::HeldItem* AddItem(const std::string& id, uint64_t bytes) {
    v1::HeldItem* item = request_.add_items();
    item->set_charge_id(id);
    item->set_cgroup("/t");
    item->set_region("n1/a");
    item->set_bytes(bytes);
    return item;
  }

  // Applies the request, records it, applies the record to the twin.
  absl::Status Send() {
    EXPECT_TRUE(Validate(request_).ok()) << Validate(request_);
    CommandInput input;
    input.time_us = kStartUs + ++calls_ * int64_t{1000000};
    input.generated_charge_id = "made";
    response_.Clear();
    const uint64_t before = ledger_.state().scalars.sequence;
    absl::Status status = Apply(input, request_, &ledger_, &response_);
    if (ledger_.state().scalars.sequence == before) return status;
    std::string record;
    AppendEntry(input, status, request_, ledger_, &record);
    EXPECT_TRUE(ReplayRecord(record, &twin_).ok());
    EXPECT_EQ(HashOf(twin_.state()), HashOf(ledger_.state()));
    return status;
  }
  std::string FieldOf(const absl::Status& status) {
    for (const auto& [key, value] : FactsOf(status).metadata) {
      if (key == "field") return value;
    }
    return "";
  }

  Ledger ledger_, twin_;
  int calls_ = 0;
  v1::ReconcileRequest request_;
  v1::ReconcileResponse response_;
};

TEST_F(ApplyReconcileTest, EveryFieldOfWhatIsHeldArrivesAndEveryDifferenceIsAnswered) {
  v1::HeldItem* item = AddItem("c1", 40);
  item->mutable_created_at()->set_seconds(1699999000);
  item->mutable_owner()->set_name("pod-1");
  (*item->mutable_labels())["tier"] = "gold";
  item->set_priority(5);
  item->set_preemptible(true);
  item->set_basis(v1::BASIS_MEASURED);
  AddItem("c2", 20);
  ASSERT_TRUE(Send().ok());
  ASSERT_EQ(response_.differences_size(), 2);
  EXPECT_EQ(response_.differences_total(), 2u);
  EXPECT_EQ(response_.differences(0).kind(), v1::Difference::RECORDED);
  EXPECT_EQ(response_.differences(0).held_bytes(), 40u);
  const State& state = ledger_.state();
  const ChargeRecord& charge = state.charges[state.FindCharge("c1")];
  EXPECT_EQ(charge.created_at_us, int64_t{1699999000} * 1000000);
  EXPECT_EQ(charge.priority, 5);
  EXPECT_TRUE(charge.is_preemptible);
  EXPECT_EQ(charge.basis, Basis::kMeasured);

  // c1 shrank, c2 is gone, c3 is new.
  request_.clear_items();
  AddItem("c1", 30);
  AddItem("c3", 5);
  request_.set_as_of(response_.sequence());
  ASSERT_TRUE(Send().ok());
  ASSERT_EQ(response_.differences_size(), 3);
  EXPECT_EQ(response_.differences(0).kind(), v1::Difference::RESIZED);
  EXPECT_EQ(response_.differences(0).known_bytes(), 40u);
  EXPECT_EQ(response_.differences(1).kind(), v1::Difference::RECORDED);
  EXPECT_EQ(response_.differences(2).kind(), v1::Difference::RELEASED);
  EXPECT_EQ(response_.differences(2).charge_id(), "c2");
  EXPECT_TRUE(response_.differences(2).charge_ended());

  // c2 is held after all: under a new id.
  AddItem("c2", 20);
  request_.set_as_of(response_.sequence());
  ASSERT_TRUE(Send().ok());
  ASSERT_EQ(response_.differences_size(), 1);
  EXPECT_EQ(response_.differences(0).kind(), v1::Difference::RECORDED_ANEW);
  EXPECT_EQ(response_.differences(0).new_charge_id(), "made-1");
}

TEST_F(ApplyReconcileTest, PartsAreOneListAndAPartOutOfOrderChangesNothing) {
  AddItem("c1", 40);
  request_.set_last(false);
  ASSERT_TRUE(Send().ok());
  request_.set_part(2);
  const absl::Status status = Send();
  EXPECT_EQ(FactsOf(status).reason, "RECONCILE_RESTART");
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  request_.set_part(1);
  request_.set_last(true);
  request_.clear_items();
  ASSERT_TRUE(Send().ok());
  EXPECT_EQ(response_.differences_size(), 0) << "c1 was listed in the part before";
}

TEST_F(ApplyReconcileTest, WhatIsWrongInAnyStateNamesItsField) {
  v1::ReconcileRequest good = request_;
  request_.clear_session();
  EXPECT_EQ(FieldOf(Validate(request_)), "session");
  request_ = good;
  request_.clear_reconcile_id();
  EXPECT_EQ(FieldOf(Validate(request_)), "reconcile_id");
  request_.set_reconcile_id(std::string(65, 'a'));
  EXPECT_EQ(FieldOf(Validate(request_)), "reconcile_id");
  request_ = good;
  AddItem("c", 1)->set_cgroup("@7");
  EXPECT_EQ(FieldOf(Validate(request_)), "items[0].cgroup");
  request_ = good;
  AddItem("c d", 1);
  EXPECT_EQ(FieldOf(Validate(request_)), "items[0].charge_id");
  request_ = good;
  AddItem("c", uint64_t{1} << 63);
  EXPECT_EQ(FieldOf(Validate(request_)), "items[0].bytes");
  request_ = good;
  AddItem("c", 1)->mutable_owner()->set_name(std::string(254, 'a'));
  EXPECT_EQ(FieldOf(Validate(request_)), "items[0].owner.name");
  request_ = good;
  (*AddItem("c", 1)->mutable_labels())[""] = "x";
  EXPECT_EQ(FieldOf(Validate(request_)), "items[0].labels");
  request_ = good;
  AddItem("c", 1)->set_basis(static_cast<v1::Basis>(9));
  EXPECT_EQ(FieldOf(Validate(request_)), "items[0].basis");
  request_ = good;
  AddItem("c", 1);
  AddItem("c", 2);
  EXPECT_EQ(FactsOf(Validate(request_)).reason, "DUPLICATE_ITEM");
  request_ = good;
  for (int i = 0; i < 1001; ++i) AddItem("c" + std::to_string(i), 1);
  EXPECT_EQ(FieldOf(Validate(request_)), "items");
  request_ = good;
  EXPECT_TRUE(Validate(request_).ok()) << "a node may hold nothing";
}

}  // namespace
}  // namespace dmem::server
