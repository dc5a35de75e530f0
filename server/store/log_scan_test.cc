// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/store/log_scan.h"

#include <algorithm>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "server/store/crc32c.h"

namespace dmem::server {
namespace {

// Writes the format that ScanLog reads, independently of it. rocksdb_store_test.cc holds ScanLog
// against files that RocksDB wrote.
class LogWriter {
 public:
  void Add(absl::string_view record) {
    bool first = true;
    do {
      const size_t left = 32768 - contents_.size() % 32768;
      if (left < 7) {
        contents_.append(left, '\0');
        continue;
      }
      const size_t take = std::min(record.size(), left - 7);
      const bool last = take == record.size();
      AddFragment(first ? (last ? 1 : 2) : (last ? 4 : 3), record.substr(0, take));
      record.remove_prefix(take);
      first = false;
      if (last) break;
    } while (true);
    ends_.push_back(contents_.size());
  }

  const std::string& contents() const { return contents_; }
  const std::vector<size_t>& ends() const { return ends_; }

 private:
  void AddFragment(char type, absl::string_view data) {
    const uint32_t crc = Crc32c(data, Crc32c(absl::string_view(&type, 1)));
    const uint32_t masked = ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
    for (int i = 0; i < 4; ++i) contents_.push_back(static_cast<char>(masked >> (8 * i)));
    contents_.push_back(static_cast<char>(data.size() & 0xff));
    contents_.push_back(static_cast<char>(data.size() >> 8));
    contents_.push_back(type);
    contents_.append(data.data(), data.size());
  }

  std::string contents_;
  std::vector<size_t> ends_;
};

// Small records, one that spans three blocks, and one that leaves 3 bytes of padding in its block.
LogWriter SampleLog() {
  LogWriter log;
  for (int i = 0; i < 5; ++i) log.Add(std::string(50 + i, static_cast<char>('a' + i)));
  log.Add(std::string(80000, 'x'));
  log.Add(std::string(32768 - 3 - 7 - log.contents().size() % 32768, 'y'));
  for (int i = 0; i < 3; ++i) log.Add(std::string(20, static_cast<char>('p' + i)));
  return log;
}

TEST(LogScanTest, IntactLogIsWhole) {
  const LogWriter log = SampleLog();
  const LogScan scan = ScanLog(log.contents());
  EXPECT_FALSE(scan.damaged);
  EXPECT_EQ(scan.records, 10u);
  EXPECT_EQ(scan.valid_bytes, log.contents().size());
  EXPECT_FALSE(ScanLog("").damaged);
}

TEST(LogScanTest, EveryTruncationKeepsTheWholeRecordsAndIsATornTail) {
  const LogWriter log = SampleLog();
  for (size_t size = 0; size < log.contents().size(); size += size % 32768 < 400 ? 1 : 97) {
    const LogScan scan = ScanLog(absl::string_view(log.contents()).substr(0, size));
    size_t end = 0;
    uint64_t records = 0;
    for (size_t candidate : log.ends()) {
      if (candidate > size) break;
      end = candidate;
      ++records;
    }
    ASSERT_EQ(scan.records, records) << size;
    ASSERT_EQ(scan.valid_bytes, end) << size;
    ASSERT_FALSE(scan.record_after_damage) << size;
    const bool padding_only = 32768 - end % 32768 < 7 && size <= (end / 32768 + 1) * 32768;
    ASSERT_EQ(scan.damaged, size != end && !padding_only) << size;
  }
}

TEST(LogScanTest, FlipInAnyRecordButTheLastIsDamageWithARecordAfterIt) {
  const LogWriter log = SampleLog();
  const size_t last_begin = log.ends()[8];
  size_t checked = 0;
  for (size_t at = 0; at < log.contents().size(); at += at % 32768 < 400 ? 1 : 97) {
    std::string contents = log.contents();
    contents[at] = static_cast<char>(contents[at] ^ 0x20);
    const LogScan scan = ScanLog(contents);
    if (!scan.damaged) {
      ASSERT_EQ(contents.substr(at / 32768 * 32768 + 32765, 3).find('\x20'), at % 32768 - 32765)
          << "only padding may change unnoticed: " << at;
      continue;
    }
    ASSERT_LE(scan.valid_bytes, at);
    ASSERT_EQ(scan.record_after_damage, at < last_begin) << at;
    ++checked;
  }
  EXPECT_GT(checked, 1000u);
}

TEST(LogScanTest, ZerosInTheMiddleAreDamage) {
  const LogWriter log = SampleLog();
  std::string contents = log.contents();
  std::fill(contents.begin() + log.ends()[1], contents.begin() + log.ends()[2], '\0');
  const LogScan scan = ScanLog(contents);
  EXPECT_TRUE(scan.damaged);
  EXPECT_TRUE(scan.record_after_damage);
  EXPECT_EQ(scan.records, 2u);
}

TEST(LogScanTest, ZerosAtTheEndWerePreparedForWhatIsYetToComeAndAreNoDamage) {
  const LogWriter log = SampleLog();
  for (const size_t zeros : {1, 6, 7, 8, 70000}) {
    const LogScan scan = ScanLog(log.contents() + std::string(zeros, '\0'));
    EXPECT_FALSE(scan.damaged) << zeros;
    EXPECT_EQ(scan.records, 10u) << zeros;
    EXPECT_EQ(scan.valid_bytes, log.contents().size()) << zeros;
  }
  EXPECT_FALSE(ScanLog(std::string(100000, '\0')).damaged);
}

TEST(LogScanTest, RecordTornBeforePreparedZerosIsDamageThatEndsWithItsBytes) {
  LogWriter log = SampleLog();
  const size_t whole = log.contents().size();
  log.Add(std::string(60000, 'w'));
  // In the header, in the first fragment, and after it.
  for (const size_t written : {whole + 5, whole + 500, size_t{32768} * 4 + 100}) {
    const LogScan scan = ScanLog(log.contents().substr(0, written) + std::string(70000, '\0'));
    EXPECT_TRUE(scan.damaged) << written;
    EXPECT_FALSE(scan.record_after_damage) << written;
    EXPECT_EQ(scan.valid_bytes, whole) << written;
    EXPECT_EQ(scan.data_bytes, written) << written;
  }
}

// A record of several fragments may reach the disk out of order: its end without its beginning.
TEST(LogScanTest, LaterFragmentsOfTheSameRecordAreNoRecordAfterIt) {
  LogWriter log;
  log.Add("first");
  log.Add(std::string(100000, 'z'));
  std::string contents = log.contents();
  std::fill(contents.begin() + log.ends()[0], contents.begin() + 32768, '\0');
  const LogScan scan = ScanLog(contents);
  EXPECT_TRUE(scan.damaged);
  EXPECT_FALSE(scan.record_after_damage);
  EXPECT_EQ(scan.records, 1u);
}

}  // namespace
}  // namespace dmem::server
