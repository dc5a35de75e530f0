// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/read_file.h"

#include <string>

#include "client/agent/testing/temp_directory.h"
#include "gtest/gtest.h"

namespace dmem::client {
namespace {

TEST(ReadSmallFileTest, EverythingUpToTheBoundIsRead) {
  const TempDirectory directory;
  for (const size_t size : {0, 1, 16383, 16384, 16385, 50000}) {
    const std::string text(size, 'x');
    directory.Write("file", text);
    EXPECT_EQ(*ReadSmallFile(directory.path() + "/file", 50000), text);
  }
}

TEST(ReadSmallFileTest, OneByteMoreIsAnError) {
  const TempDirectory directory;
  directory.Write("file", std::string(17, 'x'));
  EXPECT_EQ(ReadSmallFile(directory.path() + "/file", 16).status().code(),
            absl::StatusCode::kOutOfRange);
  EXPECT_TRUE(ReadSmallFile(directory.path() + "/file", 17).ok());
}

TEST(ReadSmallFileTest, ErrorsNameTheFile) {
  const TempDirectory directory;
  const std::string missing = directory.path() + "/missing";
  EXPECT_EQ(ReadSmallFile(missing, 16).status().code(), absl::StatusCode::kNotFound);
  for (const std::string& path : {missing, directory.path()}) {
    const absl::Status status = ReadSmallFile(path, 16).status();
    EXPECT_FALSE(status.ok());
    EXPECT_NE(status.message().find(path), absl::string_view::npos) << status;
  }
}

}  // namespace
}  // namespace dmem::client
