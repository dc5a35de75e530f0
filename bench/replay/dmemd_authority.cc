// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "bench/replay/dmemd_authority.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "client/error_facts.h"
#include "dmem/v1/quota_service.pb.h"

namespace dmem::replay {
namespace {

constexpr size_t kOwnerBytesMax = 253;
constexpr size_t kLabelBytesMax = 255;

absl::Status Asking(absl::string_view asked, const absl::Status& status) {
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat(asked, ": ", status.message()));
}

// A counter's refusal is an answer; a bound on objects or on messages, which has the same code, is
// an error.
absl::StatusOr<Verdict> ToVerdict(absl::string_view asked, const absl::Status& status) {
  if (status.ok()) return Verdict{};
  if (client::RefusalOf(client::FactsOf(status)).has_value()) {
    return Verdict{false, std::string(status.message())};
  }
  return Asking(asked, status);
}

std::string Shortened(const std::string& text, size_t bytes_max) {
  size_t end = std::min(text.size(), bytes_max);
  // Not in the middle of a UTF-8 sequence.
  while (end < text.size() && end > 0 && (text[end] & 0xC0) == 0x80) --end;
  return text.substr(0, end);
}

}  // namespace

DmemdAuthority::DmemdAuthority(client::Client* client, std::function<absl::Time()> clock)
    : client_(*client), clock_(std::move(clock)) {}

absl::Status DmemdAuthority::RegisterGroup(const std::string& name, const std::string& parent) {
  v1::RegisterGroupRequest request;
  request.set_name(name);
  request.set_parent(parent);
  return Asking(absl::StrCat("registering group \"", name, "\""),
                client_.RegisterGroup(request).status());
}

absl::Status DmemdAuthority::RegisterRegion(const RegionOrder& region) {
  v1::RegisterRequest request;
  request.mutable_region()->set_name(region.name);
  request.mutable_region()->set_parent(region.parent);
  request.mutable_region()->set_capacity_bytes(region.capacity_bytes);
  request.mutable_region()->mutable_attributes()->set_node(region.node);
  request.mutable_region()->mutable_attributes()->set_model(region.model);
  return Asking(absl::StrCat("registering region \"", region.name, "\""),
                client_.Register(request).status());
}

absl::Status DmemdAuthority::CreateCgroup(const std::string& path) {
  v1::CreateCgroupRequest request;
  request.set_path(path);
  const absl::Status status = client_.CreateCgroup(request).status();
  if (absl::IsAlreadyExists(status)) return absl::OkStatus();
  return Asking(absl::StrCat("creating cgroup \"", path, "\""), status);
}

absl::StatusOr<Verdict> DmemdAuthority::Charge(const ChargeOrder& charge) {
  v1::ChargeRequest request;
  request.set_charge_id(charge.charge_id);
  const int64_t nanos = absl::ToUnixNanos(clock_());
  request.mutable_created_at()->set_seconds(nanos / 1000000000);
  request.mutable_created_at()->set_nanos(static_cast<int32_t>(nanos % 1000000000));
  for (const ItemOrder& order : charge.items) {
    v1::ChargeItem* item = request.add_items();
    item->set_cgroup(order.cgroup);
    item->set_region(order.region);
    item->set_bytes(order.bytes);
  }
  request.mutable_owner()->set_kind("Pod");
  request.mutable_owner()->set_name(Shortened(charge.owner, kOwnerBytesMax));
  if (!charge.qos.empty()) {
    (*request.mutable_labels())["qos"] = Shortened(charge.qos, kLabelBytesMax);
  }
  return ToVerdict(absl::StrCat("charge \"", charge.charge_id, "\""),
                   client_.Charge(request).status());
}

absl::StatusOr<Verdict> DmemdAuthority::Resize(const std::string& charge_id,
                                               const ItemOrder& item) {
  v1::ResizeRequest request;
  v1::ResizeItem* resize = request.add_items();
  resize->set_charge_id(charge_id);
  resize->set_cgroup(item.cgroup);
  resize->set_region(item.region);
  resize->set_bytes(item.bytes);
  return ToVerdict(absl::StrCat("resizing charge \"", charge_id, "\" to ", item.bytes, " bytes"),
                   client_.Resize(request).status());
}

absl::Status DmemdAuthority::Uncharge(const std::string& charge_id) {
  v1::UnchargeRequest request;
  request.add_charge_ids(charge_id);
  const std::string asked = absl::StrCat("uncharging \"", charge_id, "\"");
  const absl::StatusOr<v1::UnchargeResponse> response = client_.Uncharge(request);
  if (!response.ok()) return Asking(asked, response.status());
  // ALREADY is what sending again gets, where the first answer was lost.
  if (response->results_size() != 1 ||
      (response->results(0).outcome() != v1::UNCHARGE_OUTCOME_RELEASED &&
       response->results(0).outcome() != v1::UNCHARGE_OUTCOME_ALREADY)) {
    return absl::InternalError(absl::StrCat(asked, ": the server, which granted it, answers ",
                                            response->ShortDebugString()));
  }
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> DmemdAuthority::PeakBytes(const std::string& cgroup,
                                                   const std::string& region) {
  v1::GetPoolRequest request;
  request.set_cgroup(cgroup);
  request.set_region(region);
  const absl::StatusOr<v1::GetPoolResponse> response = client_.GetPool(request);
  if (!response.ok()) {
    return Asking(absl::StrCat("reading the pool of \"", cgroup, "\" in \"", region, "\""),
                  response.status());
  }
  return response->pool().peak_bytes();
}

absl::StatusOr<LiveCharges> DmemdAuthority::CountLive(const std::string& group,
                                                      const std::string& id_prefix) {
  v1::ListChargesRequest request;
  request.set_region(group);
  LiveCharges live;
  // Page by page: others may hold many more charges there than this run.
  do {
    const absl::StatusOr<v1::ListChargesResponse> page = client_.ListCharges(request);
    if (!page.ok()) {
      return Asking(absl::StrCat("listing charges in \"", group, "\""), page.status());
    }
    for (const v1::Charge& charge : page->charges()) {
      if (!absl::StartsWith(charge.charge_id(), id_prefix)) continue;
      ++live.charges;
      for (const v1::ChargeItem& item : charge.items()) live.bytes += item.bytes();
    }
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  return live;
}

}  // namespace dmem::replay
