// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/conformance/replayer.h"

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/conformance/core_backend.h"

namespace dmem {
namespace conformance {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kMeta[] =
    R"({"op":"meta","format":1,"name":"test","class":"kernel-exact","about":"x"})"
    "\n";

std::string WriteTemporary(const std::string& name, const std::string& text) {
  std::string path = absl::StrCat(::testing::TempDir(), "/", name);
  std::ofstream out(path);
  out << text;
  EXPECT_TRUE(out.good());
  return path;
}

std::string ReadTestdata(const std::string& name) {
  std::ifstream in(absl::StrCat("tests/conformance/testdata/", name));
  EXPECT_TRUE(in.good()) << name;
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

// A replay of texts against one new core.
class ReplayerTest : public ::testing::Test {
 protected:
  absl::Status Replay(const std::string& text) {
    ReplayOptions options;
    options.charge_id_prefix = "test";
    options.audit_every_line = true;
    options.on_mismatch = [this](const std::string& mismatch) { mismatches_.push_back(mismatch); };
    return ReplayFile(WriteTemporary("vectors.jsonl", text), &backend_, options, &summary_);
  }
  absl::Status ReplayAfterMeta(const std::string& lines) {
    return Replay(absl::StrCat(kMeta, lines));
  }

  CoreBackend backend_;
  ReplaySummary summary_;
  std::vector<std::string> mismatches_;
};

// The canary: if a wrong number in a vector is not reported, nothing that a replay says counts.
TEST_F(ReplayerTest, OneNumberChangedInAVectorIsOneMismatch) {
  const std::string vectors = ReadTestdata("scenarios/28-same-path-again-while-dying.jsonl");
  ASSERT_TRUE(Replay(vectors).ok());
  ASSERT_THAT(mismatches_, IsEmpty());

  const struct {
    const char* original;
    const char* changed;
    const char* reported;
  } kMutations[] = {
      {R"("@2":[0,4194304])", R"("@2":[0,4194305])", "op protection"},
      {R"("current":20971520,"peak":20971520)", R"("current":20971520,"peak":20971521)", "op read"},
      {R"("freed":["@2"])", R"("freed":["@1"])", "op uncharge"},
      {R"("state":"dying")", R"("state":"freed")", "op remove_cgroup"},
      {R"("valuable":true,"hit_low":false)", R"("valuable":true,"hit_low":true)",
       "op evict_valuable"},
      {R"("error":"EEXIST")", R"("error":"ENOENT")", "op create_cgroup"},
      {R"("min":9437184,"max":10485760)", R"("min":9437184,"max":8388607)", "op charge"},
  };
  for (const auto& mutation : kMutations) {
    SCOPED_TRACE(mutation.changed);
    mismatches_.clear();
    std::string mutated = vectors;
    const size_t at = mutated.find(mutation.original);
    ASSERT_NE(at, std::string::npos);
    mutated.replace(at, std::string(mutation.original).size(), mutation.changed);
    ASSERT_TRUE(Replay(mutated).ok());
    // A changed argument can have consequences further down.
    ASSERT_FALSE(mismatches_.empty());
    EXPECT_THAT(mismatches_.front(),
                AllOf(HasSubstr("/vectors.jsonl:"), HasSubstr(mutation.reported),
                      HasSubstr(": expected "), HasSubstr(", got ")));
  }
}

TEST_F(ReplayerTest, WrongLimitingCgroupIsAMismatch) {
  const std::string vectors =
      absl::StrReplaceAll(ReadTestdata("scenarios/03-limit-hit-at-parent.jsonl"),
                          {{R"("limit_cgroup":"/)", R"("limit_cgroup":"/x)"}});
  ASSERT_TRUE(Replay(vectors).ok());
  EXPECT_THAT(mismatches_, Not(IsEmpty()));
}

TEST_F(ReplayerTest, WrongTextIsAMismatch) {
  ASSERT_TRUE(ReplayAfterMeta(R"({"op":"show","cgroup":"/","file":"dmem.current","expect":)"
                              R"({"ok":true,"text":"vram0 0\n"}})")
                  .ok());
  EXPECT_THAT(mismatches_, ElementsAre(HasSubstr(
                               R"(:2: op show {"cgroup":"/","file":"dmem.current"}: expected )"
                               R"({"ok":true,"text":"vram0 0\n"}, got {"ok":true,"text":""})")));
}

TEST_F(ReplayerTest, RefusalWithoutAWordInTheVectorsIsAMismatchThatNamesIt) {
  ASSERT_TRUE(
      ReplayAfterMeta(R"({"op":"read","cgroup":"@7","region":"vram0","expect":{"current":0}})")
          .ok());
  EXPECT_THAT(mismatches_, ElementsAre(HasSubstr("REGION_NOT_FOUND")));
}

TEST_F(ReplayerTest, ValuesFromTheKernelsMaxUpReadAsTheWord) {
  ASSERT_TRUE(ReplayAfterMeta(
                  R"({"op":"register_region","region":"v","size":1,"expect":{"ok":true}}
{"op":"create_cgroup","path":"/a","id":1,"expect":{"ok":true}}
{"op":"set_limits","cgroup":"/a","region":"v","min":"max","low":2251799813685246,"max":2251799813685247,"expect":{"ok":true,"applied":true}}
{"op":"read","cgroup":"/a","region":"v","expect":{"current":0,"peak":0,"min":"max","low":2251799813685246,"max":"max"}}
{"op":"show","cgroup":"/a","file":"dmem.max","expect":{"ok":true,"text":"v max\n"}}
{"op":"write_limit_text","cgroup":"/a","file":"dmem.low","line":"v\tmax\n","expect":{"ok":true,"value":2251799813685247,"applied":true}}
{"op":"charge","id":1,"cgroup":"/a","region":"v","bytes":5,"expect":{"ok":true}}
{"op":"protection","limit":null,"region":"v","expect":{"pools":{"/a":[2251799813685247,2251799813685247]}}}
)")
                  .ok());
  EXPECT_THAT(mismatches_, IsEmpty());
}

TEST_F(ReplayerTest, FileLeavesNothingForTheNext) {
  const std::string vectors =
      R"({"op":"register_region","region":"v","size":10,"expect":{"ok":true}}
{"op":"create_cgroup","path":"/a","id":1,"expect":{"ok":true}}
{"op":"create_cgroup","path":"/a/b","id":2,"expect":{"ok":true}}
{"op":"charge","id":1,"cgroup":"/a/b","region":"v","bytes":5,"expect":{"ok":true}}
{"op":"charge","id":2,"cgroup":"/","region":"v","bytes":5,"expect":{"ok":true}}
{"op":"remove_cgroup","path":"/a/b","expect":{"ok":true,"state":"dying"}}
{"op":"unregister_region","region":"v","expect":{"ok":true}}
{"op":"register_region","region":"v","size":20,"expect":{"ok":true}}
)";
  ASSERT_TRUE(ReplayAfterMeta(vectors).ok());
  EXPECT_TRUE(backend_.List().value.empty());
  ASSERT_TRUE(ReplayAfterMeta(vectors).ok()) << "replayed again, on the same ledger";
  EXPECT_THAT(mismatches_, IsEmpty());
  EXPECT_EQ(summary_.ToString(), "2 files, 16 ops, 0 mismatches, 0 skipped");
}

TEST_F(ReplayerTest, DmemdThatIsNotEmptyIsRefusedAndLeftAsItIs) {
  ASSERT_TRUE(backend_.Register("mine", 1).ok());
  const absl::Status status = ReplayAfterMeta("");
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("1 regions"));
  EXPECT_THAT(backend_.List().value.regions, ElementsAre("mine"));
}

TEST_F(ReplayerTest, KernelQuirkFileIsSkippedAndCounted) {
  ASSERT_TRUE(Replay(R"({"op":"meta","format":1,"name":"q","class":"kernel-quirk","about":"x"}
{"op":"show","cgroup":"/","file":"dmem.current","expect":{"ok":true,"text":"wrong\n"}}
)")
                  .ok());
  EXPECT_THAT(mismatches_, IsEmpty());
  EXPECT_EQ(summary_.ToString(), "0 files, 0 ops, 0 mismatches, 1 skipped");
}

TEST_F(ReplayerTest, WhatIsNoVectorIsAnErrorWithItsLine) {
  const struct {
    const char* text;
    const char* message;
  } kCases[] = {
      {"", "no meta line"},
      {"{\"op\":\"show\",\"expect\":{}}\n", ":1: the first line"},
      {"{\"op\":\"meta\",\"format\":2,\"class\":\"kernel-exact\"}\n", ":1: not of format 1"},
      {"{\"op\":\"meta\",\"format\":1}\n", ":1: no class"},
      {"nonsense\n", ":1: not JSON"},
      {"[1]\n", ":1: not a JSON object"},
  };
  for (const auto& test : kCases) {
    const absl::Status status = Replay(test.text);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << test.text;
    EXPECT_THAT(std::string(status.message()), HasSubstr(test.message));
  }
  const struct {
    const char* line;
    const char* message;
  } kLines[] = {
      {R"({"op":"show"})", ":2: no expect"},
      {R"({"op":"charge","bytes":18446744073709551616,"expect":{}})", ":2: a number"},
      {R"({"op":"charge","bytes":1.5,"expect":{}})", ":2: a number"},
      {R"({"op":"create_cgroup","expect":{}})", ":2: "},
      {R"({"op":"create_cgroup","path":7,"expect":{}})", ":2: "},
  };
  for (const auto& test : kLines) {
    const absl::Status status = ReplayAfterMeta(test.line);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << test.line;
    EXPECT_THAT(std::string(status.message()), HasSubstr(test.message));
  }
}

TEST_F(ReplayerTest, UnknownOpIsAMismatch) {
  ASSERT_TRUE(ReplayAfterMeta(R"({"op":"fly","expect":{"ok":true}})").ok());
  EXPECT_THAT(mismatches_, SizeIs(1));
}

TEST(FindVectorFilesTest, DirectoriesAreWalkedInOrderAndFilesTakenAsTheyCome) {
  const absl::StatusOr<std::vector<std::string>> files =
      FindVectorFiles({"tests/conformance/testdata/scenarios-large", "WORKSPACE-of-no-one"});
  EXPECT_EQ(files.status().code(), absl::StatusCode::kNotFound);

  const absl::StatusOr<std::vector<std::string>> all =
      FindVectorFiles({"tests/conformance/testdata"});
  ASSERT_TRUE(all.ok()) << all.status();
  EXPECT_THAT(*all, SizeIs(104));
  EXPECT_TRUE(std::is_sorted(all->begin(), all->end()));
}

}  // namespace
}  // namespace conformance
}  // namespace dmem
