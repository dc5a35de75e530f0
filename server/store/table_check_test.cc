// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/store/table_check.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "rocksdb/env.h"
#include "rocksdb/options.h"
#include "rocksdb/sst_file_writer.h"
#include "rocksdb/table.h"

namespace dmem::server {
namespace {

// A table of `entries` objects as RocksDB writes it.
std::string Table(int entries, rocksdb::ChecksumType checksum) {
  rocksdb::Options options;
  rocksdb::BlockBasedTableOptions table;
  table.format_version = 5;
  table.checksum = checksum;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.compression = rocksdb::kNoCompression;
  const std::string path = absl::StrCat(::testing::TempDir(), "/table_check_test.sst");
  rocksdb::SstFileWriter writer(rocksdb::EnvOptions(), options);
  EXPECT_TRUE(writer.Open(path).ok());
  for (int i = 0; i < entries; ++i) {
    EXPECT_TRUE(writer.Put(absl::StrCat("key", 100000 + i), "value").ok());
  }
  EXPECT_TRUE(writer.Finish().ok());
  std::string contents;
  EXPECT_TRUE(rocksdb::ReadFileToString(rocksdb::Env::Default(), path, &contents).ok());
  return contents;
}

absl::Status Check(const std::string& contents) {
  return CheckTableProperties(contents.size(), [&contents](uint64_t offset, size_t length) {
    return offset > contents.size() ? "" : contents.substr(offset, length);
  });
}

TEST(TableCheckTest, TablesThatRocksDbWritesAreFine) {
  for (int entries : {1, 10, 5000}) {
    const absl::Status status = Check(Table(entries, rocksdb::kCRC32c));
    EXPECT_TRUE(status.ok()) << entries << ": " << status;
  }
}

TEST(TableCheckTest, EveryBitOfThePropertiesIsGuarded) {
  const std::string intact = Table(3, rocksdb::kCRC32c);
  // From the first property's name to the end of the last one's.
  const size_t begin = intact.find("rocksdb.block.based.table.index.type");
  const size_t end = intact.rfind("raw.key.size");
  ASSERT_TRUE(begin != std::string::npos && end != std::string::npos && begin < end);
  for (size_t at = begin; at < end; ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = intact;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
      ASSERT_EQ(Check(damaged).code(), absl::StatusCode::kDataLoss) << at << "." << bit;
    }
  }
}

TEST(TableCheckTest, EveryTruncationIsFound) {
  const std::string intact = Table(10, rocksdb::kCRC32c);
  for (size_t size = 0; size < intact.size(); ++size) {
    ASSERT_EQ(Check(intact.substr(0, size)).code(), absl::StatusCode::kDataLoss) << size;
  }
}

TEST(TableCheckTest, NoDamageReadsOutOfBounds) {
  const std::string intact = Table(3, rocksdb::kCRC32c);
  for (size_t at = 0; at < intact.size(); ++at) {
    for (const char to : {'\0', '\x7f', '\xff'}) {
      std::string damaged = intact;
      damaged[at] = to;
      // Under the sanitizers any read too far ends the test.
      Check(damaged).IgnoreError();
    }
  }
}

TEST(TableCheckTest, OtherChecksumsAreNotOurs) {
  EXPECT_EQ(Check(Table(3, rocksdb::kXXH3)).code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace dmem::server
