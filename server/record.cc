// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/record.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "core/errors.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/wire_format_lite.h"
#include "server/effects.h"
#include "server/store/store.h"

namespace dmem::server {

namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedOutputStream;
using store::v1::Entry;

// Of the tags and lengths around a request and its effects.
constexpr size_t kLengthsBytes = 32;
constexpr size_t kEffectsMinBytes = 64;

size_t LengthDelimitedSize(int field, size_t size) {
  return WireFormatLite::TagSize(field, WireFormatLite::TYPE_BYTES) +
         CodedOutputStream::VarintSize32(static_cast<uint32_t>(size)) + size;
}

// Returns the end of what it has written.
uint8_t* WriteBytes(int field, absl::string_view bytes, uint8_t* out) {
  out = WireFormatLite::WriteTagToArray(field, WireFormatLite::WIRETYPE_LENGTH_DELIMITED, out);
  out = CodedOutputStream::WriteVarint32ToArray(static_cast<uint32_t>(bytes.size()), out);
  std::memcpy(out, bytes.data(), bytes.size());
  return out + bytes.size();
}

absl::Status ApplyEntry(const Entry& entry, Ledger* ledger) {
  CommandInput input;
  input.time_us = entry.time_us();
  input.generated_charge_id = entry.generated_charge_id();
  switch (entry.request_case()) {
    case Entry::kCharge:
      return Apply(input, entry.charge(), ledger, static_cast<v1::ChargeResponse*>(nullptr));
    case Entry::kUncharge:
      return Apply(input, entry.uncharge(), ledger, nullptr);
    case Entry::kResize:
      return Apply(input, entry.resize(), ledger, nullptr);
    case Entry::kSetLimits:
      return Apply(input, entry.set_limits(), ledger, nullptr);
    case Entry::kRegister:
      return Apply(input, entry.register_(), ledger, nullptr);
    case Entry::kUnregister:
      return Apply(input, entry.unregister(), ledger, nullptr);
    case Entry::kCordon:
      return Apply(input, entry.cordon(), ledger, nullptr);
    case Entry::kRegisterGroup:
      return Apply(input, entry.register_group(), ledger, nullptr);
    case Entry::kUnregisterGroup:
      return Apply(input, entry.unregister_group(), ledger, nullptr);
    case Entry::kCreateCgroup:
      return Apply(input, entry.create_cgroup(), ledger, nullptr);
    case Entry::kDeleteCgroup:
      return Apply(input, entry.delete_cgroup(), ledger, nullptr);
    case Entry::kWriteFile:
      return Apply(input, entry.write_file(), ledger, nullptr);
    case Entry::kCommit:
      return Apply(input, entry.commit(), ledger, nullptr);
    case Entry::kCancel:
      return Apply(input, entry.cancel(), ledger, nullptr);
    case Entry::kRenew:
      return Apply(input, entry.renew(), ledger, nullptr);
    case Entry::kRequestRelease:
      return Apply(input, entry.request_release(), ledger, nullptr);
    case Entry::kUnchargeItems:
      return Apply(input, entry.uncharge_items(), ledger, nullptr);
    case Entry::kOpenSession:
      return Apply(input, entry.open_session(), ledger, nullptr);
    case Entry::kCloseSession:
      return Apply(input, entry.close_session(), ledger, nullptr);
    case Entry::kDeclareNotReady:
      return Apply(input, entry.declare_not_ready(), ledger, nullptr);
    case Entry::kFence:
      return Apply(input, entry.fence(), ledger, nullptr);
    case Entry::kReportRegionState:
      return Apply(input, entry.report_region_state(), ledger, nullptr);
    case Entry::kTick:
      Apply(input, entry.tick(), ledger);
      return absl::OkStatus();
    case Entry::kResume:
      Apply(input, entry.resume(), ledger);
      return absl::OkStatus();
    case Entry::kReportMeasured:
      return Apply(input, entry.report_measured(), ledger, nullptr);
    case Entry::kReconcile:
      return Apply(input, entry.reconcile(), ledger, nullptr);
    case Entry::kMoveCharge:
      return Apply(input, entry.move_charge(), ledger, nullptr);
    case Entry::kConfigure:
      Apply(input, entry.configure(), ledger);
      return absl::OkStatus();
    case Entry::REQUEST_NOT_SET:
      break;
  }
  return absl::DataLossError("no command in it: written by a newer version?");
}

absl::Status Diverged(uint64_t sequence, absl::string_view how) {
  return absl::DataLossError(
      absl::StrCat("the command of sequence ", sequence,
                   " does not give what it gave when it was recorded: ", how));
}

}  // namespace

uint64_t AppendEntry(const CommandInput& input, const absl::Status& outcome, int field,
                     const google::protobuf::MessageLite& request, const Ledger& ledger,
                     std::string* record) {
  Entry head;  // All but what is encoded straight into the record: actor, request and effects.
  head.set_sequence(ledger.state().scalars.sequence);
  head.set_time_us(input.time_us);
  if (!input.generated_charge_id.empty()) head.set_generated_charge_id(input.generated_charge_id);
  if (!outcome.ok()) {
    head.set_code(static_cast<uint32_t>(outcome.code()));
    head.set_reason(FactsOf(outcome).reason);
  }
  const size_t head_bytes = head.ByteSizeLong();
  const size_t request_bytes = request.ByteSizeLong();
  size_t entry_bytes = head_bytes + LengthDelimitedSize(field, request_bytes);
  if (!input.actor.empty())
    entry_bytes += LengthDelimitedSize(Entry::kActorFieldNumber, input.actor.size());
  std::string effects;
  uint64_t omitted = ledger.changes().all().size();
  if (!ledger.changes().empty()) {
    const size_t used = record->size() + entry_bytes + kLengthsBytes;
    if (used + kEffectsMinBytes <= kMaxRecordBytes) {
      thread_local EffectsEncoder encoder;
      omitted = encoder.Encode(ledger.changes(), kMaxRecordBytes - used, &effects);
      entry_bytes += LengthDelimitedSize(Entry::kEffectsFieldNumber, effects.size());
    }
  }
  const size_t begin = record->size();
  record->resize(begin + LengthDelimitedSize(store::v1::Record::kEntriesFieldNumber, entry_bytes));
  uint8_t* out = reinterpret_cast<uint8_t*>(&(*record)[begin]);
  out = WireFormatLite::WriteTagToArray(store::v1::Record::kEntriesFieldNumber,
                                        WireFormatLite::WIRETYPE_LENGTH_DELIMITED, out);
  out = CodedOutputStream::WriteVarint32ToArray(static_cast<uint32_t>(entry_bytes), out);
  out = head.SerializeWithCachedSizesToArray(out);
  if (!input.actor.empty()) out = WriteBytes(Entry::kActorFieldNumber, input.actor, out);
  out = WireFormatLite::WriteTagToArray(field, WireFormatLite::WIRETYPE_LENGTH_DELIMITED, out);
  out = CodedOutputStream::WriteVarint32ToArray(static_cast<uint32_t>(request_bytes), out);
  out = request.SerializeWithCachedSizesToArray(out);
  if (!effects.empty()) WriteBytes(Entry::kEffectsFieldNumber, effects, out);
  return omitted;
}

absl::Status ReplayRecord(absl::string_view record, Ledger* ledger) {
  store::v1::Record parsed;
  if (!parsed.ParseFromArray(record.data(), static_cast<int>(record.size()))) {
    return absl::DataLossError(absl::StrCat("the record after sequence ",
                                            ledger->state().scalars.sequence, " cannot be parsed"));
  }
  for (const Entry& entry : parsed.entries()) {
    if (entry.sequence() != ledger->state().scalars.sequence + 1) {
      return Diverged(entry.sequence(), absl::StrCat("the state is that of sequence ",
                                                     ledger->state().scalars.sequence));
    }
    const absl::Status outcome = ApplyEntry(entry, ledger);
    if (ledger->state().scalars.sequence != entry.sequence()) {
      return Diverged(entry.sequence(),
                      absl::StrCat("nothing changed; outcome: ", outcome.ToString()));
    }
    const std::string reason = outcome.ok() ? "" : FactsOf(outcome).reason;
    if (static_cast<uint32_t>(outcome.code()) != entry.code() || reason != entry.reason()) {
      return Diverged(entry.sequence(), absl::StrCat("now ", outcome.ToString(), ", then code ",
                                                     entry.code(), " ", entry.reason()));
    }
  }
  return absl::OkStatus();
}

}  // namespace dmem::server
