// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/checkpointer.h"

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>

#include "server/record.h"
#include "server/recovery.h"
#include "server/store/memory_store.h"

namespace dmem::server {
namespace {

// Registers a group of that name.
class GroupTask final : public WriterTask {
 public:
  GroupTask(const std::string& name, std::promise<absl::Status>* done) : done_(done) {
    request_.set_name(name);
  }
  size_t record_bytes() const override { return 1024; }
  size_t queued_bytes() const override { return 1; }
  bool Run(Turn* turn) override {
    CommandInput input;
    input.time_us = turn->NextCommandTime();
    const absl::Status outcome =
        Apply(input, request_, turn->ledger(), static_cast<v1::RegisterGroupResponse*>(nullptr));
    AppendEntry(input, outcome, request_, turn);
    return true;
  }
  void Complete(const absl::Status& commit) override { done_->set_value(commit); }

 private:
  v1::RegisterGroupRequest request_;
  std::promise<absl::Status>* const done_;
};

class CheckpointerTest : public ::testing::Test {
 protected:
  CheckpointerTest() {
    absl::StatusOr<Recovered> recovered = Recover(&store_, &ledger_);
    writer_ = std::make_unique<Writer>(
        WriterOptions(), &ledger_, &store_, recovered->epoch, IdGenerator(1), [] { return 1; },
        [](const absl::Status&) {});
    writer_->Start();
  }
  ~CheckpointerTest() override {
    if (checkpointer_ != nullptr) static_cast<void>(checkpointer_->Stop());
    checkpointer_ = nullptr;
    writer_->Stop();
  }

  void Start(const CheckpointerOptions& options) {
    checkpointer_ =
        std::make_unique<Checkpointer>(options, writer_.get(), &store_, nullptr, StateHash());
    checkpointer_->Start();
  }

  void MakeGroup(const std::string& name) {
    std::promise<absl::Status> done;
    std::unique_ptr<WriterTask> task = std::make_unique<GroupTask>(name, &done);
    ASSERT_TRUE(writer_->Enqueue(task).ok());
    ASSERT_TRUE(done.get_future().get().ok());
  }

  // What a restart would find in the store.
  Recovered Reopened() {
    MemoryStore store(store_.medium());
    Ledger ledger;
    absl::StatusOr<Recovered> recovered = Recover(&store, &ledger);
    EXPECT_TRUE(recovered.ok()) << recovered.status();
    EXPECT_EQ(HashOf(ledger.state()), HashOf(ledger_.state()));
    if (recovered->checkpoint != nullptr) ledger.Release(std::move(recovered->checkpoint));
    return *std::move(recovered);
  }

  MemoryStore store_;
  Ledger ledger_;
  std::unique_ptr<Writer> writer_;
  std::unique_ptr<Checkpointer> checkpointer_;
};

TEST_F(CheckpointerTest, StopMakesALastOneSoThatNothingIsLeftToApply) {
  CheckpointerOptions options;
  options.interval = absl::Hours(1);
  Start(options);
  MakeGroup("g1");
  MakeGroup("g2");
  ASSERT_TRUE(checkpointer_->Stop().ok());
  const Recovered recovered = Reopened();
  EXPECT_EQ(recovered.checkpoint_sequence, 2u);
  EXPECT_EQ(recovered.records, 0u);
}

TEST_F(CheckpointerTest, OneIsMadeAfterTheInterval) {
  CheckpointerOptions options;
  options.interval = absl::Milliseconds(1);
  store_.BlockCheckpoints();
  Start(options);
  MakeGroup("g1");
  store_.WaitForBlockedCheckpoint();  // Never returns if none is made.
  store_.ReleaseAll();
}

TEST_F(CheckpointerTest, OneIsMadeAfterSoManyCommands) {
  CheckpointerOptions options;
  options.interval = absl::Hours(1);
  options.sequences = 2;
  store_.BlockCheckpoints();
  Start(options);
  MakeGroup("g1");
  MakeGroup("g2");
  store_.WaitForBlockedCheckpoint();
  store_.ReleaseAll();
}

TEST_F(CheckpointerTest, CommandsAreAnsweredWhileOneIsMade) {
  CheckpointerOptions options;
  options.interval = absl::Milliseconds(1);
  store_.BlockCheckpoints();
  Start(options);
  MakeGroup("g1");
  store_.WaitForBlockedCheckpoint();
  MakeGroup("g2");
  MakeGroup("g3");
  store_.ReleaseAll();
  ASSERT_TRUE(checkpointer_->Stop().ok());
  EXPECT_EQ(Reopened().checkpoint_sequence, 3u);
}

TEST_F(CheckpointerTest, FailedOneIsReportedAndTheRecordsStillGiveTheState) {
  CheckpointerOptions options;
  options.interval = absl::Hours(1);
  Start(options);
  MakeGroup("g1");
  store_.FailNextCheckpoint(absl::UnavailableError("disk full"));
  EXPECT_FALSE(checkpointer_->Stop().ok());
  const Recovered recovered = Reopened();
  EXPECT_EQ(recovered.checkpoint_sequence, 0u);
  EXPECT_EQ(recovered.records, 1u);
}

}  // namespace
}  // namespace dmem::server
