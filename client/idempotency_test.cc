// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/idempotency.h"

#include <gtest/gtest.h>

namespace dmem::client {
namespace {

constexpr Idempotency kYes = Idempotency::kIdempotent;
constexpr Idempotency kNo = Idempotency::kNonIdempotent;

TEST(IdempotencyTest, ChargeIsWithAnIdOrWithoutEffect) {
  v1::ChargeRequest charge;
  EXPECT_EQ(IdempotencyOf(charge), kNo);
  charge.set_mode(v1::CHARGE_MODE_CHECK_ONLY);
  EXPECT_EQ(IdempotencyOf(charge), kYes);
  charge.set_mode(v1::CHARGE_MODE_FORCE);
  EXPECT_EQ(IdempotencyOf(charge), kNo);
  charge.set_charge_id("a");
  EXPECT_EQ(IdempotencyOf(charge), kYes);
}

TEST(IdempotencyTest, BatchIsIfEachChargeIs) {
  v1::BatchChargeRequest batch;
  batch.add_charges()->set_charge_id("a");
  EXPECT_EQ(IdempotencyOf(batch), kYes);
  batch.add_charges();
  EXPECT_EQ(IdempotencyOf(batch), kNo);
}

TEST(IdempotencyTest, SetLimitsIsWithoutEtagOrWithoutEffect) {
  v1::SetLimitsRequest limits;
  limits.add_updates()->set_max_bytes(1);
  EXPECT_EQ(IdempotencyOf(limits), kYes);
  limits.add_updates()->set_etag(0);
  EXPECT_EQ(IdempotencyOf(limits), kNo);
  limits.set_validate_only(true);
  EXPECT_EQ(IdempotencyOf(limits), kYes);
}

TEST(IdempotencyTest, WhatASecondCallWouldNotFindOrFindMadeIsNot) {
  EXPECT_EQ(IdempotencyOf(v1::UnregisterRequest()), kNo);
  EXPECT_EQ(IdempotencyOf(v1::UnregisterGroupRequest()), kNo);
  EXPECT_EQ(IdempotencyOf(v1::CreateCgroupRequest()), kNo);
  EXPECT_EQ(IdempotencyOf(v1::DeleteCgroupRequest()), kNo);
  EXPECT_EQ(IdempotencyOf(v1::ReconcileRequest()), kNo);
}

TEST(IdempotencyTest, AbsoluteChangesAndReadsAre) {
  EXPECT_EQ(IdempotencyOf(v1::RegisterRequest()), kYes);
  EXPECT_EQ(IdempotencyOf(v1::CordonRequest()), kYes);
  EXPECT_EQ(IdempotencyOf(v1::RegisterGroupRequest()), kYes);
  EXPECT_EQ(IdempotencyOf(v1::UnchargeRequest()), kYes);
  EXPECT_EQ(IdempotencyOf(v1::ResizeRequest()), kYes);
  EXPECT_EQ(IdempotencyOf(v1::CommitRequest()), kYes);
  EXPECT_EQ(IdempotencyOf(v1::CancelRequest()), kYes);
  EXPECT_EQ(IdempotencyOf(v1::RenewRequest()), kYes);
  EXPECT_EQ(IdempotencyOf(v1::RequestReleaseRequest()), kYes);
  EXPECT_EQ(IdempotencyOf(v1::ReportMeasuredRequest()), kYes);
  EXPECT_EQ(IdempotencyOf(v1::MoveChargeRequest()), kYes);
  EXPECT_EQ(IdempotencyOf(v1::WriteFileRequest()), kYes);
  EXPECT_EQ(IdempotencyOf(v1::ListPoolsRequest()), kYes);
  EXPECT_EQ(IdempotencyOf(v1::EvictCandidatesRequest()), kYes);
  EXPECT_EQ(IdempotencyOf(v1::GetHeadroomRequest()), kYes);
}

}  // namespace
}  // namespace dmem::client
