// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// What a charge and a region carry for people and planners, as bytes.

#ifndef CORE_DETAILS_H_
#define CORE_DETAILS_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "core/commands.h"

namespace dmem {

// Owner and labels of a charge. Views refer to the encoded bytes.
struct ChargeDetails {
  absl::string_view owner_kind, owner_namespace, owner_name, owner_uid, owner_container;
  std::vector<std::pair<absl::string_view, absl::string_view>> labels;
};

// Appends nothing if owner and labels are all empty.
void AppendChargeDetails(const ChargeCommand& command, std::string* out);
// REQUIRES: `encoded` is what AppendChargeDetails made (checked by IsChargeDetails where it comes
// from a store).
ChargeDetails DecodeChargeDetails(absl::string_view encoded);
bool IsChargeDetails(absl::string_view encoded);

struct RegionAttributes {
  absl::string_view node, model, uuid, pci;
};

std::string EncodeRegionAttributes(const RegionAttributes& attributes);
RegionAttributes DecodeRegionAttributes(absl::string_view encoded);
bool IsRegionAttributes(absl::string_view encoded);

}  // namespace dmem

#endif  // CORE_DETAILS_H_
