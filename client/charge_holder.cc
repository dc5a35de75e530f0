// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/charge_holder.h"

#include <utility>

#include "client/charge_backlog.h"

namespace dmem::client {

HeldCharge& HeldCharge::operator=(HeldCharge&& other) noexcept {
  if (this == &other) return *this;
  if (holding_ != nullptr) holding_->backlog->GiveBack(holding_);
  holding_ = std::move(other.holding_);
  return *this;
}

HeldCharge::~HeldCharge() {
  if (holding_ != nullptr) holding_->backlog->GiveBack(holding_);
}

std::string HeldCharge::charge_id() const {
  return holding_ == nullptr ? "" : holding_->backlog->IdOf(*holding_);
}

bool HeldCharge::is_recorded() const {
  return holding_ != nullptr && holding_->backlog->IsRecorded(*holding_);
}

absl::Status HeldCharge::Release() {
  if (holding_ == nullptr) return absl::OkStatus();
  const std::shared_ptr<internal::Holding> holding = std::move(holding_);
  return holding->backlog->GiveBackNow(holding);
}

std::string HeldCharge::Detach() {
  std::string id = charge_id();
  holding_.reset();
  return id;
}

ChargeHolder::ChargeHolder(std::shared_ptr<Connection> connection, ChargeHolderOptions options,
                           RetryEnvironment environment)
    : backlog_(std::make_unique<internal::Backlog>(std::move(connection), std::move(options),
                                                   std::move(environment))) {}

ChargeHolder::~ChargeHolder() = default;

absl::StatusOr<HeldCharge> ChargeHolder::Charge(v1::ChargeRequest request) {
  absl::StatusOr<std::shared_ptr<internal::Holding>> holding = backlog_->Charge(std::move(request));
  if (!holding.ok()) return holding.status();
  return HeldCharge(*std::move(holding));
}

size_t ChargeHolder::backlog() const { return backlog_->size(); }

bool ChargeHolder::Drain(absl::Duration timeout) { return backlog_->Drain(timeout); }

}  // namespace dmem::client
