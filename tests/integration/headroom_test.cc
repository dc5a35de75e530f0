// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// GetHeadroom: what it says is what charges then get; and what it refuses.

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "tests/integration/bad_input.h"

namespace dmem::server {
namespace {

v1::RegisterRequest OnNode(const std::string& name, const std::string& node,
                           const std::string& parent) {
  v1::RegisterRequest request = RegisterOf(name, 100, parent);
  request.mutable_region()->mutable_attributes()->set_node(node);
  return request;
}

v1::GetHeadroomRequest Shape(const std::string& cgroup, const std::string& region, uint32_t items,
                             uint64_t bytes, bool same_node) {
  v1::GetHeadroomRequest request;
  request.set_cgroup(cgroup);
  request.set_region(region);
  request.set_items(items);
  request.set_bytes(bytes);
  request.set_same_node(same_node);
  return request;
}

// cluster - 3 nodes of 4 regions of 100; /team has used 50 of the last and may have 900.
class HeadroomTest : public ::testing::Test {
 protected:
  void SetUp() override {
    v1::RegisterGroupRequest group;
    group.set_name("cluster");
    ASSERT_TRUE(Call(server_, &Stub::RegisterGroup, group).ok());
    for (const std::string node : {"n1", "n2", "n3"}) {
      for (const char* gpu : {"/gpu0", "/gpu1", "/gpu2", "/gpu3"}) {
        ASSERT_TRUE(Call(server_, &Stub::Register, OnNode(node + gpu, node, "cluster")).ok());
      }
    }
    ASSERT_TRUE(Call(server_, &Stub::Charge, ChargeOf("held", "/team", "n3/gpu3", 50)).ok());
    ASSERT_TRUE(Call(server_, &Stub::SetLimits, MaxOf("/team", "cluster", 900)).ok());
  }

  // A charge of `items` of what is left of the places: of those on one node, or of all.
  v1::ChargeRequest Take(const v1::GetHeadroomRequest& shape, const std::string& id,
                         const std::string& node, std::map<std::string, uint64_t>* left) {
    v1::ChargeRequest charge = ChargeOf(id, shape.cgroup(), "", 0);
    charge.clear_items();
    std::set<std::string> taken;
    for (uint32_t n = 0; n < shape.items(); ++n) {
      auto most = left->end();
      for (auto it = left->begin(); it != left->end(); ++it) {
        const bool is_there = node.empty() || it->first.substr(0, node.size()) == node;
        if (!is_there || it->second == 0 || taken.count(it->first) != 0) continue;
        if (most == left->end() || it->second > most->second) most = it;
      }
      if (most == left->end()) break;
      taken.insert(most->first);
      --most->second;
      v1::ChargeItem* item = charge.add_items();
      item->set_cgroup(shape.cgroup());
      item->set_region(most->first);
      item->set_bytes(shape.bytes());
    }
    EXPECT_EQ(charge.items_size(), static_cast<int>(shape.items()));
    return charge;
  }

  // Places the charges; then one more on each node, or anywhere, is refused.
  void ExpectGranted(const v1::GetHeadroomRequest& shape, uint64_t count) {
    const auto headroom = Call(server_, &Stub::GetHeadroom, shape);
    ASSERT_TRUE(headroom.ok()) << headroom.status.error_message();
    ASSERT_EQ(headroom.response.count(), count);
    EXPECT_TRUE(headroom.response.exact());
    std::map<std::string, uint64_t> left;
    for (const v1::HeadroomPlace& place : headroom.response.places()) {
      left[place.region()] = place.items();
    }
    int made = 0;
    const auto charge = [&](const std::string& node) {
      v1::ChargeRequest request = Take(shape, "c" + std::to_string(++made), node, &left);
      request.set_mode(v1::CHARGE_MODE_CHECK_ONLY);
      EXPECT_TRUE(Call(server_, &Stub::Charge, request).ok());
      request.set_mode(v1::CHARGE_MODE_STRICT);
      EXPECT_TRUE(Call(server_, &Stub::Charge, request).ok());
    };
    for (const v1::HeadroomNode& node : headroom.response.nodes()) {
      for (uint64_t i = 0; i < node.count(); ++i) charge(node.node());
    }
    if (!shape.same_node()) {
      for (uint64_t i = 0; i < count; ++i) charge("");
    }
    EXPECT_EQ(static_cast<uint64_t>(made), count);
    const auto after = Call(server_, &Stub::GetHeadroom, shape);
    EXPECT_EQ(after.response.count(), 0u);
    EXPECT_GT(after.response.sequence(), headroom.response.sequence());
  }

  TestServer server_;
};

TEST_F(HeadroomTest, ChargesOnOneNodeAreGrantedAsPromised) {
  const v1::GetHeadroomRequest shape = Shape("/team/job", "cluster", 4, 40, true);
  ExpectGranted(shape, 5);  // Two on n1 and n2, and one on n3, where a region has only 50 left.
  const auto after = Call(server_, &Stub::GetHeadroom, shape);
  ASSERT_GE(after.response.limits_size(), 1);
  // 850 of 900 are used; one more of 4 x 40 would be 110 too much.
  EXPECT_EQ(after.response.limits(0).cgroup(), "/team");
  EXPECT_EQ(after.response.limits(0).region(), "cluster");
  EXPECT_EQ(after.response.limits(0).usage_bytes(), 850u);
  EXPECT_EQ(after.response.limits(0).max_bytes(), 900u);
  EXPECT_EQ(after.response.limits(0).short_bytes(), 110u);
}

TEST_F(HeadroomTest, ChargesOverManyNodesAreGrantedAsPromised) {
  ExpectGranted(Shape("/team/job", "cluster", 7, 40, false), 3);  // 21 of 23 items; 7 more do not.
}

TEST_F(HeadroomTest, TheHoleIsTheLargestSingleCharge) {
  const auto headroom =
      Call(server_, &Stub::GetHeadroom, Shape("/team/job", "cluster", 1, 1, false));
  EXPECT_EQ(headroom.response.hole_bytes(), 100u);
  EXPECT_EQ(headroom.response.free_bytes(), 850u);
  EXPECT_TRUE(Call(server_, &Stub::Charge,
                   ChargeOf("hole", "/team/job", headroom.response.hole_region(), 100))
                  .ok());
}

TEST_F(HeadroomTest, ACapacityIsNobodysLimit) {
  const auto headroom = Call(server_, &Stub::GetHeadroom, Shape("/other", "n3/gpu3", 0, 40, false));
  ASSERT_TRUE(headroom.ok()) << headroom.status.error_message();
  EXPECT_EQ(headroom.response.count(), 1u);
  ASSERT_EQ(headroom.response.places_size(), 1);
  EXPECT_EQ(headroom.response.places(0).node(), "n3");
  ASSERT_EQ(headroom.response.limits_size(), 1);
  EXPECT_EQ(headroom.response.limits(0).cgroup(), "");
  EXPECT_EQ(headroom.response.limits(0).region(), "n3/gpu3");
  EXPECT_EQ(headroom.response.limits(0).short_bytes(), 30u);
}

TEST_F(BadInputTest, HeadroomOfWhatIsWrongOrNotThere) {
  using H = v1::GetHeadroomRequest;
  Run<H>(
      &Stub::GetHeadroom, Shape("/team", "model/h100", 2, 1, false),
      {
          {"1,001 items", [](H* r) { r->set_items(1001); }, kInvalid, "INVALID_FIELD", "items"},
          {"0 bytes", [](H* r) { r->set_bytes(0); }, kInvalid, "INVALID_FIELD", "bytes"},
          {"2^63 bytes", [](H* r) { r->set_bytes(kTwoTo63); }, kInvalid, "INVALID_FIELD", "bytes"},
          {"unknown region", [](H* r) { r->set_region("none"); }, StatusCode::NOT_FOUND,
           "REGION_NOT_FOUND"},
          {"two items in a region", [](H* r) { r->set_region("n1/gpu0"); },
           StatusCode::FAILED_PRECONDITION, "WRONG_KIND"},
          {"an @ID that is no cgroup", [](H* r) { r->set_cgroup("@99999"); }, StatusCode::NOT_FOUND,
           "CGROUP_NOT_FOUND"},
          {"a dying cgroup", [this](H* r) { r->set_cgroup(dying_); },
           StatusCode::FAILED_PRECONDITION, "CGROUP_DYING"},
          // In the order of the checks: what comes later is wrong, too.
          {"no cgroup, region, items, bytes",
           [](H* r) {
             r->set_cgroup("");
             r->set_region("");
             r->set_items(1001);
             r->set_bytes(0);
           },
           kInvalid, "INVALID_FIELD", "cgroup"},
          {"no region, items, bytes",
           [](H* r) {
             r->set_region("");
             r->set_items(1001);
             r->set_bytes(0);
           },
           kInvalid, "INVALID_FIELD", "region"},
          {"1,001 items of 0 bytes",
           [](H* r) {
             r->set_items(1001);
             r->set_bytes(0);
           },
           kInvalid, "INVALID_FIELD", "items"},
          {"0 bytes in an unknown region",
           [](H* r) {
             r->set_bytes(0);
             r->set_region("none");
           },
           kInvalid, "INVALID_FIELD", "bytes"},
          {"unknown region and cgroup",
           [](H* r) {
             r->set_region("none");
             r->set_cgroup("@99999");
           },
           StatusCode::NOT_FOUND, "REGION_NOT_FOUND"},
          {"two items in a region of an unknown cgroup",
           [](H* r) {
             r->set_region("n1/gpu0");
             r->set_cgroup("@99999");
           },
           StatusCode::FAILED_PRECONDITION, "WRONG_KIND"},
      });
}

}  // namespace
}  // namespace dmem::server
