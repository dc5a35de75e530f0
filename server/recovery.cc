// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/recovery.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/invariants.h"
#include "core/state_restorer.h"
#include "dmem/store/v1/record.pb.h"
#include "server/clock.h"
#include "server/log.h"
#include "server/record.h"

namespace dmem::server {

namespace {

constexpr int64_t kProgressNanoseconds = 2000000000;

store::v1::CheckpointSummary SummaryOf(const State& state, const StateHash& hash,
                                       unsigned __int128 charged_bytes) {
  store::v1::CheckpointSummary summary;
  const StateScalars& scalars = state.scalars;
  summary.set_sequence(scalars.sequence);
  summary.set_time_us(scalars.time_us);
  summary.set_state_hash_high(hash.high);
  summary.set_state_hash_low(hash.low);
  summary.set_regions(scalars.regions);
  summary.set_groups(scalars.groups);
  summary.set_cgroups(scalars.cgroups);
  summary.set_pools(scalars.pools);
  summary.set_charges(scalars.charges);
  summary.set_items(scalars.items);
  summary.set_tombstones(scalars.tombstones);
  summary.set_charged_bytes_high(static_cast<uint64_t>(charged_bytes >> 64));
  summary.set_charged_bytes_low(static_cast<uint64_t>(charged_bytes));
  return summary;
}

unsigned __int128 ChargedBytes(const State& state) {
  unsigned __int128 sum = 0;
  for (Index i = 0; i < state.items.size(); ++i) {
    if (state.items[i].charge != kNone) sum += state.items[i].bytes.value();
  }
  return sum;
}

class Restorer final : public RecoveryVisitor {
 public:
  explicit Restorer(Ledger* ledger)
      : ledger_(ledger),
        objects_(std::make_unique<StateRestorer>(ledger)),
        started_ns_(MonotonicNanoseconds()),
        progress_ns_(started_ns_) {}

  // After an error nobody else takes the snapshot, and the ledger wants it back before it goes.
  ~Restorer() override {
    if (recovered.checkpoint != nullptr) ledger_->Release(std::move(recovered.checkpoint));
  }

  absl::Status OnObject(absl::string_view key, absl::string_view value) override {
    ++recovered.objects;
    ReportProgress("objects", recovered.objects);
    return objects_->AddObject(key, value);
  }

  absl::Status OnCheckpoint(uint64_t sequence, absl::string_view encoded) override {
    recovered.checkpoint_sequence = sequence;
    if (sequence == 0) return absl::OkStatus();  // There never was one.
    if (absl::Status status = objects_->Finish(); !status.ok()) return status;
    const AuditReport audit = CheckInvariants(ledger_->state());
    if (audit.violations_total > 0) {
      return absl::DataLossError(absl::StrCat("the checkpoint of sequence ", sequence, " breaks ",
                                              audit.violations_total,
                                              " invariants; the first: ", audit.violations[0]));
    }
    recovered.checkpoint_hash = HashOf(ledger_->state());
    store::v1::CheckpointSummary then;
    if (!then.ParseFromArray(encoded.data(), static_cast<int>(encoded.size()))) {
      return absl::DataLossError(
          absl::StrCat("the summary of the checkpoint of sequence ", sequence, " is unreadable"));
    }
    const store::v1::CheckpointSummary now =
        SummaryOf(ledger_->state(), recovered.checkpoint_hash, audit.charged_bytes);
    if (now.SerializeAsString() == then.SerializeAsString()) {
      recovered.checkpoint = ledger_->TakeSnapshot();
      return absl::OkStatus();
    }
    return absl::DataLossError(absl::StrCat("the objects of the checkpoint of sequence ", sequence,
                                            " do not add up to its summary: they give {",
                                            now.ShortDebugString(), "}, recorded are {",
                                            then.ShortDebugString(), "}"));
  }

  absl::Status OnRecord(SequenceRange range, absl::string_view record) override {
    ++recovered.records;
    ReportProgress("sequence", range.last);
    if (absl::Status status = ReplayRecord(record, ledger_); !status.ok()) return status;
    if (ledger_->state().scalars.sequence == range.last) return absl::OkStatus();
    return absl::DataLossError(absl::StrCat("the record of sequences ", range.first, " to ",
                                            range.last, " ends at ",
                                            ledger_->state().scalars.sequence));
  }

  double Seconds() const { return (MonotonicNanoseconds() - started_ns_) / 1e9; }

  Recovered recovered;

 private:
  void ReportProgress(const char* what, uint64_t count) {
    if ((++steps_ & 1023) != 0) return;  // The clock is not free.
    const int64_t now = MonotonicNanoseconds();
    if (now - progress_ns_ < kProgressNanoseconds) return;
    progress_ns_ = now;
    Log(LogLevel::kInfo, "recovery_progress", {{"seconds", Seconds()}, {what, count}});
  }

  Ledger* const ledger_;
  const std::unique_ptr<StateRestorer> objects_;
  const int64_t started_ns_;
  int64_t progress_ns_;
  uint64_t steps_ = 0;
};

}  // namespace

std::string EncodeSummary(const State& state, const StateHash& hash) {
  return SummaryOf(state, hash, ChargedBytes(state)).SerializeAsString();
}

absl::StatusOr<Recovered> Recover(Store* store, Ledger* ledger) {
  Restorer restorer(ledger);
  const absl::StatusOr<RecoveredLog> log = store->Recover(restorer);
  if (!log.ok()) return log.status();
  if (log->last_sequence != ledger->state().scalars.sequence) {
    return absl::DataLossError(absl::StrCat("the log ends at sequence ", log->last_sequence,
                                            ", the state at ", ledger->state().scalars.sequence));
  }
  if (restorer.recovered.records > 0) {
    const AuditReport audit = CheckInvariants(ledger->state());
    if (audit.violations_total > 0) {
      return absl::DataLossError(absl::StrCat("the state of sequence ", log->last_sequence,
                                              " breaks ", audit.violations_total,
                                              " invariants; the first: ", audit.violations[0]));
    }
  }
  Recovered recovered = std::move(restorer.recovered);
  recovered.epoch = log->epoch;
  recovered.dropped_tail = log->dropped_tail;
  recovered.seconds = restorer.Seconds();
  return recovered;
}

}  // namespace dmem::server
