// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// UsageReportRead: byte-seconds of a time.

#ifndef SERVER_USAGE_REPORT_H_
#define SERVER_USAGE_REPORT_H_

#include <cstdint>
#include <map>
#include <string>
#include <tuple>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dmem/v1/audit.pb.h"
#include "server/event_log.h"
#include "server/past.h"
#include "server/writer.h"

namespace dmem::server {

// What the usage over time sums up to between `from` and `to` is, exactly,
//   present usage × (to − from) − Σ over the later changes of change × (their time − from, cut to
//   0 … to − from),
// so one way back through the records is enough, in any order, and nothing is kept but the sums.
// Goes in steps. All sums are modulo 2^128, as the ledger's own are.
//
// Thread-compatible.
class UsageReportRead {
 public:
  // `log` and `request` must outlive it. REQUIRES: Validate(request) is OK.
  UsageReportRead(const EventLog* log, ReadView view, const v1::ReportUsageRequest* request);

  // The first, then further steps until one returns true: then `response` is complete.
  // Errors: those of the RPC.
  absl::StatusOr<bool> Step(v1::ReportUsageResponse* response);

 private:
  // Cgroup, region, group; the owner's kind, namespace and name. Empty where they do not count.
  using Key =
      std::tuple<std::string, std::string, std::string, std::string, std::string, std::string>;
  // Byte-microseconds.
  struct Sums {
    unsigned __int128 booked = 0;
    unsigned __int128 measured = 0;
    bool IsZero() const { return booked == 0 && measured == 0; }
  };
  // Where a change of bytes belongs.
  struct Place {
    const std::string& cgroup;  // A path.
    uint64_t region = 0;
  };

  static constexpr size_t kRowsMax = 250000;

  absl::Status Start();
  // Adds what is charged now, some thousands of items at most. Returns whether that was all.
  bool AddPresent();
  bool IsMeant(const Place& place) const;
  template <typename OwnerOf>
  Sums& SumsOf(const Place& place, const OwnerOf& owner_of);
  // Drops what has come to nothing.
  void Sweep();
  void Undo(const v1::Event& event);
  void UndoGrant(const v1::Event& event);
  void UndoChange(const v1::Event& event);
  void UndoMeasured(const v1::Event& event);
  // How much of the time counts that passed before the event.
  unsigned __int128 WeightOf(const v1::Event& event) const;
  absl::Status Finish(v1::ReportUsageResponse* response);
  void SetRow(const Key& key, const Sums& sums, v1::UsageRow* row) const;

  const ReadView view_;
  const v1::ReportUsageRequest& request_;
  const std::string listing_;
  const bool by_cgroup_, by_region_, by_group_, by_owner_;
  Past past_;
  int64_t from_us_ = 0;
  PastPage page_;  // Its time is the end that counts.
  std::map<Key, Sums> rows_;
  // With more rows than this they are looked through for empty ones.
  size_t rows_swept_at_ = kRowsMax;
  bool is_started_ = false;
  Index next_pool_ = 0;
  bool has_present_ = false;
};

}  // namespace dmem::server

#endif  // SERVER_USAGE_REPORT_H_
