// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/keep_alive.h"

#include <utility>

#include "server/clock.h"
#include "server/convert_sessions.h"
#include "server/errors.h"
#include "server/grpc_status.h"
#include "server/validation.h"

namespace dmem::server {

bool KeepAliveTask::Run(Turn* turn) {
  const absl::StatusOr<Index> session = turn->ledger()->CheckSession(request_->session());
  outcome_ = session.status();
  if (!outcome_.ok()) return true;
  keeper_->Heard(request_->session(), turn->NextCommandTime());
  const SessionRecord& record = turn->state().sessions[*session];
  response_->set_session(record.id);
  response_->set_state(ToProto(record.state));
  ToProto(absl::Microseconds(record.ttl_us), response_->mutable_ttl());
  response_->set_sequence(turn->state().scalars.sequence);
  return true;
}

// One message after the other: read, ask the writer, write, read. At most one of these is under
// way, and whoever ends the last of them may finish. gRPC deletes it, by OnDone, once it has
// finished and nothing is under way.
class KeepAliveStream final : public KeepAliveStreams::Reactor {
 public:
  explicit KeepAliveStream(KeepAliveStreams* streams) : streams_(streams) {}

  void Begin() { StartRead(&request_); }

  // From KeepAliveStreams::Drain.
  void EndSoon() {
    {
      MutexLock lock(&mutex_);
      is_ending_ = true;
      if (!is_reading_ || std::exchange(is_finished_, true)) return;
    }
    Finish(ToGrpcStatus(ShuttingDown()));
  }

  void OnReadDone(bool ok) override {
    bool is_ending = false;
    {
      MutexLock lock(&mutex_);
      is_reading_ = false;
      if (is_finished_) return;
      is_ending = is_ending_;
    }
    // The caller said that this was all, or is gone.
    if (!ok) return FinishOnce(absl::OkStatus());
    if (is_ending) return FinishOnce(ShuttingDown());
    started_ns_ = MonotonicNanoseconds();
    if (absl::Status invalid = Validate(request_); !invalid.ok()) return Answer(invalid);
    response_.Clear();
    std::unique_ptr<WriterTask> task =
        std::make_unique<KeepAliveTask>(streams_->keeper_, &request_, &response_,
                                        [this](const absl::Status& status) { Answer(status); });
    if (absl::Status refused = streams_->writer_->Enqueue(task); !refused.ok()) Answer(refused);
  }

  void OnWriteDone(bool ok) override {
    bool is_ending = false;
    {
      MutexLock lock(&mutex_);
      is_ending = is_ending_;
      is_reading_ = ok && !is_ending;
    }
    if (!ok) return FinishOnce(absl::OkStatus());
    if (is_ending) return FinishOnce(ShuttingDown());
    StartRead(&request_);
  }

  void OnDone() override {
    {
      MutexLock lock(&streams_->mutex_);
      streams_->streams_.erase(this);
    }
    delete this;
  }

 private:
  void Answer(const absl::Status& status) {
    streams_->metrics_->Observe(Method::kKeepAlive, status.code(),
                                (MonotonicNanoseconds() - started_ns_) / 1000);
    if (status.ok()) return StartWrite(&response_);
    FinishOnce(status);
  }

  // Without the lock: once it has finished, another thread may delete it.
  void FinishOnce(const absl::Status& status) {
    {
      MutexLock lock(&mutex_);
      if (std::exchange(is_finished_, true)) return;
    }
    Finish(ToGrpcStatus(status));
  }

  KeepAliveStreams* const streams_;
  v1::KeepAliveRequest request_;
  v1::KeepAliveResponse response_;
  int64_t started_ns_ = 0;
  Mutex mutex_;
  bool is_reading_ ABSL_GUARDED_BY(mutex_) = true;
  bool is_ending_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_finished_ ABSL_GUARDED_BY(mutex_) = false;
};

KeepAliveStreams::Reactor* KeepAliveStreams::Open() {
  KeepAliveStream* stream = new KeepAliveStream(this);
  stream->Begin();
  MutexLock lock(&mutex_);
  streams_.insert(stream);
  if (draining_) stream->EndSoon();
  return stream;
}

void KeepAliveStreams::Drain() {
  MutexLock lock(&mutex_);
  draining_ = true;
  for (KeepAliveStream* stream : streams_) stream->EndSoon();
}

}  // namespace dmem::server
