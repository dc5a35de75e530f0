// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// A round of load: calls of one kind, closed loop or at a rate, each one timed.

#ifndef BENCH_LOAD_ROUND_H_
#define BENCH_LOAD_ROUND_H_

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "absl/types/optional.h"
#include "bench/load/target.h"

namespace dmem::bench {

struct RoundOptions {
  int in_flight = 64;
  double seconds = 1;
  // Calls offered a second, at equal distances; 0: each caller sends when its last was answered.
  double rate = 0;
};

struct RoundResult {
  double charges_per_second = 0;
  uint64_t calls = 0;
  // Of each call, in microseconds, ascending. At a rate they count from when the call was due, so
  // that what waited for a slow one before it shows (coordinated omission).
  std::vector<uint32_t> latencies_us;
  size_t request_bytes = 0;
  size_t response_bytes = 0;
};

// `part` of the ascending latencies are at most this. 0 if there are none.
inline uint32_t Quantile(const std::vector<uint32_t>& ascending, double part) {
  if (ascending.empty()) return 0;
  const auto at = static_cast<size_t>(part * static_cast<double>(ascending.size()));
  return ascending[std::min(at, ascending.size() - 1)];
}

// Kind: Request, Response, kCharges (charges a call), Fill, Send and IsGranted (kinds.h).
template <typename Kind>
class Round {
 public:
  Round(const Target& target, ChargeNumbers* numbers, const RoundOptions& options)
      : options_(options), numbers_(numbers), running_(options.in_flight) {
    for (int i = 0; i < options.in_flight; ++i) {
      callers_.push_back(std::make_unique<Caller>());
      callers_.back()->stub = target.stub(i);
    }
  }

  // Returns when the time is over and every call is answered. Call it once.
  RoundResult Run() {
    started_ = Clock::now();
    end_ = started_ + Seconds(options_.seconds);
    if (options_.rate > 0) {
      OfferAtRate();
    } else {
      for (const std::unique_ptr<Caller>& caller : callers_) Send(caller.get(), Clock::now());
    }
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return running_ == 0; });
    RoundResult result;
    for (const std::unique_ptr<Caller>& caller : callers_) {
      result.latencies_us.insert(result.latencies_us.end(), caller->latencies_us.begin(),
                                 caller->latencies_us.end());
    }
    std::sort(result.latencies_us.begin(), result.latencies_us.end());
    result.calls = result.latencies_us.size();
    const std::chrono::duration<double> took = last_answer_ - started_;
    result.charges_per_second = static_cast<double>(result.calls * Kind::kCharges) / took.count();
    result.request_bytes = callers_[0]->request.ByteSizeLong();
    result.response_bytes = callers_[0]->response.ByteSizeLong();
    return result;
  }

 private:
  using Clock = std::chrono::steady_clock;
  static Clock::duration Seconds(double seconds) {
    return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  }

  struct Caller {
    v1::QuotaService::Stub* stub = nullptr;
    absl::optional<grpc::ClientContext> context;
    typename Kind::Request request;
    typename Kind::Response response;
    Clock::time_point due;
    std::vector<uint32_t> latencies_us;
  };

  // Each call by whichever caller is free; if none is, the call waits, and its time runs.
  void OfferAtRate() {
    const Clock::duration distance = Seconds(1 / options_.rate);
    for (const std::unique_ptr<Caller>& caller : callers_) idle_.push_back(caller.get());
    for (Clock::time_point due = started_; due < end_; due += distance) {
      Caller* caller = nullptr;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        changed_.wait_until(lock, due, [] { return false; });
        changed_.wait(lock, [this] { return !idle_.empty(); });
        caller = idle_.back();
        idle_.pop_back();
      }
      Send(caller, due);
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    running_ -= static_cast<int>(idle_.size());
    last_answer_ = std::max(last_answer_, started_);
    idle_.clear();
    is_offered_ = true;
  }

  void Send(Caller* caller, Clock::time_point due) {
    caller->due = due;
    caller->context.emplace();
    caller->context->set_deadline(std::chrono::system_clock::now() + kCallTimeout);
    Kind::Fill(*numbers_, numbers_->Take(Kind::kCharges), &caller->request);
    Kind::Send(caller->stub, &*caller->context, &caller->request, &caller->response,
               [this, caller](const grpc::Status& status) { OnAnswer(caller, status); });
  }

  void OnAnswer(Caller* caller, const grpc::Status& status) {
    DieUnlessOk("charge", status);
    if (!Kind::IsGranted(caller->response)) Die("a charge was refused");
    const Clock::time_point now = Clock::now();
    caller->latencies_us.push_back(static_cast<uint32_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(now - caller->due).count()));
    if (options_.rate == 0 && now < end_) return Send(caller, now);
    const std::lock_guard<std::mutex> lock(mutex_);
    last_answer_ = now;
    if (options_.rate > 0 && !is_offered_) {
      idle_.push_back(caller);
    } else {
      --running_;
    }
    changed_.notify_one();
  }

  const RoundOptions options_;
  ChargeNumbers* const numbers_;
  std::vector<std::unique_ptr<Caller>> callers_;
  Clock::time_point started_, end_, last_answer_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Caller*> idle_;  // At a rate.
  bool is_offered_ = false;
  int running_;
};

}  // namespace dmem::bench

#endif  // BENCH_LOAD_ROUND_H_
