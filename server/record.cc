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
#include "server/validation.h"

namespace dmem::server {

namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedOutputStream;
using store::v1::Entry;

// Of the tags and lengths around a request and its effects.
constexpr size_t kLengthsBytes = 32;
constexpr size_t kEffectsMinBytes = 64;
// Sums of a time and a duration then fit.
constexpr int64_t kTimeMaxUs = (kTimestampSecondsMax + 1) * 1'000'000 - 1;

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

// As of a client: what validation lets through is safe to apply.
template <typename Response, typename Request>
absl::Status Replay(const CommandInput& input, const Request& request, Ledger* ledger) {
  if (absl::Status status = Validate(request); !status.ok()) return status;
  return Apply(input, request, ledger, static_cast<Response*>(nullptr));
}

// What flags may set.
bool IsValid(const store::v1::Configure& configure) {
  return store::v1::Configure::ImplicitCgroups_IsValid(configure.implicit_cgroups()) &&
         configure.tombstone_window_us() >= 0 && configure.tombstone_window_us() <= kTimeMaxUs &&
         configure.lost_after_us() >= 0 && configure.lost_after_us() <= kTimeMaxUs;
}

absl::Status ApplyEntry(const Entry& entry, Ledger* ledger) {
  CommandInput input;
  input.time_us = entry.time_us();
  input.generated_charge_id = entry.generated_charge_id();
  switch (entry.request_case()) {
    case Entry::kCharge:
      return Replay<v1::ChargeResponse>(input, entry.charge(), ledger);
    case Entry::kUncharge:
      return Replay<v1::UnchargeResponse>(input, entry.uncharge(), ledger);
    case Entry::kResize:
      return Replay<v1::ResizeResponse>(input, entry.resize(), ledger);
    case Entry::kSetLimits:
      return Replay<v1::SetLimitsResponse>(input, entry.set_limits(), ledger);
    case Entry::kRegister:
      return Replay<v1::RegisterResponse>(input, entry.register_(), ledger);
    case Entry::kUnregister:
      return Replay<v1::UnregisterResponse>(input, entry.unregister(), ledger);
    case Entry::kCordon:
      return Replay<v1::CordonResponse>(input, entry.cordon(), ledger);
    case Entry::kRegisterGroup:
      return Replay<v1::RegisterGroupResponse>(input, entry.register_group(), ledger);
    case Entry::kUnregisterGroup:
      return Replay<v1::UnregisterGroupResponse>(input, entry.unregister_group(), ledger);
    case Entry::kCreateCgroup:
      return Replay<v1::CreateCgroupResponse>(input, entry.create_cgroup(), ledger);
    case Entry::kDeleteCgroup:
      return Replay<v1::DeleteCgroupResponse>(input, entry.delete_cgroup(), ledger);
    case Entry::kWriteFile:
      return Replay<v1::WriteFileResponse>(input, entry.write_file(), ledger);
    case Entry::kCommit:
      return Replay<v1::CommitResponse>(input, entry.commit(), ledger);
    case Entry::kCancel:
      return Replay<v1::CancelResponse>(input, entry.cancel(), ledger);
    case Entry::kRenew:
      return Replay<v1::RenewResponse>(input, entry.renew(), ledger);
    case Entry::kRequestRelease:
      return Replay<v1::RequestReleaseResponse>(input, entry.request_release(), ledger);
    case Entry::kUnchargeItems:
      return Replay<v1::UnchargeItemsResponse>(input, entry.uncharge_items(), ledger);
    case Entry::kOpenSession:
      return Replay<v1::OpenSessionResponse>(input, entry.open_session(), ledger);
    case Entry::kCloseSession:
      return Replay<v1::CloseSessionResponse>(input, entry.close_session(), ledger);
    case Entry::kDeclareNotReady:
      return Replay<v1::DeclareNotReadyResponse>(input, entry.declare_not_ready(), ledger);
    case Entry::kFence:
      return Replay<v1::FenceResponse>(input, entry.fence(), ledger);
    case Entry::kReportRegionState:
      return Replay<v1::ReportRegionStateResponse>(input, entry.report_region_state(), ledger);
    case Entry::kTick:
      Apply(input, entry.tick(), ledger);
      return absl::OkStatus();
    case Entry::kResume:
      Apply(input, entry.resume(), ledger);
      return absl::OkStatus();
    case Entry::kReportMeasured:
      return Replay<v1::ReportMeasuredResponse>(input, entry.report_measured(), ledger);
    case Entry::kReconcile:
      return Replay<v1::ReconcileResponse>(input, entry.reconcile(), ledger);
    case Entry::kMoveCharge:
      return Replay<v1::MoveChargeResponse>(input, entry.move_charge(), ledger);
    case Entry::kConfigure:
      if (!IsValid(entry.configure())) return absl::InvalidArgumentError("settings out of range");
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
    if (entry.time_us() < ledger->state().scalars.time_us || entry.time_us() > kTimeMaxUs) {
      return Diverged(entry.sequence(), "its time is before that of the one before, or no time");
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
