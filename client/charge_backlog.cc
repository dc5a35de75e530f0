// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/charge_backlog.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/charge_id.h"
#include "client/error_facts.h"

namespace dmem::client::internal {
namespace {

constexpr int kLabelsMax = 16;

void SetTime(absl::Time time, google::protobuf::Timestamp* timestamp) {
  const int64_t micros = absl::ToUnixMicros(time);
  timestamp->set_seconds(micros / 1000000);
  timestamp->set_nanos(static_cast<int32_t>(micros % 1000000) * 1000);
}

// The request as it records what is held already, whatever the limits say.
v1::ChargeRequest Forced(const v1::ChargeRequest& request) {
  v1::ChargeRequest forced = request;
  forced.set_mode(v1::CHARGE_MODE_FORCE);
  if (forced.labels_size() < kLabelsMax) (*forced.mutable_labels())[kRecordedLateLabel] = "true";
  return forced;
}

}  // namespace

Backlog::Backlog(std::shared_ptr<Connection> connection, ChargeHolderOptions options,
                 RetryEnvironment environment)
    : options_(std::move(options)),
      environment_(std::move(environment)),
      client_(std::move(connection), options_.retry, environment_),
      thread_([this] { Loop(); }) {}

Backlog::~Backlog() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    is_stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

absl::StatusOr<std::shared_ptr<Holding>> Backlog::Charge(v1::ChargeRequest request) {
  if (size() >= options_.backlog_max) {
    return absl::UnavailableError(
        absl::StrCat("no server has answered for long: ", options_.backlog_max,
                     " charges wait to be recorded or given back"));
  }
  if (request.charge_id().empty()) request.set_charge_id(NewChargeId());
  if (!request.has_created_at()) SetTime(environment_.now(), request.mutable_created_at());
  auto holding = std::make_shared<Holding>();
  holding->backlog = this;
  holding->request = request;
  const absl::Status status = client_.Charge(request).status();
  if (status.ok()) {
    holding->is_recorded = true;
    return holding;
  }
  if (!IsUnanswered(status)) return status;
  const std::lock_guard<std::mutex> lock(mutex_);
  holding->is_given_up = options_.when_unreachable == WhenUnreachable::kDeny;
  Enqueue(holding);
  if (holding->is_given_up) return status;
  return holding;
}

void Backlog::GiveBack(const std::shared_ptr<Holding>& holding) {
  const std::lock_guard<std::mutex> lock(mutex_);
  holding->is_given_up = true;
  if (!holding->is_busy) Enqueue(holding);  // Else it is queued when the call has ended.
}

absl::Status Backlog::GiveBackNow(const std::shared_ptr<Holding>& holding) {
  {
    std::unique_lock<std::mutex> lock(mutex_);
    holding->is_given_up = true;
    settled_.wait(lock, [&holding] { return !holding->is_busy; });
    if (holding->is_queued) queue_.erase(std::find(queue_.begin(), queue_.end(), holding));
    Take(holding.get());
  }
  return Work(holding, Task::kGiveBack);
}

std::string Backlog::IdOf(const Holding& holding) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return holding.request.charge_id();
}

bool Backlog::IsRecorded(const Holding& holding) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return holding.is_recorded;
}

size_t Backlog::size() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return queue_.size() + busy_;
}

bool Backlog::Drain(absl::Duration timeout) {
  std::unique_lock<std::mutex> lock(mutex_);
  return settled_.wait_for(lock, absl::ToChronoNanoseconds(timeout),
                           [this] { return queue_.empty() && busy_ == 0; });
}

void Backlog::Enqueue(const std::shared_ptr<Holding>& holding) {
  if (holding->is_queued) return;
  holding->is_queued = true;
  queue_.push_back(holding);
  wake_.notify_all();
}

void Backlog::Loop() {
  bool answered = true;
  while (true) {
    {
      std::unique_lock<std::mutex> lock(mutex_);
      if (answered) {
        wake_.wait(lock, [this] { return is_stopping_ || !queue_.empty(); });
      } else {
        wake_.wait_for(lock, absl::ToChronoNanoseconds(options_.backlog_interval),
                       [this] { return is_stopping_; });
      }
      if (is_stopping_) break;
    }
    answered = WorkOnce();
  }
  WorkOnce();
}

bool Backlog::WorkOnce() {
  size_t left;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    left = queue_.size();
  }
  for (; left > 0; --left) {
    std::shared_ptr<Holding> holding;
    Task task;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (queue_.empty()) return true;  // Somebody gave back at once what was queued.
      holding = queue_.front();
      queue_.pop_front();
      Take(holding.get());
      task = holding->is_given_up ? Task::kGiveBack : Task::kRecord;
    }
    if (IsUnanswered(Work(holding, task))) return false;
  }
  return true;
}

void Backlog::Take(Holding* holding) {
  holding->is_queued = false;
  holding->is_busy = true;
  ++busy_;
}

absl::Status Backlog::Work(const std::shared_ptr<Holding>& holding, Task task) {
  absl::Status status = task == Task::kRecord ? Record(holding.get()) : Uncharge(IdOf(*holding));
  std::string lost;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    holding->is_busy = false;
    --busy_;
    if (IsUnanswered(status)) {
      Enqueue(holding);
    } else {
      if (!status.ok()) lost = holding->request.charge_id();
      if (task == Task::kRecord) holding->is_recorded = status.ok();
      // Given up while it was being recorded.
      if (task == Task::kRecord && holding->is_given_up) Enqueue(holding);
    }
  }
  settled_.notify_all();
  if (!lost.empty() && options_.on_lost) options_.on_lost(lost, status);
  return status;
}

absl::Status Backlog::Uncharge(const std::string& charge_id) {
  v1::UnchargeRequest request;
  request.add_charge_ids(charge_id);
  return client_.Uncharge(request).status();
}

// What was sent before may have arrived, so it comes first, unchanged.
absl::Status Backlog::Record(Holding* holding) {
  v1::ChargeRequest request;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    request = holding->request;
  }
  absl::Status status = client_.Charge(request).status();
  const std::string reason = FactsOf(status).reason;
  if (reason == "ID_TOO_OLD") {
    // It never arrived, and its id has become too old to say so safely.
    request.set_charge_id(NewChargeId());
    SetTime(environment_.now(), request.mutable_created_at());
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      holding->request = request;
    }
    status = client_.Charge(Forced(request)).status();
  } else if (absl::IsResourceExhausted(status)) {
    status = client_.Charge(Forced(request)).status();
  } else if (reason == "CHARGE_ID_IN_USE") {
    status = absl::OkStatus();  // By its own forced form, whose answer was lost.
  }
  return status;
}

}  // namespace dmem::client::internal
