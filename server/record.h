// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Entries of a record (dmem.store.v1.Record): written as commands are applied, applied again at a
// start.

#ifndef SERVER_RECORD_H_
#define SERVER_RECORD_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "core/ledger.h"
#include "dmem/store/v1/record.pb.h"
#include "server/apply.h"
#include "server/writer.h"

namespace dmem::server {

// At most how much an entry without its effects is longer than the request in it.
inline constexpr size_t kEntryOverheadBytes = 640;

// The field of dmem.store.v1.Entry that holds a request.
inline int EntryField(const v1::ChargeRequest&) { return store::v1::Entry::kChargeFieldNumber; }
inline int EntryField(const v1::UnchargeRequest&) { return store::v1::Entry::kUnchargeFieldNumber; }
inline int EntryField(const v1::ResizeRequest&) { return store::v1::Entry::kResizeFieldNumber; }
inline int EntryField(const v1::SetLimitsRequest&) {
  return store::v1::Entry::kSetLimitsFieldNumber;
}
inline int EntryField(const v1::RegisterRequest&) { return store::v1::Entry::kRegisterFieldNumber; }
inline int EntryField(const v1::UnregisterRequest&) {
  return store::v1::Entry::kUnregisterFieldNumber;
}
inline int EntryField(const v1::CordonRequest&) { return store::v1::Entry::kCordonFieldNumber; }
inline int EntryField(const v1::RegisterGroupRequest&) {
  return store::v1::Entry::kRegisterGroupFieldNumber;
}
inline int EntryField(const v1::UnregisterGroupRequest&) {
  return store::v1::Entry::kUnregisterGroupFieldNumber;
}
inline int EntryField(const v1::CreateCgroupRequest&) {
  return store::v1::Entry::kCreateCgroupFieldNumber;
}
inline int EntryField(const v1::DeleteCgroupRequest&) {
  return store::v1::Entry::kDeleteCgroupFieldNumber;
}
inline int EntryField(const v1::WriteFileRequest&) {
  return store::v1::Entry::kWriteFileFieldNumber;
}
inline int EntryField(const v1::CommitRequest&) { return store::v1::Entry::kCommitFieldNumber; }
inline int EntryField(const v1::CancelRequest&) { return store::v1::Entry::kCancelFieldNumber; }
inline int EntryField(const v1::RenewRequest&) { return store::v1::Entry::kRenewFieldNumber; }
inline int EntryField(const v1::UnchargeItemsRequest&) {
  return store::v1::Entry::kUnchargeItemsFieldNumber;
}
inline int EntryField(const v1::RequestReleaseRequest&) {
  return store::v1::Entry::kRequestReleaseFieldNumber;
}
inline int EntryField(const v1::OpenSessionRequest&) {
  return store::v1::Entry::kOpenSessionFieldNumber;
}
inline int EntryField(const v1::CloseSessionRequest&) {
  return store::v1::Entry::kCloseSessionFieldNumber;
}
inline int EntryField(const v1::DeclareNotReadyRequest&) {
  return store::v1::Entry::kDeclareNotReadyFieldNumber;
}
inline int EntryField(const v1::FenceRequest&) { return store::v1::Entry::kFenceFieldNumber; }
inline int EntryField(const v1::ReportRegionStateRequest&) {
  return store::v1::Entry::kReportRegionStateFieldNumber;
}
inline int EntryField(const store::v1::Tick&) { return store::v1::Entry::kTickFieldNumber; }
inline int EntryField(const store::v1::Resume&) { return store::v1::Entry::kResumeFieldNumber; }
inline int EntryField(const v1::ReportMeasuredRequest&) {
  return store::v1::Entry::kReportMeasuredFieldNumber;
}
inline int EntryField(const v1::ReconcileRequest&) {
  return store::v1::Entry::kReconcileFieldNumber;
}
inline int EntryField(const v1::MoveChargeRequest&) {
  return store::v1::Entry::kMoveChargeFieldNumber;
}
inline int EntryField(const store::v1::Configure&) {
  return store::v1::Entry::kConfigureFieldNumber;
}

// About how many bytes the effects of a request take, where that is much. Not a bound.
inline size_t EffectsBytes(const v1::UnchargeRequest& request) {
  return static_cast<size_t>(request.charge_ids_size()) * 256;
}
template <typename Request>
size_t EffectsBytes(const Request&) {
  return 0;
}

// Appends to `record` the entry of the command that `ledger` has just applied, with its effects as
// far as the record has room for them; returns how many events it had none for. The request is
// encoded straight into the record, never copied as a message.
// REQUIRES: the command changed something, and the record has room for all but the effects.
uint64_t AppendEntry(const CommandInput& input, const absl::Status& outcome, int field,
                     const google::protobuf::MessageLite& request, const Ledger& ledger,
                     std::string* record);
template <typename Request>
uint64_t AppendEntry(const CommandInput& input, const absl::Status& outcome, const Request& request,
                     const Ledger& ledger, std::string* record) {
  return AppendEntry(input, outcome, EntryField(request), request, ledger, record);
}
// The same of a command of a writer's task.
template <typename Request>
void AppendEntry(const CommandInput& input, const absl::Status& outcome, const Request& request,
                 Turn* turn) {
  turn->AddOmitted(AppendEntry(input, outcome, request, *turn->ledger(), turn->record()));
}

// Applies every entry of `record` to `ledger`, whose state is that before the first. DATA_LOSS, and
// the ledger is of no use any more: the record cannot be parsed, or an entry is not valid, or gives
// another sequence or outcome than it did; the text names the sequence.
absl::Status ReplayRecord(absl::string_view record, Ledger* ledger);

}  // namespace dmem::server

#endif  // SERVER_RECORD_H_
