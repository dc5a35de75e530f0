// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// What a restart finds, of every kind of command, with and without a checkpoint.

#include <gtest/gtest.h>

#include <string>

#include "tests/integration/requests.h"

namespace dmem::server {
namespace {

class RecoveryTest : public ::testing::Test {
 protected:
  // One of each command that changes something, with what is refused and counted among them.
  void RunEveryCommand() {
    v1::RegisterGroupRequest group;
    group.set_name("cluster");
    ASSERT_TRUE(Call(server_, &Stub::RegisterGroup, group).ok());
    group.set_name("unused");
    ASSERT_TRUE(Call(server_, &Stub::RegisterGroup, group).ok());
    v1::UnregisterGroupRequest no_group;
    no_group.set_name("unused");
    ASSERT_TRUE(Call(server_, &Stub::UnregisterGroup, no_group).ok());
    for (const char* name : {"n1/gpu0", "n1/gpu1", "n1/gpu2"}) {
      ASSERT_TRUE(Call(server_, &Stub::Register, RegisterOf(name, 1000, "cluster")).ok());
    }
    v1::CordonRequest cordon;
    cordon.set_region("n1/gpu1");
    ASSERT_TRUE(Call(server_, &Stub::Cordon, cordon).ok());
    v1::CreateCgroupRequest create;
    create.set_path("/team");
    create.set_priority(-5);
    ASSERT_TRUE(Call(server_, &Stub::CreateCgroup, create).ok());
    ASSERT_TRUE(Call(server_, &Stub::SetLimits, MaxOf("/team", "cluster", 900)).ok());
    v1::WriteFileRequest write;
    write.set_cgroup("/team/job");
    write.set_file("dmem.low");
    write.set_text("n1/gpu0 128");
    ASSERT_TRUE(Call(server_, &Stub::WriteFile, write).ok());
    v1::ChargeRequest charge = ChargeOf("c1", "/team/job", "n1/gpu0", 400);
    charge.mutable_owner()->set_name("pod-1");
    (*charge.mutable_labels())["app"] = "train";
    (*charge.mutable_labels())["a"] = "b";
    charge.set_priority(3);
    ASSERT_TRUE(Call(server_, &Stub::Charge, charge).ok());
    charge = ChargeOf("", "/team/job", "n1/gpu2", 100);
    charge.clear_created_at();
    ASSERT_TRUE(Call(server_, &Stub::Charge, charge).ok());
    ASSERT_FALSE(Call(server_, &Stub::Charge, ChargeOf("no", "/team/job", "n1/gpu0", 500)).ok());
    v1::BatchChargeRequest batch;
    for (int i = 0; i < 3; ++i) {
      *batch.add_charges() = ChargeOf("b" + std::to_string(i), "/other", "n1/gpu0", 300);
    }
    ASSERT_TRUE(Call(server_, &Stub::BatchCharge, batch).ok());
    v1::ResizeRequest resize;
    v1::ResizeItem* item = resize.add_items();
    item->set_charge_id("c1");
    item->set_cgroup("/team/job");
    item->set_region("n1/gpu0");
    item->set_bytes(350);
    ASSERT_TRUE(Call(server_, &Stub::Resize, resize).ok());
    v1::DeleteCgroupRequest remove;
    remove.set_path("/other");
    ASSERT_TRUE(Call(server_, &Stub::DeleteCgroup, remove).ok());
    v1::UnchargeRequest uncharge;
    uncharge.add_charge_ids("b0");
    uncharge.add_charge_ids("never-seen");
    ASSERT_TRUE(Call(server_, &Stub::Uncharge, uncharge).ok());
    v1::UnregisterRequest unregister;
    unregister.set_region("n1/gpu2");
    ASSERT_TRUE(Call(server_, &Stub::Unregister, unregister).ok());
  }

  // As after a crash: what was recorded after the last checkpoint is applied again.
  void RestartWithoutCheckpoint() {
    server_.store().FailNextCheckpoint(absl::UnavailableError("as if it had crashed before"));
    EXPECT_FALSE(server_.Restart().ok());
  }

  TestServer server_;
};

TEST_F(RecoveryTest, EveryCommandIsFoundFromItsRecord) {
  ASSERT_NO_FATAL_FAILURE(RunEveryCommand());
  const std::string before = server_.StateHash();
  RestartWithoutCheckpoint();
  EXPECT_EQ(server_.StateHash(), before);
}

TEST_F(RecoveryTest, EveryObjectIsFoundFromACheckpoint) {
  ASSERT_NO_FATAL_FAILURE(RunEveryCommand());
  const std::string before = server_.StateHash();
  ASSERT_TRUE(server_.Restart().ok());
  EXPECT_EQ(server_.StateHash(), before);
}

TEST_F(RecoveryTest, CheckpointsHoldOnlyWhatChangedAndAddUp) {
  ASSERT_NO_FATAL_FAILURE(RunEveryCommand());
  ASSERT_TRUE(server_.Restart().ok());
  // Several more, each a difference to the one before.
  for (int i = 0; i < 5; ++i) {
    const std::string id = "later" + std::to_string(i);
    ASSERT_TRUE(Call(server_, &Stub::Charge, ChargeOf(id, "/x/" + id, "n1/gpu0", i)).ok());
    if (i == 3) {
      v1::UnchargeRequest uncharge;
      uncharge.add_charge_ids("later1");
      ASSERT_TRUE(Call(server_, &Stub::Uncharge, uncharge).ok());
    }
    const std::string before = server_.StateHash();
    ASSERT_TRUE(server_.Restart().ok());
    EXPECT_EQ(server_.StateHash(), before) << i;
  }
  ASSERT_TRUE(Call(server_, &Stub::Charge, ChargeOf("last", "/y", "n1/gpu0", 1)).ok());
  const std::string before = server_.StateHash();
  RestartWithoutCheckpoint();
  EXPECT_EQ(server_.StateHash(), before);
}

TEST_F(RecoveryTest, IdsStayKnownAcrossARestart) {
  ASSERT_TRUE(Call(server_, &Stub::Register, RegisterOf("n1/gpu0", 1000)).ok());
  const v1::ChargeRequest charge = ChargeOf("c1", "/a", "n1/gpu0", 10);
  ASSERT_TRUE(Call(server_, &Stub::Charge, charge).ok());
  v1::UnchargeRequest uncharge;
  uncharge.add_charge_ids("spent");
  ASSERT_TRUE(Call(server_, &Stub::Uncharge, uncharge).ok());
  for (const bool with_checkpoint : {false, true}) {
    if (with_checkpoint) {
      ASSERT_TRUE(server_.Restart().ok());
    } else {
      RestartWithoutCheckpoint();
    }
    const auto again = Call(server_, &Stub::Charge, charge);
    ASSERT_TRUE(again.ok()) << again.status.error_message();
    EXPECT_TRUE(again.response.replayed());
    EXPECT_EQ(UsageOf(server_, "/a", "n1/gpu0"), 10u);
    EXPECT_EQ(
        ErrorInfoOf(Call(server_, &Stub::Charge, ChargeOf("spent", "/a", "n1/gpu0", 1)).status)
            .reason(),
        "ALREADY_RELEASED");
  }
}

TEST_F(RecoveryTest, ATokenFromBeforeARestartIsRefusedAsRecordsLieDifferentlyNow) {
  ASSERT_NO_FATAL_FAILURE(RunEveryCommand());
  v1::ListCgroupsRequest list;
  list.set_page_size(1);
  const auto page = Call(server_, &Stub::ListCgroups, list);
  ASSERT_TRUE(page.ok());
  list.set_page_token(page.response.next_page_token());
  ASSERT_TRUE(Call(server_, &Stub::ListCgroups, list).ok());
  ASSERT_TRUE(server_.Restart().ok());
  const auto stale = Call(server_, &Stub::ListCgroups, list);
  EXPECT_EQ(stale.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST(StoreFailureTest, NothingIsServedUntilARestartWhichFindsWhatWasAcknowledged) {
  TestServer server;
  ASSERT_TRUE(Call(server, &Stub::Register, RegisterOf("n1/gpu0", 1000)).ok());
  ASSERT_TRUE(Call(server, &Stub::Charge, ChargeOf("c1", "/a", "n1/gpu0", 10)).ok());
  const std::string before = server.StateHash();
  server.store().FailNextAppend(absl::UnavailableError("disk full"));
  v1::GetPoolRequest get;
  get.set_cgroup("/a");
  get.set_region("n1/gpu0");
  const grpc::Status answers[] = {
      Call(server, &Stub::Charge, ChargeOf("c2", "/a", "n1/gpu0", 20)).status,
      Call(server, &Stub::Charge, ChargeOf("c3", "/a", "n1/gpu0", 5000)).status,
      Call(server, &Stub::GetPool, get).status,
      Call(server, &Stub::ListPools, v1::ListPoolsRequest()).status,
      Call(server, &Stub::Check, v1::CheckRequest()).status,
      Call(server, &Stub::GetServerInfo, v1::GetServerInfoRequest()).status,
  };
  for (const grpc::Status& status : answers) {
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
    EXPECT_EQ(ErrorInfoOf(status).reason(), "STORE_FAILED");
    EXPECT_GT(RetryInfoOf(status).retry_delay().seconds(), 0);
  }
  EXPECT_FALSE(server.server().ready());
  EXPECT_FALSE(server.Restart().ok()) << "the failed commit is reported";
  EXPECT_EQ(server.StateHash(), before);
  EXPECT_TRUE(server.server().ready());
}

TEST(StoreFailureTest, RecordThatWasKeptAllTheSameIsSettledByARetry) {
  TestServer server;
  ASSERT_TRUE(Call(server, &Stub::Register, RegisterOf("n1/gpu0", 1000)).ok());
  server.store().FailNextAppend(absl::UnavailableError("lost the answer"),
                                MemoryStore::Loss::kKept);
  const v1::ChargeRequest charge = ChargeOf("c1", "/a", "n1/gpu0", 10);
  EXPECT_FALSE(Call(server, &Stub::Charge, charge).ok());
  EXPECT_FALSE(server.Restart().ok());
  const auto again = Call(server, &Stub::Charge, charge);
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(again.response.replayed());
  EXPECT_EQ(UsageOf(server, "/a", "n1/gpu0"), 10u);
}

TEST(ConfigureTest, BoundsChangeWithTheFlagsAndAreRecovered) {
  auto medium = std::make_shared<MemoryMedium>();
  std::string hash;
  {
    Config config;
    config.settings.cgroups_max = 3;
    config.implicit_cgroups = "below-explicit";
    TestServer server(config, medium);
    ASSERT_TRUE(Call(server, &Stub::Register, RegisterOf("n1/gpu0", 1000)).ok());
    EXPECT_EQ(ErrorInfoOf(Call(server, &Stub::Charge, ChargeOf("c1", "/a", "n1/gpu0", 1)).status)
                  .reason(),
              "CGROUP_NOT_FOUND");
    v1::CreateCgroupRequest create;
    create.set_path("/a");
    ASSERT_TRUE(Call(server, &Stub::CreateCgroup, create).ok());
    ASSERT_TRUE(Call(server, &Stub::Charge, ChargeOf("c1", "/a/b", "n1/gpu0", 1)).ok());
    const auto refused = Call(server, &Stub::Charge, ChargeOf("c2", "/a/c", "n1/gpu0", 1));
    EXPECT_EQ(refused.status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
    EXPECT_EQ(ErrorInfoOf(refused.status).reason(), "TOO_MANY");
    const auto info = Call(server, &Stub::GetServerInfo, v1::GetServerInfoRequest());
    EXPECT_EQ(info.response.cgroups_max(), 3u);
    EXPECT_EQ(info.response.store(), "memory");
    EXPECT_EQ(info.response.version(), kVersion);
    hash = server.StateHash();
    // The same flags change nothing.
    ASSERT_TRUE(server.Restart().ok());
    EXPECT_EQ(server.StateHash(), hash);
  }
  TestServer server(Config(), medium);
  EXPECT_NE(server.StateHash(), hash) << "settings are part of the state";
  EXPECT_TRUE(Call(server, &Stub::Charge, ChargeOf("c2", "/new", "n1/gpu0", 1)).ok());
}

}  // namespace
}  // namespace dmem::server
