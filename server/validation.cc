// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/validation.h"

#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/limit_text.h"
#include "core/names.h"
#include "server/errors.h"
#include "server/field_checks.h"

namespace dmem::server {

namespace {

constexpr size_t kOwnerBytesMax = 253;
constexpr size_t kLabelsMax = 16;
constexpr size_t kReconcileIdBytesMax = 64;
constexpr size_t kLabelKeyBytesMax = 63;
constexpr size_t kLabelValueBytesMax = 255;
constexpr size_t kTextBytesMax = 4096;
constexpr size_t kEvidenceBytesMax = 1024;

absl::Status CheckOptionalCgroup(absl::string_view field, absl::string_view cgroup) {
  if (cgroup.empty()) return absl::OkStatus();
  return CheckName(ValidateCgroupRef, Field(field), cgroup);
}

absl::Status CheckOptionalRegion(absl::string_view field, absl::string_view region) {
  if (region.empty()) return absl::OkStatus();
  return CheckName(ValidateRegionRef, Field(field), region);
}

// `in`: what stands before their names, "" or "items[2].".
absl::Status CheckOwner(const v1::Owner& owner, absl::string_view in) {
  const auto check = [in](absl::string_view name, absl::string_view value) {
    if (value.size() <= kOwnerBytesMax) return absl::OkStatus();
    return CheckLength(Field(absl::StrCat(in, name)), value, kOwnerBytesMax);
  };
  DMEM_RETURN_IF_ERROR(check("owner.kind", owner.kind()));
  DMEM_RETURN_IF_ERROR(check("owner.namespace", owner.namespace_()));
  DMEM_RETURN_IF_ERROR(check("owner.name", owner.name()));
  DMEM_RETURN_IF_ERROR(check("owner.uid", owner.uid()));
  return check("owner.container", owner.container());
}

absl::Status CheckLabels(const google::protobuf::Map<std::string, std::string>& labels,
                         absl::string_view in) {
  if (labels.empty()) return absl::OkStatus();
  const std::string field = absl::StrCat(in, "labels");
  if (labels.size() > kLabelsMax) {
    return InvalidField(field, absl::StrCat(labels.size(), " entries"), "at most 16 entries");
  }
  for (const auto& label : labels) {
    if (label.first.empty() || label.first.size() > kLabelKeyBytesMax) {
      return InvalidField(field, label.first, "keyed by 1 to 63 bytes");
    }
    DMEM_RETURN_IF_ERROR(CheckLength(Field(absl::StrCat(field, "[\"", label.first, "\"]")),
                                     label.second, kLabelValueBytesMax));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Validate(const v1::RegisterRequest& request) {
  const v1::Region& region = request.region();
  DMEM_RETURN_IF_ERROR(CheckName(ValidateRegionName, Field("region.name"), region.name()));
  if (region.capacity_bytes() == 0) {
    return InvalidField("region.capacity_bytes", "0", "more than 0");
  }
  DMEM_RETURN_IF_ERROR(CheckBytes(Field("region.capacity_bytes"), region.capacity_bytes()));
  if (region.reserved_bytes() > region.capacity_bytes()) {
    return InvalidField("region.reserved_bytes", absl::StrCat(region.reserved_bytes()),
                        absl::StrCat("at most capacity_bytes, ", region.capacity_bytes()));
  }
  DMEM_RETURN_IF_ERROR(CheckBytes(Field("region.grantable_bytes"), region.grantable_bytes()));
  DMEM_RETURN_IF_ERROR(CheckAttribute("region.attributes.node", region.attributes().node()));
  DMEM_RETURN_IF_ERROR(CheckAttribute("region.attributes.model", region.attributes().model()));
  DMEM_RETURN_IF_ERROR(CheckAttribute("region.attributes.uuid", region.attributes().uuid()));
  DMEM_RETURN_IF_ERROR(CheckAttribute("region.attributes.pci", region.attributes().pci()));
  if (!region.parent().empty()) {
    DMEM_RETURN_IF_ERROR(CheckName(ValidateRegionName, Field("region.parent"), region.parent()));
  }
  DMEM_RETURN_IF_ERROR(CheckUnset("region.id", region.id() != 0));
  DMEM_RETURN_IF_ERROR(CheckUnset("region.state", region.state() != 0));
  DMEM_RETURN_IF_ERROR(CheckUnset("region.usage_bytes", region.usage_bytes() != 0));
  DMEM_RETURN_IF_ERROR(CheckUnset("region.over_bytes", region.over_bytes() != 0));
  DMEM_RETURN_IF_ERROR(CheckUnset("region.live_items", region.live_items() != 0));
  DMEM_RETURN_IF_ERROR(CheckUnset("region.reservations_bytes", region.reservations_bytes() != 0));
  DMEM_RETURN_IF_ERROR(CheckUnset("region.session", region.session() != 0));
  DMEM_RETURN_IF_ERROR(CheckUnset("region.awaits_registration", region.awaits_registration()));
  DMEM_RETURN_IF_ERROR(CheckUnset("region.failure", !region.failure().empty()));
  DMEM_RETURN_IF_ERROR(CheckUnset("region.device_used_at", region.has_device_used_at()));
  DMEM_RETURN_IF_ERROR(CheckUnset("region.device_used_bytes", region.device_used_bytes() != 0));
  DMEM_RETURN_IF_ERROR(CheckUnset("region.unattributed_bytes", region.unattributed_bytes() != 0));
  DMEM_RETURN_IF_ERROR(CheckUnset("region.measured_bytes", region.measured_bytes() != 0));
  DMEM_RETURN_IF_ERROR(CheckUnset("region.over_grant_bytes", region.over_grant_bytes() != 0));
  return CheckUnset("region.grantable_is_explicit", region.grantable_is_explicit());
}

absl::Status Validate(const v1::UnregisterRequest& request) {
  return CheckName(ValidateRegionRef, Field("region"), request.region());
}

absl::Status Validate(const v1::CordonRequest& request) {
  return CheckName(ValidateRegionRef, Field("region"), request.region());
}

absl::Status Validate(const v1::RegisterGroupRequest& request) {
  DMEM_RETURN_IF_ERROR(CheckName(ValidateRegionName, Field("name"), request.name()));
  if (request.parent().empty()) return absl::OkStatus();
  return CheckName(ValidateRegionName, Field("parent"), request.parent());
}

absl::Status Validate(const v1::UnregisterGroupRequest& request) {
  return CheckName(ValidateRegionName, Field("name"), request.name());
}

absl::Status Validate(const v1::ChargeRequest& request) {
  if (!request.charge_id().empty()) {
    DMEM_RETURN_IF_ERROR(CheckName(ValidateChargeId, Field("charge_id"), request.charge_id()));
    if (!request.has_created_at()) return CreatedAtMissing("created_at");
  }
  if (request.has_created_at()) {
    DMEM_RETURN_IF_ERROR(CheckTimestamp(Field("created_at"), request.created_at()));
  }
  DMEM_RETURN_IF_ERROR(CheckCount("items", request.items_size(), kItemsMax));
  for (int i = 0; i < request.items_size(); ++i) {
    const v1::ChargeItem& item = request.items(i);
    DMEM_RETURN_IF_ERROR(CheckName(ValidateCgroupRef, Field("items", i, "cgroup"), item.cgroup()));
    DMEM_RETURN_IF_ERROR(CheckName(ValidateRegionRef, Field("items", i, "region"), item.region()));
    DMEM_RETURN_IF_ERROR(CheckBytes(Field("items", i, "bytes"), item.bytes()));
    if (item.reserved()) return CheckUnset(Field("items", i, "reserved").Path(), true);
    if (item.has_measured_bytes() || item.has_measured_at()) {
      return InvalidField(Field("items", i, "measured_bytes").Path(), "set",
                          "unset: told by ReportMeasured");
    }
  }
  DMEM_RETURN_IF_ERROR(CheckEnum(Field("mode"), request.mode(),
                                 v1::ChargeMode_IsValid(request.mode()), "ChargeMode"));
  DMEM_RETURN_IF_ERROR(
      CheckEnum(Field("basis"), request.basis(), v1::Basis_IsValid(request.basis()), "Basis"));
  if (request.has_ttl()) DMEM_RETURN_IF_ERROR(CheckReservationTtl(request.ttl()));
  if (request.has_owner()) DMEM_RETURN_IF_ERROR(CheckOwner(request.owner(), ""));
  DMEM_RETURN_IF_ERROR(CheckLabels(request.labels(), ""));
  DMEM_RETURN_IF_ERROR(CheckDistinct("items", request.items_size(), [&request](size_t i) {
    const v1::ChargeItem& item = request.items(static_cast<int>(i));
    return Key(item.cgroup(), item.region(), absl::string_view());
  }));
  return CheckCommandBytes(request.ByteSizeLong());
}

absl::Status Validate(const v1::ReconcileRequest& request) {
  if (request.session() == 0) return InvalidField("session", "0", "that of a node's agent");
  DMEM_RETURN_IF_ERROR(CheckName(ValidateChargeId, Field("reconcile_id"), request.reconcile_id()));
  DMEM_RETURN_IF_ERROR(
      CheckLength(Field("reconcile_id"), request.reconcile_id(), kReconcileIdBytesMax));
  if (request.items_size() > 0) {
    DMEM_RETURN_IF_ERROR(CheckCount("items", request.items_size(), kItemsMax));
  }
  DMEM_RETURN_IF_ERROR(CheckRegionNames(request.regions(), kItemsMax));
  const absl::flat_hash_set<absl::string_view> regions(request.regions().begin(),
                                                       request.regions().end());
  for (int i = 0; i < request.items_size(); ++i) {
    const v1::HeldItem& item = request.items(i);
    if (!regions.empty() && !regions.contains(item.region()))
      return InvalidField(Field("items", i, "region").Path(), item.region(), "one of regions");
    DMEM_RETURN_IF_ERROR(
        CheckName(ValidateChargeId, Field("items", i, "charge_id"), item.charge_id()));
    DMEM_RETURN_IF_ERROR(CheckName(ValidateCgroupPath, Field("items", i, "cgroup"), item.cgroup()));
    DMEM_RETURN_IF_ERROR(CheckName(ValidateRegionRef, Field("items", i, "region"), item.region()));
    DMEM_RETURN_IF_ERROR(CheckBytes(Field("items", i, "bytes"), item.bytes()));
    if (item.has_created_at()) {
      DMEM_RETURN_IF_ERROR(CheckTimestamp(Field("items", i, "created_at"), item.created_at()));
    }
    DMEM_RETURN_IF_ERROR(CheckEnum(Field("items", i, "basis"), item.basis(),
                                   v1::Basis_IsValid(item.basis()), "Basis"));
    if (!item.has_owner() && item.labels().empty()) continue;
    const std::string in = absl::StrCat("items[", i, "].");
    DMEM_RETURN_IF_ERROR(CheckOwner(item.owner(), in));
    DMEM_RETURN_IF_ERROR(CheckLabels(item.labels(), in));
  }
  DMEM_RETURN_IF_ERROR(CheckDistinct("items", request.items_size(), [&request](size_t i) {
    const v1::HeldItem& item = request.items(static_cast<int>(i));
    return Key(item.charge_id(), item.cgroup(), item.region());
  }));
  return CheckCommandBytes(request.ByteSizeLong());
}

absl::Status Validate(const v1::BatchChargeRequest& request) {
  return CheckCount("charges", request.charges_size(), kBatchMax);
}

absl::Status Validate(const v1::UnchargeRequest& request) {
  DMEM_RETURN_IF_ERROR(CheckCount("charge_ids", request.charge_ids_size(), kItemsMax));
  for (int i = 0; i < request.charge_ids_size(); ++i) {
    DMEM_RETURN_IF_ERROR(
        CheckName(ValidateChargeId, Field("charge_ids", i, ""), request.charge_ids(i)));
  }
  DMEM_RETURN_IF_ERROR(CheckLength(Field("evidence"), request.evidence(), kEvidenceBytesMax));
  return CheckDistinct("charge_ids", request.charge_ids_size(), [&request](size_t i) {
    return Key(request.charge_ids(static_cast<int>(i)), absl::string_view(), absl::string_view());
  });
}

absl::Status Validate(const v1::ResizeRequest& request) {
  DMEM_RETURN_IF_ERROR(CheckCount("items", request.items_size(), kItemsMax));
  for (int i = 0; i < request.items_size(); ++i) {
    const v1::ResizeItem& item = request.items(i);
    DMEM_RETURN_IF_ERROR(
        CheckName(ValidateChargeId, Field("items", i, "charge_id"), item.charge_id()));
    DMEM_RETURN_IF_ERROR(CheckName(ValidateCgroupRef, Field("items", i, "cgroup"), item.cgroup()));
    DMEM_RETURN_IF_ERROR(CheckName(ValidateRegionRef, Field("items", i, "region"), item.region()));
    DMEM_RETURN_IF_ERROR(CheckBytes(Field("items", i, "bytes"), item.bytes()));
    DMEM_RETURN_IF_ERROR(CheckBytes(Field("items", i, "expected_bytes"), item.expected_bytes()));
  }
  DMEM_RETURN_IF_ERROR(CheckEnum(Field("mode"), request.mode(),
                                 v1::ChargeMode_IsValid(request.mode()), "ChargeMode"));
  DMEM_RETURN_IF_ERROR(CheckDistinct("items", request.items_size(), [&request](size_t i) {
    const v1::ResizeItem& item = request.items(static_cast<int>(i));
    return Key(item.charge_id(), item.cgroup(), item.region());
  }));
  return CheckCommandBytes(request.ByteSizeLong());
}

absl::Status Validate(const v1::SetLimitsRequest& request) {
  DMEM_RETURN_IF_ERROR(CheckCount("updates", request.updates_size(), kItemsMax));
  for (int i = 0; i < request.updates_size(); ++i) {
    const v1::LimitsUpdate& update = request.updates(i);
    const Field cgroup("updates", i, "cgroup");
    DMEM_RETURN_IF_ERROR(CheckName(ValidateCgroupRef, cgroup, update.cgroup()));
    if (update.cgroup() == "/") return RootHasNoLimits(cgroup.Path());
    DMEM_RETURN_IF_ERROR(
        CheckName(ValidateRegionRef, Field("updates", i, "region"), update.region()));
    DMEM_RETURN_IF_ERROR(CheckBytes(Field("updates", i, "min_bytes"), update.min_bytes()));
    DMEM_RETURN_IF_ERROR(CheckBytes(Field("updates", i, "low_bytes"), update.low_bytes()));
    DMEM_RETURN_IF_ERROR(CheckBytes(Field("updates", i, "max_bytes"), update.max_bytes()));
    DMEM_RETURN_IF_ERROR(CheckEnum(Field("updates", i, "enforcement"), update.enforcement(),
                                   v1::Enforcement_IsValid(update.enforcement()), "Enforcement"));
  }
  DMEM_RETURN_IF_ERROR(CheckEnum(Field("below_usage"), request.below_usage(),
                                 v1::BelowUsagePolicy_IsValid(request.below_usage()),
                                 "BelowUsagePolicy"));
  DMEM_RETURN_IF_ERROR(CheckDistinct("updates", request.updates_size(), [&request](size_t i) {
    const v1::LimitsUpdate& update = request.updates(static_cast<int>(i));
    return Key(update.cgroup(), update.region(), absl::string_view());
  }));
  return CheckCommandBytes(request.ByteSizeLong());
}

absl::Status Validate(const v1::CreateCgroupRequest& request) {
  return CheckName(ValidateCgroupPath, Field("path"), request.path());
}

absl::Status Validate(const v1::DeleteCgroupRequest& request) {
  DMEM_RETURN_IF_ERROR(CheckName(ValidateCgroupRef, Field("path"), request.path()));
  return request.path() == "/" ? RootHasNoLimits("path") : absl::OkStatus();
}

absl::Status Validate(const v1::EvictValuableRequest& request) {
  DMEM_RETURN_IF_ERROR(CheckOptionalCgroup("limit_cgroup", request.limit_cgroup()));
  DMEM_RETURN_IF_ERROR(CheckName(ValidateCgroupRef, Field("cgroup"), request.cgroup()));
  return CheckName(ValidateRegionRef, Field("region"), request.region());
}

absl::Status Validate(const v1::EvictCandidatesRequest& request) {
  DMEM_RETURN_IF_ERROR(CheckOptionalCgroup("limit_cgroup", request.limit_cgroup()));
  DMEM_RETURN_IF_ERROR(CheckName(ValidateRegionRef, Field("region"), request.region()));
  if (request.bytes_needed() == 0) return InvalidField("bytes_needed", "0", "at least 1");
  DMEM_RETURN_IF_ERROR(CheckBytes(Field("bytes_needed"), request.bytes_needed()));
  return CheckEnum(Field("ignore_low"), request.ignore_low(),
                   v1::IgnoreLow_IsValid(request.ignore_low()), "IgnoreLow");
}

absl::Status Validate(const v1::GetHeadroomRequest& request) {
  DMEM_RETURN_IF_ERROR(CheckName(ValidateCgroupRef, Field("cgroup"), request.cgroup()));
  DMEM_RETURN_IF_ERROR(CheckName(ValidateRegionRef, Field("region"), request.region()));
  if (request.items() > kItemsMax) {
    return InvalidField("items", absl::StrCat(request.items()), absl::StrCat("0 to ", kItemsMax));
  }
  if (request.bytes() == 0) return InvalidField("bytes", "0", "at least 1");
  return CheckBytes(Field("bytes"), request.bytes());
}

absl::Status Validate(const v1::GetPoolRequest& request) {
  DMEM_RETURN_IF_ERROR(CheckName(ValidateCgroupRef, Field("cgroup"), request.cgroup()));
  DMEM_RETURN_IF_ERROR(CheckName(ValidateRegionRef, Field("region"), request.region()));
  return CheckOptionalCgroup("relative_to", request.relative_to());
}

absl::Status Validate(const v1::ListPoolsRequest& request) {
  DMEM_RETURN_IF_ERROR(CheckOptionalRegion("region", request.region()));
  DMEM_RETURN_IF_ERROR(CheckOptionalCgroup("cgroup", request.cgroup()));
  DMEM_RETURN_IF_ERROR(CheckOptionalCgroup("relative_to", request.relative_to()));
  return CheckPage(request.page_size(), request.page_token());
}

absl::Status Validate(const v1::ListRegionsRequest& request) {
  return CheckPage(request.page_size(), request.page_token());
}

absl::Status Validate(const v1::ListCgroupsRequest& request) {
  DMEM_RETURN_IF_ERROR(CheckOptionalCgroup("cgroup", request.cgroup()));
  return CheckPage(request.page_size(), request.page_token());
}

absl::Status Validate(const v1::ListChargesRequest& request) {
  if (!request.charge_id().empty()) {
    DMEM_RETURN_IF_ERROR(CheckName(ValidateChargeId, Field("charge_id"), request.charge_id()));
  }
  DMEM_RETURN_IF_ERROR(CheckOptionalRegion("region", request.region()));
  DMEM_RETURN_IF_ERROR(CheckOptionalCgroup("cgroup", request.cgroup()));
  return CheckPage(request.page_size(), request.page_token());
}

absl::Status Validate(const v1::ReadFileRequest& request) {
  return CheckName(ValidateCgroupRef, Field("cgroup"), request.cgroup());
}

absl::Status Validate(const v1::WriteFileRequest& request) {
  DMEM_RETURN_IF_ERROR(CheckName(ValidateCgroupRef, Field("cgroup"), request.cgroup()));
  DMEM_RETURN_IF_ERROR(CheckLength(Field("text"), request.text(), kTextBytesMax));
  DMEM_RETURN_IF_ERROR(CheckEnum(Field("below_usage"), request.below_usage(),
                                 v1::BelowUsagePolicy_IsValid(request.below_usage()),
                                 "BelowUsagePolicy"));
  const absl::string_view file = request.file();
  const bool is_root = request.cgroup() == "/";
  const bool is_limit = file == "dmem.min" || file == "dmem.low" || file == "dmem.max";
  if (file == "dmem.current" || (file == "dmem.capacity" && is_root) ||
      (file == "dmem.peak" && !is_root)) {
    return ReadOnlyFile(file);
  }
  if (!is_limit) return FileNotFound(file);
  if (is_root) return RootHasNoLimits("cgroup");
  return ParseLimitLine(request.text()).status();
}

absl::Status Validate(const v1::CheckRequest&) { return absl::OkStatus(); }

absl::Status Validate(const v1::GetServerInfoRequest&) { return absl::OkStatus(); }

}  // namespace dmem::server
