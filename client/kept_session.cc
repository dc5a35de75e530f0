// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/kept_session.h"

#include <algorithm>
#include <utility>

#include "client/charge_id.h"

namespace dmem::client {
namespace {

constexpr int kKeepAlivesPerTtl = 3;

// The session is no more, whatever is sent. (Another ABORTED would be a new kind of end.)
bool HasEnded(const absl::Status& status) {
  return absl::IsAborted(status) || absl::IsNotFound(status);
}

}  // namespace

KeptSession::KeptSession(std::shared_ptr<Client> client, KeptSessionOptions options)
    : client_(std::move(client)), options_(std::move(options)), thread_([this] { Loop(); }) {}

KeptSession::~KeptSession() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    is_stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

absl::StatusOr<uint64_t> KeptSession::Open() {
  if (const uint64_t open = id(); open != 0) return open;
  v1::OpenSessionRequest request;
  request.set_owner(options_.owner);
  request.set_node(options_.node);
  request.set_incarnation(options_.incarnation);
  request.mutable_ttl()->set_seconds(absl::ToInt64Seconds(options_.ttl));
  request.set_nonce(NewChargeId());
  const absl::StatusOr<v1::OpenSessionResponse> response = client_->OpenSession(request);
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!response.ok()) return response.status();
  id_ = response->session().id();
  sequence_ = std::max(sequence_, response->sequence());
  ended_ = absl::OkStatus();
  wake_.notify_all();
  return id_;
}

uint64_t KeptSession::id() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return id_;
}

absl::Status KeptSession::ended() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return ended_;
}

uint64_t KeptSession::sequence() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return sequence_;
}

absl::Status KeptSession::Close() {
  v1::CloseSessionRequest request;
  request.set_session(id());
  if (request.session() == 0) return absl::OkStatus();
  absl::Status status = client_->CloseSession(request).status();
  const std::lock_guard<std::mutex> lock(mutex_);
  if (status.ok() && id_ == request.session()) id_ = 0;
  return status;
}

void KeptSession::Loop() {
  while (true) {
    uint64_t id;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      wake_.wait(lock, [this] { return is_stopping_ || id_ != 0; });
      wake_.wait_for(lock, absl::ToChronoNanoseconds(options_.ttl / kKeepAlivesPerTtl),
                     [this] { return is_stopping_; });
      if (is_stopping_) return;
      id = id_;
    }
    if (id != 0) KeepAlive(id);
  }
}

void KeptSession::KeepAlive(uint64_t id) {
  v1::KeepAliveRequest request;
  request.set_session(id);
  const absl::StatusOr<v1::KeepAliveResponse> response = client_->KeepAlive(request);
  const std::lock_guard<std::mutex> lock(mutex_);
  if (response.ok()) {
    sequence_ = std::max(sequence_, response->sequence());
  } else if (HasEnded(response.status()) && id_ == id) {
    id_ = 0;
    ended_ = response.status();
  }
}

}  // namespace dmem::client
