// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_CHARGE_HOLDER_H_
#define DMEMD_CLIENT_CHARGE_HOLDER_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/connection.h"
#include "client/retry_environment.h"
#include "client/retry_loop.h"
#include "dmem/v1/quota_service.pb.h"

namespace dmem::client {

// What to do about a charge that no server answers.
enum class WhenUnreachable {
  kDeny,            // The charge fails, and is cancelled in case that it arrived after all.
  kAllowAndRecord,  // The charge is held at once, and recorded as soon as a server answers.
};

// The label of charges that were recorded after they had begun, and beyond a limit.
inline constexpr char kRecordedLateLabel[] = "dmemd/recorded-late";

struct ChargeHolderOptions {
  WhenUnreachable when_unreachable = WhenUnreachable::kDeny;
  // Of one call. With kAllowAndRecord this is how long a charge may have to wait.
  RetryPolicy retry;
  // Between attempts at what is left to do while no server answers.
  absl::Duration backlog_interval = absl::Seconds(1);
  // How many charges may wait to be recorded or given back; with more, Charge is UNAVAILABLE.
  size_t backlog_max = 100000;
  // Told of what can never be done: a charge that is held and that the authority will not record
  // (its region is unknown), or an id that it will not take back. Called on the holder's thread.
  std::function<void(const std::string& charge_id, const absl::Status& status)> on_lost;
};

namespace internal {
class Backlog;
struct Holding;
}  // namespace internal

// A charge that is given back when this goes out of scope. Movable; a moved-from one holds nothing.
class HeldCharge {
 public:
  HeldCharge(HeldCharge&& other) noexcept = default;
  // Gives back what it held before.
  HeldCharge& operator=(HeldCharge&& other) noexcept;
  // Gives back in the background, so it never waits: see ChargeHolder.
  ~HeldCharge();

  // Empty if it holds nothing.
  std::string charge_id() const;
  // Whether the authority has acknowledged it; always with WhenUnreachable::kDeny.
  bool is_recorded() const;

  // Gives back now. OK: it is acknowledged. Otherwise the holder goes on trying in the background,
  // and the error says why it could not be done yet. Holds nothing after this.
  absl::Status Release();

  // Lets go of the charge without giving it back; whoever has the id, which this returns, must.
  // A charge that is not recorded yet still will be.
  std::string Detach();

 private:
  friend class ChargeHolder;
  explicit HeldCharge(std::shared_ptr<internal::Holding> holding) : holding_(std::move(holding)) {}

  std::shared_ptr<internal::Holding> holding_;
};

// Charges that a program holds. Makes ids and created_at, sends again where that is safe, and does
// what could not be done at once (giving back, recording) on a thread of its own until it is
// acknowledged. So nothing that was charged through a holder outlives it, unless the process dies:
// then it is the node's agent that reports what is gone.
//
// Thread safe. The holder must outlive its charges.
class ChargeHolder {
 public:
  explicit ChargeHolder(std::shared_ptr<Connection> connection, ChargeHolderOptions options = {},
                        RetryEnvironment environment = RealRetryEnvironment());
  ChargeHolder(const ChargeHolder&) = delete;
  ChargeHolder& operator=(const ChargeHolder&) = delete;
  // Makes one more attempt at each thing that is left; see Drain for waiting longer.
  ~ChargeHolder();

  // Charges `request`, whose charge_id and created_at are filled in if empty. Errors are the
  // server's: nothing is held then. While no server answers (UNAVAILABLE, DEADLINE_EXCEEDED),
  // options.when_unreachable decides. A charge that is recorded late is sent again as it was; if
  // that is refused by a counter, with FORCE and the label "dmemd/recorded-late": it shows as OVER.
  // REQUIRES: mode is not CHECK_ONLY.
  absl::StatusOr<HeldCharge> Charge(v1::ChargeRequest request);

  // How many charges wait to be recorded or given back.
  size_t backlog() const;

  // Waits until the backlog is empty, and returns whether it is. Nothing that is still held is
  // given back.
  bool Drain(absl::Duration timeout);

 private:
  const std::unique_ptr<internal::Backlog> backlog_;
};

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_CHARGE_HOLDER_H_
