// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Bad input of the RPCs that change something.

#include <string>
#include <vector>

#include "tests/integration/bad_input.h"

namespace dmem::server {
namespace {

TEST_F(BadInputTest, RegisterRefusesWhatNoRegionCanBe) {
  using R = v1::RegisterRequest;
  const std::string long_text(256, 'x');
  Run<R>(
      &Stub::Register, RegisterOf("new", 1000),
      {
          {"no region", [](R* r) { r->clear_region(); }, kInvalid, "INVALID_FIELD", "region.name"},
          {"capacity 0", [](R* r) { r->mutable_region()->set_capacity_bytes(0); }, kInvalid,
           "INVALID_FIELD", "region.capacity_bytes"},
          {"capacity 2^63", [](R* r) { r->mutable_region()->set_capacity_bytes(kTwoTo63); },
           kInvalid, "INVALID_FIELD", "region.capacity_bytes"},
          {"capacity 2^64-1", [](R* r) { r->mutable_region()->set_capacity_bytes(kLargest); },
           kInvalid, "INVALID_FIELD", "region.capacity_bytes"},
          {"reserved beyond capacity", [](R* r) { r->mutable_region()->set_reserved_bytes(1001); },
           kInvalid, "INVALID_FIELD", "region.reserved_bytes"},
          {"grantable 2^63", [](R* r) { r->mutable_region()->set_grantable_bytes(kTwoTo63); },
           kInvalid, "INVALID_FIELD", "region.grantable_bytes"},
          {"long node",
           [&](R* r) { r->mutable_region()->mutable_attributes()->set_node(long_text); }, kInvalid,
           "INVALID_FIELD", "region.attributes.node"},
          {"unprintable model",
           [](R* r) { r->mutable_region()->mutable_attributes()->set_model("a\nb"); }, kInvalid,
           "INVALID_FIELD", "region.attributes.model"},
          {"uuid not ASCII",
           [](R* r) { r->mutable_region()->mutable_attributes()->set_uuid("\xc3\xa9"); }, kInvalid,
           "INVALID_FIELD", "region.attributes.uuid"},
          {"long pci", [&](R* r) { r->mutable_region()->mutable_attributes()->set_pci(long_text); },
           kInvalid, "INVALID_FIELD", "region.attributes.pci"},
          {"id set", [](R* r) { r->mutable_region()->set_id(1); }, kInvalid, "INVALID_FIELD",
           "region.id"},
          {"state set", [](R* r) { r->mutable_region()->set_state(v1::REGION_STATE_READY); },
           kInvalid, "INVALID_FIELD", "region.state"},
          {"usage set", [](R* r) { r->mutable_region()->set_usage_bytes(1); }, kInvalid,
           "INVALID_FIELD", "region.usage_bytes"},
          {"over set", [](R* r) { r->mutable_region()->set_over_bytes(1); }, kInvalid,
           "INVALID_FIELD", "region.over_bytes"},
          {"live items set", [](R* r) { r->mutable_region()->set_live_items(1); }, kInvalid,
           "INVALID_FIELD", "region.live_items"},
          {"explicitness set", [](R* r) { r->mutable_region()->set_grantable_is_explicit(true); },
           kInvalid, "INVALID_FIELD", "region.grantable_is_explicit"},
          {"name of a group", [](R* r) { r->mutable_region()->set_name("cluster"); },
           StatusCode::FAILED_PRECONDITION, "WRONG_KIND"},
          {"unknown parent", [](R* r) { r->mutable_region()->set_parent("none"); },
           StatusCode::NOT_FOUND, "PARENT_NOT_FOUND"},
          {"parent is a region", [](R* r) { r->mutable_region()->set_parent("n2/gpu0"); },
           StatusCode::FAILED_PRECONDITION, "WRONG_KIND"},
          {"stale incarnation",
           [](R* r) {
             r->mutable_region()->set_name("n1/gpu0");
             r->mutable_region()->set_incarnation(4);
           },
           StatusCode::ABORTED, "STALE_INCARNATION"},
          {"another parent while charges are below",
           [](R* r) {
             r->mutable_region()->set_name("n1/gpu0");
             r->mutable_region()->set_incarnation(5);
             r->mutable_region()->set_parent("cluster");
           },
           StatusCode::FAILED_PRECONDITION, "HAS_CHARGES"},
      });
}

TEST_F(BadInputTest, GroupsRefuseCyclesAndNamesOfTheOtherKind) {
  using R = v1::RegisterGroupRequest;
  Run<R>(&Stub::RegisterGroup, GroupOf("new", ""),
         {
             {"name of a region", [](R* r) { r->set_name("n1/gpu0"); },
              StatusCode::FAILED_PRECONDITION, "WRONG_KIND"},
             {"unknown parent", [](R* r) { r->set_parent("none"); }, StatusCode::NOT_FOUND,
              "PARENT_NOT_FOUND"},
             {"parent is a region", [](R* r) { r->set_parent("n1/gpu0"); },
              StatusCode::FAILED_PRECONDITION, "WRONG_KIND"},
             {"its own parent",
              [](R* r) {
                r->set_name("cluster");
                r->set_parent("cluster");
              },
              StatusCode::FAILED_PRECONDITION, "GROUP_CYCLE"},
             {"below its own member",
              [](R* r) {
                r->set_name("cluster");
                r->set_parent("model/h100");
              },
              StatusCode::FAILED_PRECONDITION, "GROUP_CYCLE"},
             {"another parent while charges are below", [](R* r) { r->set_name("model/h100"); },
              StatusCode::FAILED_PRECONDITION, "HAS_CHARGES"},
         });
  v1::UnregisterGroupRequest unregister;
  unregister.set_name("none");
  ExpectError(Call(server_, &Stub::UnregisterGroup, unregister).status, StatusCode::NOT_FOUND,
              "GROUP_NOT_FOUND", "");
  unregister.set_name("n1/gpu0");
  ExpectError(Call(server_, &Stub::UnregisterGroup, unregister).status,
              StatusCode::FAILED_PRECONDITION, "WRONG_KIND", "");
  unregister.set_name("cluster");
  ExpectError(Call(server_, &Stub::UnregisterGroup, unregister).status,
              StatusCode::FAILED_PRECONDITION, "GROUP_NOT_EMPTY", "");
}

TEST_F(BadInputTest, NinthGroupAboveARegionIsRefused) {
  std::string parent;
  for (int depth = 1; depth <= 8; ++depth) {
    const std::string name = "deep" + std::to_string(depth);
    ASSERT_TRUE(Call(server_, &Stub::RegisterGroup, GroupOf(name, parent)).ok());
    parent = name;
  }
  ExpectError(Call(server_, &Stub::RegisterGroup, GroupOf("deep9", parent)).status,
              StatusCode::FAILED_PRECONDITION, "GROUP_TOO_DEEP", "");
  // Eight above a region are allowed.
  EXPECT_TRUE(Call(server_, &Stub::Register, RegisterOf("deep/gpu", 1, parent)).ok());
  hash_ = server_.StateHash();
}

TEST_F(BadInputTest, RegionsAreNotFoundOrOfTheOtherKind) {
  v1::UnregisterRequest unregister;
  v1::CordonRequest cordon;
  const struct {
    const char* name;
    StatusCode code;
    const char* reason;
  } kCases[] = {{"none", StatusCode::NOT_FOUND, "REGION_NOT_FOUND"},
                {"n1/gpu0@77", StatusCode::NOT_FOUND, "REGION_NOT_FOUND"},
                {"cluster", StatusCode::FAILED_PRECONDITION, "WRONG_KIND"}};
  for (const auto& test : kCases) {
    SCOPED_TRACE(test.name);
    unregister.set_region(test.name);
    cordon.set_region(test.name);
    ExpectError(Call(server_, &Stub::Unregister, unregister).status, test.code, test.reason, "");
    ExpectError(Call(server_, &Stub::Cordon, cordon).status, test.code, test.reason, "");
    ExpectError(Call(server_, &Stub::Charge, ChargeOf("x", "/team", test.name, 1)).status,
                test.code, test.reason, "");
  }
}

TEST_F(BadInputTest, ChargeRefusesWhatNoChargeCanBe) {
  using R = v1::ChargeRequest;
  Run<R>(
      &Stub::Charge, ChargeOf("new", "/team/job", "n1/gpu0", 1),
      {
          {"id of 129 bytes", [](R* r) { r->set_charge_id(std::string(129, 'i')); }, kInvalid,
           "INVALID_FIELD", "charge_id"},
          {"id with white space", [](R* r) { r->set_charge_id("a b"); }, kInvalid, "INVALID_FIELD",
           "charge_id"},
          {"id not ASCII", [](R* r) { r->set_charge_id("\xc3\xa9"); }, kInvalid, "INVALID_FIELD",
           "charge_id"},
          {"id without created_at", [](R* r) { r->clear_created_at(); }, kInvalid,
           "CREATED_AT_MISSING", "created_at"},
          {"created_at two minutes ahead",
           [](R* r) { r->mutable_created_at()->set_seconds(r->created_at().seconds() + 120); },
           kInvalid, "CREATED_AT_IN_FUTURE"},
          {"created_at with negative nanos", [](R* r) { r->mutable_created_at()->set_nanos(-1); },
           kInvalid, "INVALID_FIELD", "created_at"},
          {"created_at in year 10000",
           [](R* r) { r->mutable_created_at()->set_seconds(253402300800); }, kInvalid,
           "INVALID_FIELD", "created_at"},
          {"created_at decades ago",
           [](R* r) {
             r->mutable_created_at()->set_seconds(r->created_at().seconds() - 1000000000);
           },
           StatusCode::FAILED_PRECONDITION, "ID_TOO_OLD"},
          {"no items", [](R* r) { r->clear_items(); }, kInvalid, "INVALID_FIELD", "items"},
          {"1,001 items",
           [](R* r) {
             for (int i = 0; i < 1000; ++i) {
               v1::ChargeItem* item = r->add_items();
               item->set_cgroup("/team/" + std::to_string(i));
               item->set_region("n1/gpu0");
             }
           },
           kInvalid, "INVALID_FIELD", "items"},
          {"the same cgroup and region twice", [](R* r) { *r->add_items() = r->items(0); },
           kInvalid, "DUPLICATE_ITEM", "items[1]"},
          {"2^63 bytes", [](R* r) { r->mutable_items(0)->set_bytes(kTwoTo63); }, kInvalid,
           "INVALID_FIELD", "items[0].bytes"},
          {"2^64-1 bytes", [](R* r) { r->mutable_items(0)->set_bytes(kLargest); }, kInvalid,
           "INVALID_FIELD", "items[0].bytes"},
          {"unknown mode", [](R* r) { r->set_mode(static_cast<v1::ChargeMode>(99)); }, kInvalid,
           "INVALID_FIELD", "mode"},
          {"long owner", [](R* r) { r->mutable_owner()->set_uid(std::string(254, 'u')); }, kInvalid,
           "INVALID_FIELD", "owner.uid"},
          {"17 labels",
           [](R* r) {
             for (int i = 0; i < 17; ++i) (*r->mutable_labels())[std::to_string(i)] = "v";
           },
           kInvalid, "INVALID_FIELD", "labels"},
          {"empty label key", [](R* r) { (*r->mutable_labels())[""] = "v"; }, kInvalid,
           "INVALID_FIELD", "labels"},
          {"label key of 64 bytes",
           [](R* r) { (*r->mutable_labels())[std::string(64, 'k')] = "v"; }, kInvalid,
           "INVALID_FIELD", "labels"},
          {"label value of 256 bytes",
           [](R* r) { (*r->mutable_labels())["k"] = std::string(256, 'v'); }, kInvalid,
           "INVALID_FIELD", "labels[\"k\"]"},
          {"more than 512 KiB",
           [](R* r) {
             for (int i = 0; i < 999; ++i) {
               v1::ChargeItem* item = r->add_items();
               item->set_cgroup("/" + std::string(255, 'a') + "/" + std::string(255, 'b') + "/" +
                                std::to_string(i));
               item->set_region(std::string(255, 'r'));
             }
           },
           kInvalid, "INVALID_FIELD", "request"},
          {"live id, another request", [](R* r) { r->set_charge_id("held"); },
           StatusCode::ALREADY_EXISTS, "CHARGE_ID_IN_USE"},
          {"spent id", [](R* r) { r->set_charge_id("spent"); }, StatusCode::FAILED_PRECONDITION,
           "ALREADY_RELEASED"},
          {"unknown region", [](R* r) { r->mutable_items(0)->set_region("none"); },
           StatusCode::NOT_FOUND, "REGION_NOT_FOUND"},
          {"a group", [](R* r) { r->mutable_items(0)->set_region("cluster"); },
           StatusCode::FAILED_PRECONDITION, "WRONG_KIND"},
          {"another incarnation", [](R* r) { r->mutable_items(0)->set_region_incarnation(4); },
           StatusCode::ABORTED, "INCARNATION_MISMATCH"},
          {"an @ID that is no cgroup", [](R* r) { r->mutable_items(0)->set_cgroup("@99999"); },
           StatusCode::NOT_FOUND, "CGROUP_NOT_FOUND"},
          {"a dying cgroup", [this](R* r) { r->mutable_items(0)->set_cgroup(dying_); },
           StatusCode::FAILED_PRECONDITION, "CGROUP_DYING"},
      });
}

TEST_F(BadInputTest, BatchOf10001ChargesIsRefusedWhole) {
  v1::BatchChargeRequest batch;
  ExpectError(Call(server_, &Stub::BatchCharge, batch).status, kInvalid, "INVALID_FIELD",
              "charges");
  for (int i = 0; i < 10001; ++i) {
    *batch.add_charges() = ChargeOf(std::to_string(i), "/t", "n2/gpu0", 1);
  }
  ExpectError(Call(server_, &Stub::BatchCharge, batch).status, kInvalid, "INVALID_FIELD",
              "charges");
}

TEST_F(BadInputTest, RequestBeyondFourMebibytesIsRefused) {
  v1::UnchargeRequest request;
  request.add_charge_ids(std::string(5 << 20, 'i'));
  // gRPC's own bound: there is no message to look into.
  EXPECT_EQ(Call(server_, &Stub::Uncharge, request).status.error_code(),
            StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(BadInputTest, UnchargeRefusesListsThatAreNone) {
  using R = v1::UnchargeRequest;
  R right;
  right.add_charge_ids("new");
  Run<R>(
      &Stub::Uncharge, right,
      {
          {"no ids", [](R* r) { r->clear_charge_ids(); }, kInvalid, "INVALID_FIELD", "charge_ids"},
          {"1,001 ids",
           [](R* r) {
             for (int i = 0; i < 1000; ++i) r->add_charge_ids(std::to_string(i));
           },
           kInvalid, "INVALID_FIELD", "charge_ids"},
          {"empty id", [](R* r) { r->add_charge_ids(""); }, kInvalid, "INVALID_FIELD",
           "charge_ids[1]"},
          {"long id", [](R* r) { r->add_charge_ids(std::string(129, 'i')); }, kInvalid,
           "INVALID_FIELD", "charge_ids[1]"},
          {"the same id twice", [](R* r) { r->add_charge_ids("new"); }, kInvalid, "DUPLICATE_ITEM",
           "charge_ids[1]"},
      });
}

TEST_F(BadInputTest, ResizeRefusesWhatIsNotThereOrNotExpected) {
  using R = v1::ResizeRequest;
  R right;
  v1::ResizeItem* item = right.add_items();
  item->set_charge_id("held");
  item->set_cgroup("/team/job");
  item->set_region("n1/gpu0");
  item->set_bytes(500);
  Run<R>(&Stub::Resize, right,
         {
             {"no items", [](R* r) { r->clear_items(); }, kInvalid, "INVALID_FIELD", "items"},
             {"empty id", [](R* r) { r->mutable_items(0)->set_charge_id(""); }, kInvalid,
              "INVALID_FIELD", "items[0].charge_id"},
             {"2^63 bytes", [](R* r) { r->mutable_items(0)->set_bytes(kTwoTo63); }, kInvalid,
              "INVALID_FIELD", "items[0].bytes"},
             {"2^63 expected", [](R* r) { r->mutable_items(0)->set_expected_bytes(kTwoTo63); },
              kInvalid, "INVALID_FIELD", "items[0].expected_bytes"},
             {"unknown mode", [](R* r) { r->set_mode(static_cast<v1::ChargeMode>(-1)); }, kInvalid,
              "INVALID_FIELD", "mode"},
             {"the same item twice", [](R* r) { *r->add_items() = r->items(0); }, kInvalid,
              "DUPLICATE_ITEM", "items[1]"},
             {"unknown charge", [](R* r) { r->mutable_items(0)->set_charge_id("none"); },
              StatusCode::NOT_FOUND, "CHARGE_NOT_FOUND"},
             {"spent charge", [](R* r) { r->mutable_items(0)->set_charge_id("spent"); },
              StatusCode::FAILED_PRECONDITION, "ALREADY_RELEASED"},
             {"no item there", [](R* r) { r->mutable_items(0)->set_region("n2/gpu0"); },
              StatusCode::NOT_FOUND, "ITEM_NOT_FOUND"},
             {"other size expected", [](R* r) { r->mutable_items(0)->set_expected_bytes(399); },
              StatusCode::ABORTED, "EXPECTED_BYTES_MISMATCH"},
             {"growth in a dying cgroup",
              [this](R* r) {
                r->mutable_items(0)->set_charge_id("dying");
                r->mutable_items(0)->set_cgroup(dying_);
                r->mutable_items(0)->set_region("n2/gpu0");
              },
              StatusCode::FAILED_PRECONDITION, "CGROUP_DYING"},
         });
}

TEST_F(BadInputTest, SetLimitsRefusesRootUnknownRegionsAndStaleEtags) {
  using R = v1::SetLimitsRequest;
  Run<R>(
      &Stub::SetLimits, MaxOf("/team", "n1/gpu0", 500),
      {
          {"no updates", [](R* r) { r->clear_updates(); }, kInvalid, "INVALID_FIELD", "updates"},
          {"root", [](R* r) { r->mutable_updates(0)->set_cgroup("/"); }, kInvalid,
           "ROOT_HAS_NO_LIMITS", "updates[0].cgroup"},
          {"min 2^63", [](R* r) { r->mutable_updates(0)->set_min_bytes(kTwoTo63); }, kInvalid,
           "INVALID_FIELD", "updates[0].min_bytes"},
          {"low 2^64-1", [](R* r) { r->mutable_updates(0)->set_low_bytes(kLargest); }, kInvalid,
           "INVALID_FIELD", "updates[0].low_bytes"},
          {"max 2^63", [](R* r) { r->mutable_updates(0)->set_max_bytes(kTwoTo63); }, kInvalid,
           "INVALID_FIELD", "updates[0].max_bytes"},
          {"unknown enforcement",
           [](R* r) { r->mutable_updates(0)->set_enforcement(static_cast<v1::Enforcement>(9)); },
           kInvalid, "INVALID_FIELD", "updates[0].enforcement"},
          {"unknown policy", [](R* r) { r->set_below_usage(static_cast<v1::BelowUsagePolicy>(9)); },
           kInvalid, "INVALID_FIELD", "below_usage"},
          {"the same pool twice", [](R* r) { *r->add_updates() = r->updates(0); }, kInvalid,
           "DUPLICATE_ITEM", "updates[1]"},
          {"unknown region", [](R* r) { r->mutable_updates(0)->set_region("none"); },
           StatusCode::NOT_FOUND, "REGION_NOT_FOUND"},
          {"an @ID that is no cgroup", [](R* r) { r->mutable_updates(0)->set_cgroup("@99999"); },
           StatusCode::NOT_FOUND, "CGROUP_NOT_FOUND"},
          {"a dying cgroup", [this](R* r) { r->mutable_updates(0)->set_cgroup(dying_); },
           StatusCode::FAILED_PRECONDITION, "CGROUP_DYING"},
          {"wrong etag", [](R* r) { r->mutable_updates(0)->set_etag(12345); }, StatusCode::ABORTED,
           "ETAG_MISMATCH"},
          {"max below usage", [](R* r) { r->mutable_updates(0)->set_max_bytes(399); },
           StatusCode::FAILED_PRECONDITION, "MAX_BELOW_USAGE"},
          {"the second of two is wrong: neither is set",
           [](R* r) {
             *r->add_updates() = r->updates(0);
             r->mutable_updates(1)->set_region("n9/gpu0");
           },
           StatusCode::NOT_FOUND, "REGION_NOT_FOUND"},
      });
}

TEST_F(BadInputTest, CgroupsThatCannotBeMadeOrDeleted) {
  const auto create = [this](const std::string& path) {
    return Call(server_, &Stub::CreateCgroup, CreateOf(path)).status;
  };
  const auto remove = [this](const std::string& path) {
    return Call(server_, &Stub::DeleteCgroup, DeleteOf(path)).status;
  };
  ExpectError(create("/"), StatusCode::ALREADY_EXISTS, "CGROUP_EXISTS", "");
  ExpectError(create("/team"), StatusCode::ALREADY_EXISTS, "CGROUP_EXISTS", "");
  ExpectError(create("/none/job"), StatusCode::NOT_FOUND, "PARENT_NOT_FOUND", "");
  ExpectError(create(dying_), kInvalid, "INVALID_FIELD", "path");
  ExpectError(remove("/"), kInvalid, "ROOT_HAS_NO_LIMITS", "path");
  ExpectError(remove("/none"), StatusCode::NOT_FOUND, "CGROUP_NOT_FOUND", "");
  ExpectError(remove("@99999"), StatusCode::NOT_FOUND, "CGROUP_NOT_FOUND", "");
  ExpectError(remove(dying_), StatusCode::FAILED_PRECONDITION, "CGROUP_DYING", "");
  ExpectError(remove("/team"), StatusCode::FAILED_PRECONDITION, "CGROUP_HAS_CHILDREN", "");
}

}  // namespace
}  // namespace dmem::server
