// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/pods/kubelet_pod_source.h"

#include <grpc/support/time.h>
#include <grpcpp/grpcpp.h>

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "kubelet/podresources/v1/api.grpc.pb.h"

namespace dmem::client {
namespace {

// A kubelet that is back is asked again soon. It is on this machine, so asking costs little.
constexpr int kReconnectMillis = 1000;
// kubelet's own bound on its answers.
constexpr int kMaxAnswerBytes = 16 * 1024 * 1024;

// A CDI device's name is VENDOR/CLASS=NAME; the name is what devices are called elsewhere.
std::string NameOfCdiDevice(const std::string& qualified) {
  const size_t equals = qualified.find('=');
  return equals == std::string::npos ? qualified : qualified.substr(equals + 1);
}

void AddClaim(const ::v1::DynamicResource& claim, PodContainer& container) {
  for (const ::v1::ClaimResource& resource : claim.claim_resources()) {
    PodDevice device;
    device.resource = resource.driver_name();
    device.pool = resource.pool_name();
    device.claim = absl::StrCat(claim.claim_namespace(), "/", claim.claim_name());
    if (!resource.device_name().empty()) device.ids.push_back(resource.device_name());
    for (const ::v1::CDIDevice& cdi : resource.cdi_devices()) {
      device.ids.push_back(NameOfCdiDevice(cdi.name()));
    }
    if (!device.ids.empty()) container.devices.push_back(std::move(device));
  }
}

Pod PodOf(const ::v1::PodResources& resources) {
  Pod pod;
  pod.name_space = resources.namespace_();
  pod.name = resources.name();
  pod.has_devices_known = true;
  for (const ::v1::ContainerResources& from : resources.containers()) {
    PodContainer container;
    container.name = from.name();
    for (const ::v1::ContainerDevices& devices : from.devices()) {
      for (const std::string& id : devices.device_ids()) {
        container.devices.push_back({devices.resource_name(), {id}, "", ""});
      }
    }
    for (const ::v1::DynamicResource& claim : from.dynamic_resources()) AddClaim(claim, container);
    pod.containers.push_back(std::move(container));
  }
  return pod;
}

class KubeletPodSource : public PodSource {
 public:
  KubeletPodSource(const std::string& socket, absl::Duration timeout,
                   std::function<absl::Time()> now)
      : socket_(socket), timeout_(timeout), now_(std::move(now)) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kReconnectMillis);
    arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kReconnectMillis);
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kReconnectMillis);
    // A proxy of the environment is not for a socket of this machine.
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    arguments.SetMaxReceiveMessageSize(kMaxAnswerBytes);
    stub_ = ::v1::PodResourcesLister::NewStub(grpc::CreateCustomChannel(
        absl::StrCat("unix:", socket), grpc::InsecureChannelCredentials(), arguments));
  }

  absl::string_view name() const override { return "kubelet"; }

  PodSnapshot List() override {
    grpc::ClientContext context;
    context.set_deadline(gpr_time_from_micros(absl::ToInt64Microseconds(timeout_), GPR_TIMESPAN));
    ::v1::ListPodResourcesResponse response;
    const absl::Time asked = now_();
    const grpc::Status status = stub_->List(&context, {}, &response);
    if (!status.ok()) {
      last_.status =
          absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                       absl::StrCat("kubelet at ", socket_, ": ", status.error_message()));
      return last_;
    }
    last_ = PodSnapshot();
    last_.as_of = asked;
    for (const ::v1::PodResources& pod : response.pod_resources()) {
      last_.pods.push_back(PodOf(pod));
    }
    SortPods(last_.pods);
    return last_;
  }

 private:
  const std::string socket_;
  const absl::Duration timeout_;
  const std::function<absl::Time()> now_;
  std::unique_ptr<::v1::PodResourcesLister::Stub> stub_;
  PodSnapshot last_;
};

}  // namespace

std::unique_ptr<PodSource> MakeKubeletPodSource(const std::string& socket, absl::Duration timeout,
                                                std::function<absl::Time()> now) {
  return std::make_unique<KubeletPodSource>(socket, timeout, std::move(now));
}

}  // namespace dmem::client
