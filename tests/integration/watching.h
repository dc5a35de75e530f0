// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_TESTS_INTEGRATION_WATCHING_H_
#define DMEMD_TESTS_INTEGRATION_WATCHING_H_

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <vector>

#include "tests/integration/requests.h"

namespace dmem::server {

inline v1::WatchRequest From(uint64_t sequence, uint32_t index = 0, bool after = false) {
  v1::WatchRequest request;
  request.mutable_from()->set_sequence(sequence);
  request.mutable_from()->set_index(index);
  request.set_after(after);
  return request;
}

// A Watch, read message by message; cut off by its destructor.
class Watching {
 public:
  Watching(TestServer& server, const v1::WatchRequest& request) {
    context_.set_deadline(std::chrono::system_clock::now() + kCallTimeout);
    reader_ = server.stub().Watch(&context_, request);
  }
  ~Watching() {
    context_.TryCancel();
    v1::WatchResponse response;
    while (!is_finished_ && reader_->Read(&response)) {
    }
    if (!is_finished_) reader_->Finish().ok();
  }

  // Reads until it has seen everything up to `sequence`. Fails the test if the stream ends before.
  std::vector<v1::Event> UpTo(uint64_t sequence) {
    std::vector<v1::Event> events;
    while (!HasSeen(sequence)) {
      v1::WatchResponse response;
      if (!reader_->Read(&response)) {
        const grpc::Status status = End();
        ADD_FAILURE() << "the stream ended: " << status.error_message();
        break;
      }
      events.insert(events.end(), response.events().begin(), response.events().end());
      progress_ = response.progress();
    }
    return events;
  }
  // The status that the stream ends with, whatever comes before.
  grpc::Status End() {
    v1::WatchResponse response;
    while (reader_->Read(&response)) {
    }
    is_finished_ = true;
    return reader_->Finish();
  }
  const v1::EventPosition& progress() const { return progress_; }

 private:
  bool HasSeen(uint64_t sequence) const {
    return progress_.sequence() > sequence ||
           (progress_.sequence() == sequence && progress_.index() == UINT32_MAX);
  }

  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderInterface<v1::WatchResponse>> reader_;
  v1::EventPosition progress_;
  bool is_finished_ = false;
};

}  // namespace dmem::server

#endif  // DMEMD_TESTS_INTEGRATION_WATCHING_H_
