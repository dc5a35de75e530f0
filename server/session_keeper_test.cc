// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/session_keeper.h"

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <utility>

#include "core/ledger.h"
#include "server/apply.h"
#include "server/record.h"
#include "server/recovery.h"
#include "server/store/memory_store.h"

namespace dmem::server {
namespace {

// A ledger with its store, writer and keeper, in a time that the test moves.
class SessionKeeperTest : public ::testing::Test {
 protected:
  // A process, from its recovery on.
  struct Process {
    std::unique_ptr<MemoryStore> store;
    Ledger ledger;
    std::unique_ptr<Writer> writer;
    std::unique_ptr<SessionKeeper> keeper;
    ~Process() {
      keeper = nullptr;
      if (writer != nullptr) writer->Stop();
    }
  };

  void SetUp() override { Begin(); }
  void TearDown() override { process_ = nullptr; }

  void Begin() {
    process_ = std::make_unique<Process>();
    process_->store = std::make_unique<MemoryStore>(medium_);
    absl::StatusOr<Recovered> recovered = Recover(process_->store.get(), &process_->ledger);
    ASSERT_TRUE(recovered.ok()) << recovered.status();
    if (recovered->checkpoint != nullptr) {
      process_->ledger.Release(std::move(recovered->checkpoint));
    }
    process_->writer = std::make_unique<Writer>(
        WriterOptions(), &process_->ledger, process_->store.get(), recovered->epoch, IdGenerator(),
        [this] { return now_us_.load(); }, [](const absl::Status&) {});
    process_->writer->Start();
    process_->keeper = std::make_unique<SessionKeeper>(process_->writer.get());
    ASSERT_TRUE(process_->keeper->Resume().ok());
  }
  void Kill() { process_ = nullptr; }

  // Runs `work` in the writer's turn, and waits until it is durable.
  void Run(std::function<void(Turn*)> work) {
    class Task final : public WriterTask {
     public:
      Task(std::function<void(Turn*)> work, std::promise<absl::Status>* done)
          : work_(std::move(work)), done_(done) {}
      size_t record_bytes() const override { return 4096; }
      size_t queued_bytes() const override { return 1; }
      bool Run(Turn* turn) override {
        work_(turn);
        return true;
      }
      void Complete(const absl::Status& commit) override { done_->set_value(commit); }

     private:
      const std::function<void(Turn*)> work_;
      std::promise<absl::Status>* const done_;
    };
    std::promise<absl::Status> done;
    std::unique_ptr<WriterTask> task = std::make_unique<Task>(std::move(work), &done);
    ASSERT_TRUE(process_->writer->Enqueue(task).ok());
    ASSERT_TRUE(done.get_future().get().ok());
  }

  template <typename Request, typename Response>
  void Command(const Request& request, Response* response) {
    Run([&](Turn* turn) {
      CommandInput input;
      input.time_us = turn->NextCommandTime();
      const absl::Status outcome = Apply(input, request, turn->ledger(), response);
      ASSERT_TRUE(outcome.ok()) << outcome;
      AppendEntry(input, outcome, request, turn);
    });
  }

  // A session of node n1 with the region n1/gpu.
  uint64_t OpenWithRegion() {
    v1::OpenSessionRequest open;
    open.set_owner("agent");
    open.set_node("n1");
    open.set_incarnation(1);
    open.set_nonce("one");
    v1::OpenSessionResponse opened;
    Command(open, &opened);
    v1::RegisterRequest region;
    region.set_session(opened.session().id());
    region.mutable_region()->set_name("n1/gpu");
    region.mutable_region()->set_capacity_bytes(100);
    region.mutable_region()->mutable_attributes()->set_node("n1");
    v1::RegisterResponse registered;
    Command(region, &registered);
    return opened.session().id();
  }

  void Pass(int64_t seconds, uint64_t heard = 0) {
    for (; seconds > 0; --seconds) {
      now_us_ += 1000000;
      if (heard != 0) {
        Run([&](Turn* turn) { process_->keeper->Heard(heard, turn->NextCommandTime()); });
      }
      ASSERT_TRUE(process_->keeper->Tick().ok());
    }
  }

  SessionState StateOf(uint64_t session) {
    SessionState state = SessionState::kActive;
    Run([&](Turn* turn) {
      state = turn->state().sessions[turn->state().FindSession(session)].state;
    });
    return state;
  }
  uint64_t Sequence() { return process_->writer->stats().committed_sequence.load(); }

  std::shared_ptr<MemoryMedium> medium_ = std::make_shared<MemoryMedium>();
  std::atomic<int64_t> now_us_{int64_t{1700000000} * 1000000};
  std::unique_ptr<Process> process_;
};

TEST_F(SessionKeeperTest, WithNothingThatCanExpireNothingIsWritten) {
  const uint64_t sequence = Sequence();
  Pass(10);
  EXPECT_EQ(Sequence(), sequence);
  EXPECT_EQ(process_->keeper->stats().ticks.load(), 0u);
}

TEST_F(SessionKeeperTest, WhoeverIsHeardStaysActive) {
  const uint64_t session = OpenWithRegion();
  Pass(200, session);
  EXPECT_EQ(StateOf(session), SessionState::kActive);
  EXPECT_EQ(process_->keeper->stats().renewals.load(), 200u);
  Pass(60);
  EXPECT_EQ(StateOf(session), SessionState::kSilent);
}

TEST_F(SessionKeeperTest, ARestartExtendsDeadlinesByTheOutageAndNoMore) {
  const uint64_t session = OpenWithRegion();
  Pass(30);
  Kill();
  now_us_ += int64_t{3600} * 1000000;
  Begin();
  Pass(29);
  EXPECT_EQ(StateOf(session), SessionState::kActive);
  Pass(1);
  EXPECT_EQ(StateOf(session), SessionState::kSilent);
}

TEST_F(SessionKeeperTest, RestartsInALoopDoNotStretchADeadline) {
  const uint64_t session = OpenWithRegion();
  for (int i = 0; i < 59; ++i) {
    Pass(1);
    Kill();
    now_us_ += int64_t{30} * 1000000;
    Begin();
    ASSERT_EQ(StateOf(session), SessionState::kActive) << i;
  }
  Pass(1);
  EXPECT_EQ(StateOf(session), SessionState::kSilent);
}

TEST_F(SessionKeeperTest, OneTickTellsOfTenThousandSessions) {
  std::vector<uint64_t> sessions;
  for (int i = 0; i < 10000; ++i) {
    v1::OpenSessionRequest open;
    open.set_owner("agent");
    open.set_node(absl::StrCat("n", i));
    open.set_incarnation(1);
    open.set_nonce(absl::StrCat(i));
    v1::OpenSessionResponse opened;
    Command(open, &opened);
    sessions.push_back(opened.session().id());
  }
  now_us_ += int64_t{30} * 1000000;
  Run([&](Turn* turn) {
    for (const uint64_t session : sessions) {
      process_->keeper->Heard(session, turn->NextCommandTime());
    }
  });
  const uint64_t sequence = Sequence();
  const absl::StatusOr<bool> has_more = process_->keeper->Tick();
  ASSERT_TRUE(has_more.ok());
  EXPECT_FALSE(*has_more);
  EXPECT_EQ(Sequence(), sequence + 1);
  Pass(59);
  EXPECT_EQ(StateOf(sessions.front()), SessionState::kActive);
  EXPECT_EQ(StateOf(sessions.back()), SessionState::kActive);
}

}  // namespace
}  // namespace dmem::server
