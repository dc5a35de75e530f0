// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// docs/agent-backends.md: its examples do what it says, and its options are those of the code.

#include <memory>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/agent/make_backend.h"
#include "client/agent/testing/temp_directory.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace dmem::client {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr uint64_t kGiB = uint64_t{1} << 30;

std::string Docs() {
  std::ifstream file("docs/agent-backends.md");
  std::ostringstream text;
  text << file.rdbuf();
  EXPECT_FALSE(text.str().empty());
  return text.str();
}

// The block that begins with ```KIND NAME.
std::string Block(const std::string& kind, const std::string& name) {
  const std::string docs = Docs();
  const std::string begin = absl::StrCat("```", kind, " ", name, "\n");
  const size_t at = docs.find(begin);
  if (at == std::string::npos) ADD_FAILURE() << "no block " << name;
  if (at == std::string::npos) return "";
  const size_t from = at + begin.size();
  return docs.substr(from, docs.find("```", from) - from);
}

TEST(BackendsDocsTest, TheFakeDirectoryIsReadAndWrittenAsShown) {
  const TempDirectory directory;
  for (const std::string name : {"devices/gpu0.json", "usage/pod1.json"}) {
    directory.Write(name, Block("json", name));
  }
  directory.Write("limits/x", "");
  const auto backend = MakeDeviceBackend("fake", {{"directory", directory.path()}}, "/", {});
  ASSERT_TRUE(backend.ok()) << backend.status();
  const auto scan = (*backend)->Scan();
  ASSERT_TRUE(scan.ok()) << scan.status();
  EXPECT_THAT(scan->problems, IsEmpty());
  ASSERT_THAT(scan->devices, SizeIs(1));
  EXPECT_EQ(scan->devices[0].capacity_bytes, 80 * kGiB);
  const auto usage = (*backend)->Measure({"/kubepods/pod1"});
  ASSERT_TRUE(usage.ok()) << usage.status();
  EXPECT_THAT(usage->problems, IsEmpty());
  ASSERT_THAT(usage->cgroups, SizeIs(1));
  EXPECT_EQ(usage->cgroups[0].used_bytes, 10 * kGiB);
  EXPECT_THAT(usage->processes, SizeIs(2));

  const Limit limit = {"/kubepods/pod1", "fake/gpu0", 10 * kGiB, 20 * kGiB};
  EXPECT_EQ((*backend)->Apply({limit}).at(0).outcome, LimitOutcome::kWritten);
  const std::string file = "limits/kubepods/pod1/limits.json";
  EXPECT_EQ(directory.Read(file), Block("json", file));
}

TEST(BackendsDocsTest, TheScriptWatches) {
  const TempDirectory directory;
  directory.Write("npu-script", Block("sh", "npu-script"));
  const auto backend = MakeDeviceBackend(
      "fake", {{"command", "/bin/sh " + directory.path() + "/npu-script"}, {"timeout", "1m"}}, "/",
      {});
  ASSERT_TRUE(backend.ok()) << backend.status();
  const auto scan = (*backend)->Scan();
  ASSERT_TRUE(scan.ok()) << scan.status();
  EXPECT_EQ((*backend)->capability(), Capability::kWatching);
  const auto usage = (*backend)->Measure({"/kubepods/pod1"});
  ASSERT_TRUE(usage.ok()) << usage.status();
  EXPECT_THAT(usage->problems, IsEmpty());
  ASSERT_THAT(usage->processes, SizeIs(1));
  EXPECT_EQ(usage->processes[0].used_bytes, kGiB);
  EXPECT_THAT(usage->listed_regions, SizeIs(1));
}

// The code says which options there are when it is given one that is not.
TEST(BackendsDocsTest, EveryOptionOfTheCodeIsDocumentedAndNoOther) {
  std::set<std::string> documented;
  bool in_options = false;
  for (const absl::string_view line : absl::StrSplit(Docs(), '\n')) {
    if (line == "| Option | Default | Meaning |") in_options = true;
    if (line.empty()) in_options = false;
    if (in_options && line.substr(0, 3) == "| `") {
      documented.emplace(line.substr(3, line.find('`', 3) - 3));
    }
  }
  std::set<std::string> known;
  for (const std::string kind : {"dmem", "nvml", "fake"}) {
    const std::string error(MakeDeviceBackend(kind, {{"-", ""}}, "/", {}).status().message());
    ASSERT_THAT(error, HasSubstr("there are "));
    const std::string list = error.substr(error.find("there are ") + 10);
    for (const absl::string_view option : absl::StrSplit(list, ", ")) known.emplace(option);
  }
  EXPECT_EQ(documented, known);
}

}  // namespace
}  // namespace dmem::client
