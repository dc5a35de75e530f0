// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/loop/node_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/testing/mock_connection.h"

namespace dmem::client {
namespace {

using ::testing::NiceMock;

class NodeListTest : public ::testing::Test {
 protected:
  NodeListTest() {
    ON_CALL(*connection_, Reconcile).WillByDefault([this](const v1::ReconcileRequest& part, auto) {
      if (refused_part_ == static_cast<int>(parts_.size()))
        return absl::StatusOr<v1::ReconcileResponse>(absl::AbortedError("begin anew"));
      parts_.push_back(part);
      v1::ReconcileResponse response;
      response.set_differences_total(2);
      return absl::StatusOr<v1::ReconcileResponse>(response);
    });
  }

  // Charges of so many items each.
  static std::vector<v1::HeldItem> ItemsOf(const std::vector<int>& sizes) {
    std::vector<v1::HeldItem> items;
    for (size_t charge = 0; charge < sizes.size(); ++charge) {
      for (int i = 0; i < sizes[charge]; ++i) {
        items.emplace_back().set_charge_id(absl::StrCat("c", charge));
      }
    }
    return items;
  }

  absl::Status Send(const std::vector<int>& sizes) {
    RetryPolicy once;
    once.attempts_max = 1;
    Client client(connection_, once);
    return SendNodeList(&client, 7, 42, {"n1/gpu0"}, ItemsOf(sizes), &differences_);
  }

  std::shared_ptr<NiceMock<MockConnection>> connection_ =
      std::make_shared<NiceMock<MockConnection>>();
  int refused_part_ = -1;
  std::vector<v1::ReconcileRequest> parts_;
  uint64_t differences_ = 0;
};

TEST_F(NodeListTest, EmptyListIsOnePartThatIsTheLast) {
  ASSERT_TRUE(Send({}).ok());
  ASSERT_EQ(parts_.size(), 1u);
  EXPECT_EQ(parts_[0].session(), 7u);
  EXPECT_EQ(parts_[0].as_of(), 42u);
  EXPECT_EQ(parts_[0].items_size(), 0);
  EXPECT_TRUE(parts_[0].last());
}

TEST_F(NodeListTest, LongListComesInPartsOfWholeChargesUnderOneIdAndOnlyTheLastReleases) {
  ASSERT_TRUE(Send({600, 399, 2, 998, 1}).ok());
  ASSERT_EQ(parts_.size(), 3u);
  EXPECT_EQ(parts_[0].items_size(), 999) << "the next charge is of two items";
  EXPECT_EQ(parts_[1].items_size(), 1000);
  EXPECT_EQ(parts_[2].items_size(), 1);
  for (size_t part = 0; part < parts_.size(); ++part) {
    EXPECT_EQ(parts_[part].part(), part);
    EXPECT_EQ(parts_[part].reconcile_id(), parts_[0].reconcile_id());
    EXPECT_EQ(parts_[part].as_of(), 42u);
    EXPECT_EQ(parts_[part].last(), part == 2);
  }
  EXPECT_EQ(differences_, 6u);
}

TEST_F(NodeListTest, PartThatIsRefusedEndsTheListAndWhatWasDifferentBeforeCounts) {
  refused_part_ = 1;
  EXPECT_TRUE(absl::IsAborted(Send({1000, 1000, 1})));
  EXPECT_EQ(parts_.size(), 1u);
  EXPECT_FALSE(parts_[0].last());
  EXPECT_EQ(differences_, 2u);
}

}  // namespace
}  // namespace dmem::client
