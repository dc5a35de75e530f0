// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/recovery.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "server/effects.h"
#include "server/record.h"

namespace dmem::server {
namespace {

// A store that holds what a test put there.
class ScriptedStore final : public Store {
 public:
  absl::StatusOr<RecoveredLog> Recover(RecoveryVisitor& visitor) override {
    for (const auto& object : objects) {
      if (absl::Status s = visitor.OnObject(object.first, object.second); !s.ok()) return s;
    }
    if (absl::Status s = visitor.OnCheckpoint(checkpoint, summary); !s.ok()) return s;
    RecoveredLog log{/*epoch=*/7, checkpoint, ""};
    for (const auto& record : records) {
      if (absl::Status s = visitor.OnRecord(record.first, record.second); !s.ok()) return s;
      log.last_sequence = record.first.last;
    }
    return log;
  }
  absl::Status Append(uint64_t, SequenceRange, absl::string_view) override {
    return absl::UnimplementedError("");
  }
  absl::Status Checkpoint(const CheckpointDelta&) override { return absl::UnimplementedError(""); }
  absl::Status Read(uint64_t, uint64_t, const ReadVisitor&) override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<KeptRecords> Kept() override { return absl::UnimplementedError(""); }

  std::vector<std::pair<std::string, std::string>> objects;
  uint64_t checkpoint = 0;
  std::string summary;
  std::vector<std::pair<SequenceRange, std::string>> records;
};

v1::RegisterRequest RegisterOf(const std::string& name) {
  v1::RegisterRequest request;
  request.mutable_region()->set_name(name);
  request.mutable_region()->set_capacity_bytes(1000);
  return request;
}

v1::ChargeRequest ChargeOf(const std::string& id, uint64_t bytes) {
  v1::ChargeRequest request;
  request.set_charge_id(id);
  request.mutable_created_at()->set_seconds(2000);
  v1::ChargeItem* item = request.add_items();
  item->set_cgroup("/team/job");
  item->set_region("gpu0");
  item->set_bytes(bytes);
  return request;
}

// A ledger that has been live, and the store that it left: sequences 1 (register), 2 (charge of
// 400), 3 (a refused charge of 700, which is counted).
class RecoveryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    Live(RegisterOf("gpu0"), static_cast<v1::RegisterResponse*>(nullptr));
    Live(ChargeOf("c1", 400), static_cast<v1::ChargeResponse*>(nullptr));
    Live(ChargeOf("c2", 700), static_cast<v1::ChargeResponse*>(nullptr));
    ASSERT_EQ(live_.state().scalars.sequence, 3u);
  }

  template <typename Request, typename Response>
  void Live(const Request& request, Response* response) {
    CommandInput input;
    input.time_us = 2000000000;
    const absl::Status outcome = Apply(input, request, &live_, response);
    const uint64_t sequence = live_.state().scalars.sequence;
    std::string record;
    AppendEntry(input, outcome, request, live_, &record);
    store_.records.push_back({{sequence, sequence}, record});
  }

  // Moves what has been recorded so far into a checkpoint.
  void MakeCheckpoint() {
    StateDelta delta = DiffStates(nullptr, StateHash(), live_.state());
    store_.objects = std::move(delta.puts);
    std::sort(store_.objects.begin(), store_.objects.end());
    store_.checkpoint = live_.state().scalars.sequence;
    store_.summary = EncodeSummary(live_.state(), delta.hash);
    store_.records.clear();
  }

  // The error that a recovery ends with.
  std::string ErrorOf() {
    Ledger ledger;
    absl::StatusOr<Recovered> recovered = Recover(&store_, &ledger);
    if (recovered.ok()) {
      ledger.Release(std::move(recovered->checkpoint));
      return "";
    }
    EXPECT_EQ(recovered.status().code(), absl::StatusCode::kDataLoss) << recovered.status();
    return std::string(recovered.status().message());
  }

  Ledger live_;
  ScriptedStore store_;
};

TEST_F(RecoveryTest, RecordsGiveTheStateThatTheyWereWrittenFrom) {
  Ledger ledger;
  const absl::StatusOr<Recovered> recovered = Recover(&store_, &ledger);
  ASSERT_TRUE(recovered.ok()) << recovered.status();
  EXPECT_EQ(HashOf(ledger.state()), HashOf(live_.state()));
  EXPECT_EQ(recovered->epoch, 7u);
  EXPECT_EQ(recovered->records, 3u);
  EXPECT_EQ(recovered->checkpoint, nullptr);
}

TEST_F(RecoveryTest, CheckpointAndLaterRecordsGiveIt) {
  MakeCheckpoint();
  Live(ChargeOf("c3", 10), static_cast<v1::ChargeResponse*>(nullptr));
  Ledger ledger;
  absl::StatusOr<Recovered> recovered = Recover(&store_, &ledger);
  ASSERT_TRUE(recovered.ok()) << recovered.status();
  EXPECT_EQ(HashOf(ledger.state()), HashOf(live_.state()));
  EXPECT_EQ(recovered->checkpoint_sequence, 3u);
  EXPECT_EQ(HashOf(recovered->checkpoint->state), recovered->checkpoint_hash);
  ledger.Release(std::move(recovered->checkpoint));
}

TEST_F(RecoveryTest, ReplayedCommandsGiveTheEffectsThatTheirRecordsHold) {
  live_.KeepChanges(true);
  v1::SetLimitsRequest limits;
  limits.add_updates()->set_cgroup("/a");
  limits.mutable_updates(0)->set_region("gpu0");
  limits.mutable_updates(0)->set_max_bytes(50);
  Live(limits, static_cast<v1::SetLimitsResponse*>(nullptr));
  v1::ChargeRequest too_much = ChargeOf("c3", 100);
  too_much.mutable_items(0)->set_cgroup("/a/b");
  too_much.set_mode(v1::CHARGE_MODE_FORCE);
  Live(too_much, static_cast<v1::ChargeResponse*>(nullptr));
  v1::UnchargeRequest uncharge;
  uncharge.add_charge_ids("c1");
  uncharge.add_charge_ids("c3");
  Live(uncharge, static_cast<v1::UnchargeResponse*>(nullptr));

  Ledger again;
  size_t with_effects = 0;
  for (const auto& [range, record] : store_.records) {
    store::v1::Record parsed;
    ASSERT_TRUE(parsed.ParseFromString(record));
    ASSERT_EQ(parsed.entries_size(), 1);
    ASSERT_TRUE(ReplayRecord(record, &again).ok());
    std::string effects;
    EffectsEncoder().Encode(again.changes(), kMaxRecordBytes, &effects);
    EXPECT_EQ(parsed.entries(0).effects(), effects) << "at sequence " << range.first;
    with_effects += !effects.empty();
    // The first three were recorded before anybody asked for changes.
    if (range.last == 3) again.KeepChanges(true);
  }
  EXPECT_EQ(with_effects, 3u);
}

TEST_F(RecoveryTest, GeneratedIdIsTheOneThatWasGiven) {
  v1::ChargeRequest request = ChargeOf("", 1);
  request.clear_created_at();
  CommandInput input;
  input.time_us = 2000000000;
  input.generated_charge_id = "made-by-the-server";
  const absl::Status outcome =
      Apply(input, request, &live_, static_cast<v1::ChargeResponse*>(nullptr));
  std::string record;
  AppendEntry(input, outcome, request, live_, &record);
  store_.records.push_back({{4, 4}, record});
  Ledger ledger;
  ASSERT_TRUE(Recover(&store_, &ledger).ok());
  EXPECT_NE(ledger.state().FindCharge("made-by-the-server"), kNone);
  EXPECT_EQ(HashOf(ledger.state()), HashOf(live_.state()));
}

TEST_F(RecoveryTest, OutcomeThatDiffersRefusesAndNamesTheSequence) {
  store::v1::Record record;
  ASSERT_TRUE(record.ParseFromString(store_.records[2].second));
  // The refused charge now fits.
  record.mutable_entries(0)->mutable_charge()->mutable_items(0)->set_bytes(1);
  store_.records[2].second = record.SerializeAsString();
  EXPECT_NE(ErrorOf().find("sequence 3"), std::string::npos) << ErrorOf();
}

TEST_F(RecoveryTest, ReasonThatDiffersRefuses) {
  store::v1::Record record;
  ASSERT_TRUE(record.ParseFromString(store_.records[2].second));
  EXPECT_EQ(record.entries(0).reason(), "CAPACITY");
  record.mutable_entries(0)->set_reason("MAX_EXCEEDED");
  store_.records[2].second = record.SerializeAsString();
  EXPECT_NE(ErrorOf().find("sequence 3"), std::string::npos) << ErrorOf();
}

TEST_F(RecoveryTest, SequenceThatIsMissingOrTwiceRefuses) {
  const auto records = store_.records;
  store_.records = {records[0], records[2]};
  EXPECT_NE(ErrorOf().find("sequence 3"), std::string::npos) << ErrorOf();
  store_.records = {records[0], records[1], records[1]};
  EXPECT_NE(ErrorOf().find("sequence 2"), std::string::npos) << ErrorOf();
}

TEST_F(RecoveryTest, EntryThatChangesNothingRefuses) {
  store_.records.push_back({{4, 4}, store_.records[1].second});
  store::v1::Record record;
  ASSERT_TRUE(record.ParseFromString(store_.records[3].second));
  record.mutable_entries(0)->set_sequence(4);  // A replayed charge changes nothing.
  store_.records[3].second = record.SerializeAsString();
  EXPECT_NE(ErrorOf().find("sequence 4"), std::string::npos) << ErrorOf();
}

TEST_F(RecoveryTest, RecordThatCannotBeParsedRefuses) {
  store_.records[1].second = "\xff\xff\xff";
  EXPECT_NE(ErrorOf().find("after sequence 1"), std::string::npos) << ErrorOf();
}

TEST_F(RecoveryTest, EntryThatNoClientCouldHaveSentRefuses) {
  store::v1::Record record;
  ASSERT_TRUE(record.ParseFromString(store_.records[1].second));
  record.mutable_entries(0)->mutable_charge()->mutable_items(0)->set_bytes(uint64_t{1} << 63);
  store_.records[1].second = record.SerializeAsString();
  EXPECT_NE(ErrorOf().find("sequence 2"), std::string::npos) << ErrorOf();
}

TEST_F(RecoveryTest, EntryFromBeforeTheOneBeforeItRefuses) {
  store::v1::Record record;
  ASSERT_TRUE(record.ParseFromString(store_.records[1].second));
  record.mutable_entries(0)->set_time_us(1);
  store_.records[1].second = record.SerializeAsString();
  EXPECT_NE(ErrorOf().find("sequence 2"), std::string::npos) << ErrorOf();
  EXPECT_NE(ErrorOf().find("time"), std::string::npos) << ErrorOf();
}

TEST_F(RecoveryTest, EntryOfANewerVersionRefuses) {
  store::v1::Record record;
  ASSERT_TRUE(record.ParseFromString(store_.records[1].second));
  record.mutable_entries(0)->clear_request();
  store_.records[1].second = record.SerializeAsString();
  EXPECT_NE(ErrorOf().find("newer version"), std::string::npos) << ErrorOf();
}

TEST_F(RecoveryTest, ObjectsThatDoNotAddUpToTheSummaryRefuse) {
  MakeCheckpoint();
  EXPECT_EQ(ErrorOf(), "");
  const std::string summary = store_.summary;
  store::v1::CheckpointSummary changed;
  ASSERT_TRUE(changed.ParseFromString(summary));
  changed.set_charged_bytes_low(changed.charged_bytes_low() + 1);
  store_.summary = changed.SerializeAsString();
  EXPECT_NE(ErrorOf().find("sequence 3"), std::string::npos) << ErrorOf();
  store_.summary = "\xff";
  EXPECT_NE(ErrorOf().find("summary"), std::string::npos) << ErrorOf();
}

TEST_F(RecoveryTest, MissingOrChangedObjectRefusesUnlessTheStateIsTheSame) {
  MakeCheckpoint();
  const auto objects = store_.objects;
  int refused = 0;
  int harmless = 0;  // A peak below the usage, say, that the charges put right again.
  for (size_t i = 0; i < objects.size(); ++i) {
    store_.objects = objects;
    store_.objects.erase(store_.objects.begin() + static_cast<ptrdiff_t>(i));
    EXPECT_NE(ErrorOf(), "") << "without object " << i;
    for (size_t byte = 0; byte < objects[i].second.size(); ++byte) {
      store_.objects = objects;
      store_.objects[i].second[byte] ^= 1;
      Ledger ledger;
      absl::StatusOr<Recovered> recovered = Recover(&store_, &ledger);
      if (!recovered.ok()) {
        ++refused;
        continue;
      }
      ++harmless;
      EXPECT_EQ(HashOf(ledger.state()), HashOf(live_.state()))
          << "object " << i << ", byte " << byte;
      ledger.Release(std::move(recovered->checkpoint));
    }
  }
  EXPECT_GT(refused, 10 * harmless);
}

}  // namespace
}  // namespace dmem::server
