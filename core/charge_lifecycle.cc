// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "core/charge_lifecycle.h"

#include "core/encoding.h"

namespace dmem {
namespace {

ChargeLifecycle Read(Decoder* in) {
  ChargeLifecycle lifecycle;
  for (uint64_t n = in->Uint(); n > 0 && in->ok(); --n) {
    const uint64_t id_hash = in->BigEndian();
    lifecycle.commits.push_back({id_hash, in->BigEndian()});
  }
  lifecycle.release_requested_at_us = in->Int();
  lifecycle.release_requested_by = in->String();
  lifecycle.release_reason = in->String();
  return lifecycle;
}

}  // namespace

const CommitMark* ChargeLifecycle::FindCommit(uint64_t id_hash) const {
  for (const CommitMark& commit : commits) {
    if (commit.id_hash == id_hash) return &commit;
  }
  return nullptr;
}

std::string EncodeChargeLifecycle(const ChargeLifecycle& lifecycle) {
  std::string encoded;
  Encoder out(&encoded);
  out.Uint(lifecycle.commits.size());
  for (const CommitMark& commit : lifecycle.commits) {
    out.BigEndian(commit.id_hash);
    out.BigEndian(commit.placements_hash);
  }
  out.Int(lifecycle.release_requested_at_us);
  out.String(lifecycle.release_requested_by);
  out.String(lifecycle.release_reason);
  return encoded;
}

ChargeLifecycle DecodeChargeLifecycle(absl::string_view encoded) {
  if (encoded.empty()) return ChargeLifecycle();
  Decoder decoder(encoded);
  return Read(&decoder);
}

bool IsChargeLifecycle(absl::string_view encoded) {
  if (encoded.empty()) return true;
  Decoder decoder(encoded);
  Read(&decoder);
  return decoder.done();
}

}  // namespace dmem
