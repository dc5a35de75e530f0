// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/charge_holder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/error_facts.h"
#include "client/testing/error_of_server.h"
#include "client/testing/mock_connection.h"

namespace dmem::client {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::NiceMock;

constexpr absl::Duration kPatience = absl::Seconds(30);

// Live charges and spent ids, behind a connection that can be cut before or after a call takes
// effect.
class Authority {
 public:
  enum class Network { kUp, kDown, kAnswersGetLost };

  std::shared_ptr<Connection> Connect() {
    auto connection = std::make_shared<NiceMock<MockConnection>>();
    ON_CALL(*connection, Charge).WillByDefault([this](const v1::ChargeRequest& request, auto) {
      return Through<v1::ChargeResponse>([&] { return Charge(request); });
    });
    ON_CALL(*connection, Uncharge).WillByDefault([this](const v1::UnchargeRequest& request, auto) {
      return Through<v1::UnchargeResponse>([&] { return Uncharge(request); });
    });
    return connection;
  }

  void Set(Network network) {
    const std::lock_guard<std::mutex> lock(mutex_);
    network_ = network;
  }
  void RefuseStrict(absl::Status status) {
    const std::lock_guard<std::mutex> lock(mutex_);
    strict_ = std::move(status);
  }
  void RefuseAll(absl::Status status) {
    const std::lock_guard<std::mutex> lock(mutex_);
    all_ = std::move(status);
  }
  std::map<std::string, v1::ChargeRequest> live() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return live_;
  }
  bool IsSpent(const std::string& id) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return std::count(spent_.begin(), spent_.end(), id) > 0;
  }

 private:
  template <typename Response, typename Act>
  absl::StatusOr<Response> Through(const Act& act) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (network_ == Network::kDown) return absl::UnavailableError("connection refused");
    const absl::Status status = act();
    if (network_ == Network::kAnswersGetLost) return absl::DeadlineExceededError("no answer");
    if (!status.ok()) return status;
    return Response();
  }

  absl::Status Charge(const v1::ChargeRequest& request) {
    if (!all_.ok()) return all_;
    const auto it = live_.find(request.charge_id());
    if (it != live_.end()) {
      if (it->second.mode() == request.mode()) return absl::OkStatus();
      return ErrorOfServer(absl::StatusCode::kAlreadyExists, "CHARGE_ID_IN_USE");
    }
    if (request.mode() != v1::CHARGE_MODE_FORCE && !strict_.ok()) return strict_;
    live_[request.charge_id()] = request;
    return absl::OkStatus();
  }

  absl::Status Uncharge(const v1::UnchargeRequest& request) {
    if (!all_.ok()) return all_;
    live_.erase(request.charge_ids(0));
    spent_.push_back(request.charge_ids(0));
    return absl::OkStatus();
  }

  mutable std::mutex mutex_;
  Network network_ = Network::kUp;
  absl::Status strict_, all_;
  std::map<std::string, v1::ChargeRequest> live_;
  std::vector<std::string> spent_;
};

class ChargeHolderTest : public ::testing::Test {
 protected:
  using Network = Authority::Network;

  std::unique_ptr<ChargeHolder> Make(WhenUnreachable when) {
    ChargeHolderOptions options;
    options.when_unreachable = when;
    options.retry.attempts_max = 1;
    options.backlog_interval = absl::Milliseconds(1);
    options.backlog_max = 3;
    options.on_lost = [this](const std::string& id, const absl::Status& status) {
      lost_.push_back(absl::StrCat(id, ": ", status.message()));
    };
    return std::make_unique<ChargeHolder>(authority_.Connect(), options);
  }

  static v1::ChargeRequest Request(const std::string& id = "") {
    v1::ChargeRequest request;
    request.set_charge_id(id);
    auto* item = request.add_items();
    item->set_cgroup("/team-a");
    item->set_region("n1/gpu0");
    item->set_bytes(1 << 20);
    return request;
  }

  std::vector<std::string> LiveIds() const {
    std::vector<std::string> ids;
    for (const auto& charge : authority_.live()) ids.push_back(charge.first);
    return ids;
  }

  Authority authority_;
  std::vector<std::string> lost_;  // Read after the holder has gone.
};

TEST_F(ChargeHolderTest, ChargeGetsAnIdAndATimeAndIsGivenBackAtTheEndOfItsScope) {
  auto holder = Make(WhenUnreachable::kDeny);
  std::string id;
  {
    const absl::StatusOr<HeldCharge> held = holder->Charge(Request());
    ASSERT_TRUE(held.ok()) << held.status();
    EXPECT_TRUE(held->is_recorded());
    id = held->charge_id();
    ASSERT_THAT(LiveIds(), ElementsAre(id));
    EXPECT_TRUE(authority_.live().at(id).has_created_at());
  }
  EXPECT_TRUE(holder->Drain(kPatience));
  EXPECT_THAT(LiveIds(), IsEmpty());
}

TEST_F(ChargeHolderTest, RefusalIsReturnedAndNothingIsHeld) {
  auto holder = Make(WhenUnreachable::kAllowAndRecord);
  authority_.RefuseStrict(ErrorOfServer(absl::StatusCode::kResourceExhausted, "MAX_EXCEEDED"));
  EXPECT_TRUE(absl::IsResourceExhausted(holder->Charge(Request()).status()));
  EXPECT_EQ(holder->backlog(), 0u);
}

TEST_F(ChargeHolderTest, ReleaseWaitsForTheAnswer) {
  auto holder = Make(WhenUnreachable::kDeny);
  absl::StatusOr<HeldCharge> held = holder->Charge(Request("a"));
  ASSERT_TRUE(held.ok()) << held.status();
  EXPECT_TRUE(held->Release().ok());
  EXPECT_THAT(LiveIds(), IsEmpty());
  EXPECT_EQ(held->charge_id(), "");
  EXPECT_TRUE(held->Release().ok()) << "a charge that holds nothing gives back nothing";
}

TEST_F(ChargeHolderTest, MovedChargeIsGivenBackOnce) {
  auto holder = Make(WhenUnreachable::kDeny);
  absl::StatusOr<HeldCharge> a = holder->Charge(Request("a"));
  absl::StatusOr<HeldCharge> b = holder->Charge(Request("b"));
  ASSERT_TRUE(a.ok() && b.ok());
  *a = *std::move(b);
  EXPECT_TRUE(holder->Drain(kPatience));
  EXPECT_THAT(LiveIds(), ElementsAre("b"));
  EXPECT_EQ(a->charge_id(), "b");
}

TEST_F(ChargeHolderTest, DetachedChargeStays) {
  auto holder = Make(WhenUnreachable::kDeny);
  EXPECT_EQ(holder->Charge(Request("a"))->Detach(), "a");
  holder.reset();
  EXPECT_THAT(LiveIds(), ElementsAre("a"));
}

TEST_F(ChargeHolderTest, UnchargeWithoutAnAnswerIsDoneWhenTheServerIsBack) {
  auto holder = Make(WhenUnreachable::kDeny);
  absl::StatusOr<HeldCharge> held = holder->Charge(Request("a"));
  ASSERT_TRUE(held.ok());
  authority_.Set(Network::kDown);
  EXPECT_TRUE(absl::IsUnavailable(held->Release()));
  EXPECT_EQ(holder->backlog(), 1u);
  authority_.Set(Network::kUp);
  EXPECT_TRUE(holder->Drain(kPatience));
  EXPECT_THAT(LiveIds(), IsEmpty());
}

TEST_F(ChargeHolderTest, DeniedChargeThatArrivedAfterAllIsCancelled) {
  auto holder = Make(WhenUnreachable::kDeny);
  authority_.Set(Network::kAnswersGetLost);
  EXPECT_TRUE(absl::IsDeadlineExceeded(holder->Charge(Request("a")).status()));
  EXPECT_FALSE(LiveIds().empty() && !authority_.IsSpent("a")) << "the test's charge arrived";
  authority_.Set(Network::kUp);
  EXPECT_TRUE(holder->Drain(kPatience));
  EXPECT_THAT(LiveIds(), IsEmpty());
  EXPECT_TRUE(authority_.IsSpent("a")) << "a copy that is still under way must not be granted";
}

TEST_F(ChargeHolderTest, AllowedChargeIsRecordedAsItWasWhenItFits) {
  auto holder = Make(WhenUnreachable::kAllowAndRecord);
  authority_.Set(Network::kDown);
  const absl::StatusOr<HeldCharge> held = holder->Charge(Request("a"));
  ASSERT_TRUE(held.ok()) << held.status();
  EXPECT_FALSE(held->is_recorded());
  authority_.Set(Network::kUp);
  EXPECT_TRUE(holder->Drain(kPatience));
  EXPECT_TRUE(held->is_recorded());
  EXPECT_NE(authority_.live().at("a").mode(), v1::CHARGE_MODE_FORCE);
}

TEST_F(ChargeHolderTest, AllowedChargeBeyondALimitIsRecordedWithForceAndALabel) {
  auto holder = Make(WhenUnreachable::kAllowAndRecord);
  authority_.Set(Network::kDown);
  const absl::StatusOr<HeldCharge> held = holder->Charge(Request("a"));
  ASSERT_TRUE(held.ok()) << held.status();
  authority_.RefuseStrict(ErrorOfServer(absl::StatusCode::kResourceExhausted, "CAPACITY"));
  authority_.Set(Network::kUp);
  EXPECT_TRUE(holder->Drain(kPatience));
  EXPECT_TRUE(held->is_recorded());
  const v1::ChargeRequest recorded = authority_.live().at("a");
  EXPECT_EQ(recorded.mode(), v1::CHARGE_MODE_FORCE);
  EXPECT_EQ(recorded.labels().at(kRecordedLateLabel), "true");
}

TEST_F(ChargeHolderTest, ForcedRecordWhoseAnswerWasLostIsNotChargedTwice) {
  auto holder = Make(WhenUnreachable::kAllowAndRecord);
  authority_.Set(Network::kDown);
  const absl::StatusOr<HeldCharge> held = holder->Charge(Request("a"));
  ASSERT_TRUE(held.ok()) << held.status();
  // As if a forced form had arrived before.
  v1::ChargeRequest forced = Request("a");
  forced.set_mode(v1::CHARGE_MODE_FORCE);
  authority_.Set(Network::kUp);
  EXPECT_TRUE(authority_.Connect()->Charge(forced, absl::Seconds(1)).ok() || held->is_recorded());
  EXPECT_TRUE(holder->Drain(kPatience));
  EXPECT_TRUE(held->is_recorded());
  EXPECT_THAT(LiveIds(), ElementsAre("a"));
}

TEST_F(ChargeHolderTest, AllowedChargeWhoseIdBecameTooOldIsRecordedUnderANewOne) {
  auto holder = Make(WhenUnreachable::kAllowAndRecord);
  authority_.Set(Network::kDown);
  const absl::StatusOr<HeldCharge> held = holder->Charge(Request("a"));
  ASSERT_TRUE(held.ok()) << held.status();
  authority_.RefuseStrict(ErrorOfServer(absl::StatusCode::kFailedPrecondition, "ID_TOO_OLD"));
  authority_.Set(Network::kUp);
  EXPECT_TRUE(holder->Drain(kPatience));
  EXPECT_NE(held->charge_id(), "a");
  EXPECT_THAT(LiveIds(), ElementsAre(held->charge_id()));
}

TEST_F(ChargeHolderTest, AllowedChargeThatIsGivenBackBeforeItIsRecordedLeavesNothing) {
  auto holder = Make(WhenUnreachable::kAllowAndRecord);
  authority_.Set(Network::kAnswersGetLost);
  ASSERT_TRUE(holder->Charge(Request("a")).ok());
  authority_.Set(Network::kUp);
  EXPECT_TRUE(holder->Drain(kPatience));
  EXPECT_THAT(LiveIds(), IsEmpty());
}

TEST_F(ChargeHolderTest, ChargeThatCanNeverBeRecordedIsReported) {
  auto holder = Make(WhenUnreachable::kAllowAndRecord);
  authority_.Set(Network::kDown);
  absl::StatusOr<HeldCharge> held = holder->Charge(Request("a"));
  ASSERT_TRUE(held.ok()) << held.status();
  authority_.RefuseAll(ErrorOfServer(absl::StatusCode::kNotFound, "REGION_NOT_FOUND"));
  authority_.Set(Network::kUp);
  EXPECT_TRUE(holder->Drain(kPatience));
  EXPECT_FALSE(held->is_recorded());
  held->Detach();
  holder.reset();
  EXPECT_THAT(lost_, ElementsAre("a: REGION_NOT_FOUND"));
}

TEST_F(ChargeHolderTest, BacklogIsBounded) {
  auto holder = Make(WhenUnreachable::kAllowAndRecord);
  authority_.Set(Network::kDown);
  std::vector<HeldCharge> held;
  for (const char* id : {"a", "b", "c"}) {
    absl::StatusOr<HeldCharge> one = holder->Charge(Request(id));
    ASSERT_TRUE(one.ok()) << one.status();
    held.push_back(*std::move(one));
  }
  const absl::Status status = holder->Charge(Request("d")).status();
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("3 charges wait"));
  authority_.Set(Network::kUp);
  EXPECT_TRUE(holder->Drain(kPatience));
  EXPECT_THAT(LiveIds(), ElementsAre("a", "b", "c"));
}

TEST_F(ChargeHolderTest, EndOfTheHolderGivesBackWhatIsLeft) {
  auto holder = Make(WhenUnreachable::kDeny);
  for (const char* id : {"a", "b", "c"}) ASSERT_TRUE(holder->Charge(Request(id)).ok());
  holder.reset();
  EXPECT_THAT(LiveIds(), IsEmpty());
}

}  // namespace
}  // namespace dmem::client
