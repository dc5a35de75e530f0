// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "core/details.h"

#include "core/encoding.h"

namespace dmem {
namespace {

ChargeDetails ReadChargeDetails(Decoder* in) {
  ChargeDetails details;
  details.owner_kind = in->String();
  details.owner_namespace = in->String();
  details.owner_name = in->String();
  details.owner_uid = in->String();
  details.owner_container = in->String();
  for (uint64_t n = in->Uint(); n > 0 && in->ok(); --n) {
    const absl::string_view key = in->String();
    details.labels.emplace_back(key, in->String());
  }
  return details;
}

RegionAttributes ReadRegionAttributes(Decoder* in) {
  RegionAttributes attributes;
  attributes.node = in->String();
  attributes.model = in->String();
  attributes.uuid = in->String();
  attributes.pci = in->String();
  return attributes;
}

}  // namespace

void AppendChargeDetails(const ChargeCommand& command, std::string* out) {
  if (command.owner_kind.empty() && command.owner_namespace.empty() && command.owner_name.empty() &&
      command.owner_uid.empty() && command.owner_container.empty() && command.labels.empty()) {
    return;
  }
  Encoder encoder(out);
  encoder.String(command.owner_kind);
  encoder.String(command.owner_namespace);
  encoder.String(command.owner_name);
  encoder.String(command.owner_uid);
  encoder.String(command.owner_container);
  encoder.Uint(command.labels.size());
  for (const Label& label : command.labels) {
    encoder.String(label.first);
    encoder.String(label.second);
  }
}

ChargeDetails DecodeChargeDetails(absl::string_view encoded) {
  if (encoded.empty()) return ChargeDetails();
  Decoder decoder(encoded);
  return ReadChargeDetails(&decoder);
}

bool IsChargeDetails(absl::string_view encoded) {
  if (encoded.empty()) return true;
  Decoder decoder(encoded);
  ReadChargeDetails(&decoder);
  return decoder.done();
}

std::string EncodeRegionAttributes(const RegionAttributes& attributes) {
  std::string encoded;
  Encoder encoder(&encoded);
  encoder.String(attributes.node);
  encoder.String(attributes.model);
  encoder.String(attributes.uuid);
  encoder.String(attributes.pci);
  return encoded;
}

RegionAttributes DecodeRegionAttributes(absl::string_view encoded) {
  if (encoded.empty()) return RegionAttributes();
  Decoder decoder(encoded);
  return ReadRegionAttributes(&decoder);
}

bool IsRegionAttributes(absl::string_view encoded) {
  if (encoded.empty()) return true;
  Decoder decoder(encoded);
  ReadRegionAttributes(&decoder);
  return decoder.done();
}

}  // namespace dmem
