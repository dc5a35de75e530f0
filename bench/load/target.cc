// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "bench/load/target.h"

#include <cstdio>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace dmem::bench {
namespace {

constexpr int kRegions = 8;
constexpr int kTenants = 8;
constexpr int kJobsPerTenant = 32;
constexpr int kUnchargesPerCall = 1000;

std::string RegionName(int i) { return absl::StrCat("bench-node/gpu", i % kRegions); }
std::string TenantPath(int tenant) { return absl::StrCat("/bench-", tenant); }
std::string JobPath(int tenant, int job) { return absl::StrCat(TenantPath(tenant), "/job-", job); }
std::string LeafPath(int tenant, int job) { return absl::StrCat(JobPath(tenant, job), "/pod"); }

}  // namespace

void Die(const std::string& what) {
  std::fprintf(stderr, "load: %s\n", what.c_str());
  std::exit(1);
}

void DieUnlessOk(const std::string& what, const grpc::Status& status) {
  if (!status.ok()) Die(absl::StrCat(what, ": ", status.error_message()));
}

void Send(const std::string& what, const std::function<grpc::Status(grpc::ClientContext*)>& call,
          grpc::StatusCode may_fail_with) {
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  context.set_deadline(std::chrono::system_clock::now() + kCallTimeout);
  const grpc::Status status = call(&context);
  if (status.error_code() != may_fail_with) DieUnlessOk(what, status);
}

Target::Target(const std::string& address, int connections) {
  for (int i = 0; i < connections; ++i) {
    grpc::ChannelArguments arguments;
    arguments.SetInt("bench.connection", i);  // Equal channels would share one connection.
    stubs_.push_back(v1::QuotaService::NewStub(
        grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments)));
  }
}

ChargeNumbers::ChargeNumbers()
    : prefix_(absl::StrCat("load-", absl::Hex(absl::ToUnixNanos(absl::Now())), "-")) {}

std::string ChargeNumbers::IdOf(uint64_t number) const { return absl::StrCat(prefix_, number); }

void MakeObjects(const Target& target) {
  for (int i = 0; i < kRegions; ++i) {
    v1::RegisterRequest request;
    request.mutable_region()->set_name(RegionName(i));
    request.mutable_region()->set_capacity_bytes(uint64_t{1} << 50);
    Send("register", [&](grpc::ClientContext* context) {
      v1::RegisterResponse response;
      return target.stub(0)->Register(context, request, &response);
    });
  }
  const auto create = [&](const std::string& path) {
    v1::CreateCgroupRequest request;
    request.set_path(path);
    Send(
        "create cgroup",
        [&](grpc::ClientContext* context) {
          v1::CreateCgroupResponse response;
          return target.stub(0)->CreateCgroup(context, request, &response);
        },
        grpc::StatusCode::ALREADY_EXISTS);
  };
  for (int tenant = 0; tenant < kTenants; ++tenant) {
    create(TenantPath(tenant));
    for (int job = 0; job < kJobsPerTenant; ++job) {
      create(JobPath(tenant, job));
      create(LeafPath(tenant, job));
    }
  }
}

void StampNow(v1::ChargeRequest* request) {
  const int64_t now_us = absl::ToUnixMicros(absl::Now());
  request->mutable_created_at()->set_seconds(now_us / 1000000);
  request->mutable_created_at()->set_nanos(static_cast<int32_t>(now_us % 1000000) * 1000);
}

void FillCharge(const ChargeNumbers& numbers, uint64_t number, v1::ChargeRequest* request) {
  request->set_charge_id(numbers.IdOf(number));
  StampNow(request);
  v1::ChargeItem* const item =
      request->items_size() > 0 ? request->mutable_items(0) : request->add_items();
  const int i = static_cast<int>(number % (uint64_t{kTenants} * kJobsPerTenant));
  item->set_cgroup(LeafPath(i % kTenants, i / kTenants));
  item->set_region(RegionName(i));
  item->set_bytes(1 << 20);
}

void Uncharge(const Target& target, const ChargeNumbers& numbers, uint64_t first, uint64_t end) {
  while (first < end) {
    v1::UnchargeRequest request;
    for (int i = 0; i < kUnchargesPerCall && first < end; ++i)
      request.add_charge_ids(numbers.IdOf(first++));
    Send("uncharge", [&](grpc::ClientContext* context) {
      v1::UnchargeResponse response;
      return target.stub(0)->Uncharge(context, request, &response);
    });
  }
}

}  // namespace dmem::bench
