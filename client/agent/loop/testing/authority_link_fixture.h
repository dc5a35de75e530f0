// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_LOOP_TESTING_AUTHORITY_LINK_FIXTURE_H_
#define DMEMD_CLIENT_AGENT_LOOP_TESTING_AUTHORITY_LINK_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/agent/loop/authority_link.h"
#include "client/agent/testing/temp_directory.h"
#include "client/testing/mock_connection.h"

namespace dmem::client {

inline constexpr uint64_t kGib = uint64_t{1} << 30;

// The link of the node n1 to an authority that takes everything, and has `charges_`.
class AuthorityLinkTest : public ::testing::Test {
 protected:
  AuthorityLinkTest() {
    root_.Write("stat", "btime 1000\n");
    config_.node_name = "n1";
    config_.state_dir = root_.path() + "/state";
    config_.unreachable_grace = absl::ZeroDuration();
    incarnations_ =
        std::make_unique<Incarnations>(*Incarnations::Load(root_.path(), config_.state_dir));
    ON_CALL(*connection_, OpenSession).WillByDefault([this](const v1::OpenSessionRequest&, auto) {
      v1::OpenSessionResponse response;
      response.mutable_session()->set_id(7);
      response.set_sequence(++sequence_);
      return absl::StatusOr<v1::OpenSessionResponse>(response);
    });
    ON_CALL(*connection_, Register)
        .WillByDefault([this](const v1::RegisterRequest& request,
                              auto) -> absl::StatusOr<v1::RegisterResponse> {
          if (request.region().name() == refused_) return absl::FailedPreconditionError("no");
          ++sequence_;
          return v1::RegisterResponse();
        });
    ON_CALL(*connection_, ListCharges)
        .WillByDefault([this](const v1::ListChargesRequest& request,
                              auto) -> absl::StatusOr<v1::ListChargesResponse> {
          if (!refused_.empty() && request.region() == refused_)
            return absl::NotFoundError("no such region");
          v1::ListChargesResponse response;
          for (const v1::Charge& charge : charges_) {
            const bool is_asked = request.charge_id().empty()
                                      ? charge.items(0).region() == request.region()
                                      : charge.charge_id() == request.charge_id();
            if (is_asked) *response.add_charges() = charge;
          }
          response.set_sequence(sequence_);
          return response;
        });
    ON_CALL(*connection_, Reconcile).WillByDefault([this](const v1::ReconcileRequest& r, auto) {
      reconciles_.push_back(r);
      return absl::StatusOr<v1::ReconcileResponse>(v1::ReconcileResponse());
    });
    ON_CALL(*connection_, ReportMeasured).WillByDefault([](const v1::ReportMeasuredRequest&, auto) {
      return absl::StatusOr<v1::ReportMeasuredResponse>(v1::ReportMeasuredResponse());
    });
    ON_CALL(*connection_, Charge).WillByDefault([this](const v1::ChargeRequest& request, auto) {
      ++sequence_;
      const v1::ChargeResponse response = Granted(request);
      charges_.push_back(response.charge());
      return absl::StatusOr<v1::ChargeResponse>(response);
    });
    MakeLink();
  }

  // One that knows nothing but what is in state_dir.
  void MakeLink() {
    RetryPolicy once;
    once.attempts_max = 1;
    link_ = std::make_unique<AuthorityLink>(
        &config_, std::make_shared<Client>(connection_, once), incarnations_.get(),
        AgentClocks{[this] { return now_; }, [this] { return now_; }});
  }

  static v1::ChargeResponse Granted(const v1::ChargeRequest& request) {
    v1::ChargeResponse response;
    response.mutable_charge()->set_charge_id(request.charge_id());
    *response.mutable_charge()->mutable_items() = request.items();
    return response;
  }

  // gpu0, which is given to the pod u1.
  static NodeSight OnePod(const std::string& phase) {
    NodeSight sight;
    sight.node = "n1";
    sight.devices = {DeviceOf("gpu0")};
    sight.devices[0].device_ids = {"GPU-a"};
    SeenPod& seen = sight.pods.emplace_back();
    seen.pod.cgroup_uid = "u1";
    seen.pod.phase = phase;
    seen.pod.has_devices_known = true;
    seen.pod.containers = {{"main", "", {{"gpu", {"GPU-a"}, "", ""}}}};
    return sight;
  }

  static Device DeviceOf(const std::string& region) {
    Device device;
    device.region = region;
    device.capacity_bytes = kGib;
    device.token = "1";
    return device;
  }

  TempDirectory root_;
  AgentConfig config_;
  absl::Time now_ = absl::FromUnixSeconds(2000);
  uint64_t sequence_ = 10;
  std::string refused_;
  std::vector<v1::Charge> charges_;
  std::vector<v1::ReconcileRequest> reconciles_;
  std::shared_ptr<::testing::NiceMock<MockConnection>> connection_ =
      std::make_shared<::testing::NiceMock<MockConnection>>();
  std::unique_ptr<Incarnations> incarnations_;
  std::unique_ptr<AuthorityLink> link_;
};

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_LOOP_TESTING_AUTHORITY_LINK_FIXTURE_H_
