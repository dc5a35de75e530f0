// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/watch.h"

#include <algorithm>
#include <utility>

#include "server/clock.h"
#include "server/errors.h"
#include "server/events.h"
#include "server/grpc_status.h"

namespace dmem::server {

namespace {

// Of one message: a soft bound on what is in it, and on what is read for it.
constexpr size_t kMessageBytes = 256 << 10;
constexpr int kMessageEvents = 1000;
constexpr size_t kReadBytes = 2 << 20;
// Of a place: behind all events of its sequence.
constexpr uint32_t kLastIndex = UINT32_MAX;

class RefusedWatch final : public WatchHub::Reactor {
 public:
  explicit RefusedWatch(const absl::Status& status) { Finish(ToGrpcStatus(status)); }
  void OnDone() override { delete this; }
};

}  // namespace

// Started, written to and finished by the hub's thread only; gRPC tells it from its own threads
// what became of that. Deletes itself after Finish.
class WatchHub::Watcher final : public WatchHub::Reactor {
 public:
  Watcher(WatchHub* hub, const v1::WatchRequest& request) : hub_(hub), request_(request) {}

  void OnWriteDone(bool ok) override {
    if (!ok) is_cancelled_.store(true);
    is_writing_.store(false);
    hub_->Wake();
  }
  void OnCancel() override {
    is_cancelled_.store(true);
    hub_->Wake();
  }
  void OnDone() override { delete this; }

  const v1::WatchRequest& request() const { return request_; }
  bool is_writing() const { return is_writing_.load(); }
  bool is_cancelled() const { return is_cancelled_.load(); }
  // REQUIRES: !is_writing().
  v1::WatchResponse* message() { return &message_; }
  void Send(int64_t now_ns) {
    sent_ns = now_ns;
    is_writing_.store(true);
    StartWrite(&message_);
  }

  // Of the hub's thread.
  bool is_started = false;
  EventPlace next;  // Of the first event not looked at.
  int64_t sent_ns = 0;
  std::shared_ptr<EventMatcher> matcher;

 private:
  WatchHub* const hub_;
  const v1::WatchRequest request_;
  v1::WatchResponse message_;
  std::atomic<bool> is_writing_{false};
  std::atomic<bool> is_cancelled_{false};
};

WatchHub::WatchHub(const WatchOptions& options, EventLog* log, Writer* writer)
    : options_(options), log_(log), writer_(writer), thread_([this] { Loop(); }) {}

WatchHub::~WatchHub() {
  Drain();
  Stop();
}

void WatchHub::Drain() {
  draining_.store(true);
  Wake();
}

void WatchHub::Stop() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    wake_.NotifyOne();
  }
  if (thread_.joinable()) thread_.join();
}

void WatchHub::Wake() {
  MutexLock lock(&mutex_);
  woken_ = true;
  wake_.NotifyOne();
}

WatchHub::Reactor* WatchHub::Refuse(const absl::Status& status) { return new RefusedWatch(status); }

WatchHub::Reactor* WatchHub::Watch(const v1::WatchRequest& request) {
  if (draining_.load()) return Refuse(ShuttingDown());
  if (stats_.watchers.fetch_add(1) >= options_.watchers_max) {
    stats_.watchers.fetch_sub(1);
    return Refuse(Overloaded("watchers", options_.watchers_max));
  }
  auto* watcher = new Watcher(this, request);
  // Before the first look at the log, so that "from now on" is before the answer of any call that
  // is sent after this one is taken.
  const EventPlace now = {writer_->stats().committed_sequence.load() + 1, 0};
  watcher->next = now;
  writer_->RequestView([this, watcher](absl::StatusOr<ReadView> view) {
    if (view.ok()) {
      watcher->matcher = std::make_shared<EventMatcher>(watcher->request().filter(), view->state());
    }
    MutexLock lock(&mutex_);
    arrived_.push_back(watcher);
    woken_ = true;
    wake_.NotifyOne();
  });
  return watcher;
}

bool WatchHub::WaitForWork(bool is_busy) {
  MutexLock lock(&mutex_);
  if (!is_busy && !woken_ && !stopping_ && arrived_.empty()) {
    if (watchers_.empty()) {
      wake_.Wait(&mutex_);
    } else {
      wake_.WaitFor(&mutex_, options_.poll_interval);
    }
  }
  woken_ = false;
  watchers_.insert(watchers_.end(), arrived_.begin(), arrived_.end());
  arrived_.clear();
  return !(stopping_ && watchers_.empty());
}

void WatchHub::Loop() {
  bool is_busy = false;
  while (WaitForWork(is_busy)) {
    is_busy = false;
    const auto ended = std::remove_if(watchers_.begin(), watchers_.end(),
                                      [&](Watcher* watcher) { return !Serve(watcher, &is_busy); });
    stats_.watchers.fetch_sub(static_cast<uint64_t>(watchers_.end() - ended));
    watchers_.erase(ended, watchers_.end());
  }
}

bool WatchHub::Serve(Watcher* watcher, bool* is_busy) {
  if (watcher->is_writing()) return true;  // A call that was cancelled ends its write as well.
  absl::Status status;
  if (watcher->is_cancelled()) {
    status = absl::CancelledError("the watcher has gone");
  } else if (draining_.load()) {
    status = ShuttingDown();
  } else if (writer_->failed() || watcher->matcher == nullptr) {
    status = StoreFailed();
  } else {
    status = ReadNext(watcher, is_busy);
  }
  if (status.ok()) return true;
  if (absl::IsOutOfRange(status)) stats_.ended_too_old.fetch_add(1);
  watcher->Finish(ToGrpcStatus(status));
  return false;
}

absl::Status WatchHub::ReadNext(Watcher* watcher, bool* is_busy) {
  const uint64_t committed = writer_->stats().committed_sequence.load(std::memory_order_acquire);
  const int64_t now_ns = MonotonicNanoseconds();
  bool must_tell = false;
  if (!watcher->is_started) {
    watcher->is_started = true;
    must_tell = true;  // So that a caller knows from where on it watches.
    const v1::WatchRequest& request = watcher->request();
    if (request.has_from()) {
      watcher->next = {request.from().sequence(), request.from().index()};
      if (request.after() && watcher->next.index == kLastIndex) {
        watcher->next = {watcher->next.sequence + 1, 0};
      } else if (request.after()) {
        ++watcher->next.index;
      }
      if (watcher->next.sequence == 0) {
        const absl::StatusOr<uint64_t> oldest = log_->OldestSequence();
        if (!oldest.ok()) return oldest.status();
        watcher->next = {*oldest, 0};
      }
      if (watcher->next.sequence > committed + 1) {
        return EventsAhead(watcher->next.sequence, committed);
      }
    }
  }
  v1::WatchResponse* message = watcher->message();
  message->Clear();
  size_t bytes = 0;
  EventPlace progress = watcher->next;
  if (watcher->next.sequence <= committed) {
    const absl::StatusOr<EventPlace> next =
        log_->Read(watcher->next, committed, kReadBytes, [&](v1::Event&& event) {
          if (bytes >= kMessageBytes || message->events_size() >= kMessageEvents) return false;
          if (!watcher->matcher->Matches(event)) return true;
          bytes += event.ByteSizeLong();
          *message->add_events() = std::move(event);
          return true;
        });
    if (!next.ok()) return next.status();
    progress = *next;
    *is_busy = *is_busy || progress.sequence <= committed;
  }
  watcher->next = progress;
  must_tell = must_tell || message->events_size() > 0 ||
              absl::Nanoseconds(now_ns - watcher->sent_ns) >= options_.progress_interval;
  if (!must_tell) return absl::OkStatus();
  // The place of the last event that was looked at.
  if (progress.index > 0) {
    message->mutable_progress()->set_sequence(progress.sequence);
    message->mutable_progress()->set_index(progress.index - 1);
  } else {
    message->mutable_progress()->set_sequence(progress.sequence - 1);
    message->mutable_progress()->set_index(kLastIndex);
  }
  stats_.events_sent.fetch_add(static_cast<uint64_t>(message->events_size()));
  watcher->Send(now_ns);
  return absl::OkStatus();
}

}  // namespace dmem::server
