// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// What is printed, and exited with, when something is wrong.

#include "client/cli/dmemctl_fixture.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"

namespace dmem::client {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr absl::StatusCode kExhausted = absl::StatusCode::kResourceExhausted;

// 8 GiB to /team-a/train in n7/gpu0 where /team-a uses 32 of 38 GiB in model/h100.
const std::vector<std::pair<std::string, std::string>>& MaxExceededFacts() {
  static const auto* const kFacts = new std::vector<std::pair<std::string, std::string>>{
      {"item", "0"},
      {"cgroup", "/team-a/train"},
      {"region", "n7/gpu0"},
      {"bytes", "8589934592"},
      {"counter_cgroup", "/team-a"},
      {"counter_region", "model/h100"},
      {"usage_bytes", "34359738368"},
      {"max_bytes", "40802189312"},
      {"requested_bytes", "8589934592"},
      {"short_bytes", "2147483648"},
      {"largest_grantable_bytes", "6442450944"}};
  return *kFacts;
}

TEST_F(DmemctlTest, RefusalByAMaxIsExplainedWithWhatToTypeNext) {
  service_.Fail<v1::ChargeResponse>(
      Error(kExhausted, "charge refused", "MAX_EXCEEDED", MaxExceededFacts()));
  const Result result = Run({"charge", "/team-a/train", "n7/gpu0", "8Gi"});
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.out, IsEmpty());
  EXPECT_EQ(result.err,
            "Error: charge refused\n"
            "  Limiting pool:  /team-a in model/h100\n"
            "  Usage:          32GiB (34359738368 bytes)\n"
            "  Max:            38GiB (40802189312 bytes)\n"
            "  Asked:          8GiB (8589934592 bytes)\n"
            "  Short by:       2GiB (2147483648 bytes)\n"
            "  Refused item:   8GiB to /team-a/train in n7/gpu0 (items[0])\n"
            "  Would fit now:  6GiB (6442450944 bytes)\n"
            "Next:\n"
            "  dmemctl evict-candidates model/h100 2Gi --limit /team-a\n"
            "  dmemctl set limits /team-a model/h100 --max 40Gi\n");
}

TEST_F(DmemctlTest, RefusalByAFullDeviceNamesNoPoolAndNoLimit) {
  service_.Fail<v1::ResizeResponse>(Error(kExhausted, "no room", "CAPACITY",
                                          {{"item", "0"},
                                           {"cgroup", "/a"},
                                           {"region", "n1/gpu0"},
                                           {"bytes", "1024"},
                                           {"counter_region", "n1/gpu0"},
                                           {"usage_bytes", "2048"},
                                           {"max_bytes", "2048"},
                                           {"requested_bytes", "1024"},
                                           {"short_bytes", "1024"},
                                           {"largest_grantable_bytes", "0"}}));
  const Result result = Run({"resize", "a", "/a", "n1/gpu0", "2Ki"});
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_EQ(result.err,
            "Error: no room\n"
            "  Full region:    n1/gpu0\n"
            "  Usage:          2KiB (2048 bytes)\n"
            "  Grantable:      2KiB (2048 bytes)\n"
            "  Asked:          1KiB (1024 bytes)\n"
            "  Short by:       1KiB (1024 bytes)\n"
            "  Refused item:   1KiB to /a in n1/gpu0 (items[0])\n"
            "  Would fit now:  nothing\n"
            "Next:\n"
            "  dmemctl evict-candidates n1/gpu0 1Ki\n");
}

TEST_F(DmemctlTest, ARefusalForMemoryOfNobodySaysWhatIsGrantedAndWhatIsInTheWay) {
  service_.Fail<v1::ResizeResponse>(Error(kExhausted, "no room", "UNATTRIBUTED",
                                          {{"item", "0"},
                                           {"cgroup", "/a"},
                                           {"region", "n1/gpu0"},
                                           {"bytes", "1024"},
                                           {"counter_region", "n1/gpu0"},
                                           {"usage_bytes", "2048"},
                                           {"max_bytes", "2560"},
                                           {"grantable_bytes", "4096"},
                                           {"unattributed_bytes", "1536"},
                                           {"requested_bytes", "1024"},
                                           {"short_bytes", "512"},
                                           {"largest_grantable_bytes", "512"}}));
  const Result result = Run({"resize", "a", "/a", "n1/gpu0", "2Ki"});
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_EQ(result.err,
            "Error: no room\n"
            "  Region:           n1/gpu0\n"
            "  Usage:            2KiB (2048 bytes)\n"
            "  Grantable:        4KiB (4096 bytes)\n"
            "  Unattributed:     1.5KiB (1536 bytes) in use on the device, by no charge\n"
            "  Granted at most:  2.5KiB (2560 bytes)\n"
            "  Asked:            1KiB (1024 bytes)\n"
            "  Short by:         512 bytes\n"
            "  Refused item:     1KiB to /a in n1/gpu0 (items[0])\n"
            "  Would fit now:    512 bytes\n"
            "Next:\n"
            "  dmemctl describe region n1/gpu0\n"
            "  dmemctl evict-candidates n1/gpu0 512\n");
}

TEST_F(DmemctlTest, SuggestedCommandsAreQuotedForTheShell) {
  auto facts = MaxExceededFacts();
  for (auto& [key, value] : facts) {
    if (key == "counter_cgroup") value = "/a;rm$x'y";
  }
  service_.Fail<v1::ChargeResponse>(Error(kExhausted, "no", "MAX_EXCEEDED", facts));
  EXPECT_THAT(Run({"charge", "/a", "n7/gpu0", "8Gi"}).err,
              HasSubstr("dmemctl set limits '/a;rm$x'\\''y' model/h100 --max 40Gi\n"));
}

TEST_F(DmemctlTest, RefusalAsJsonIsTheStatusWithItsDetails) {
  service_.Fail<v1::ChargeResponse>(
      Error(kExhausted, "charge refused", "MAX_EXCEEDED", MaxExceededFacts()));
  const Result result = Run({"charge", "/a", "n7/gpu0", "8Gi", "-o", "json"});
  EXPECT_EQ(result.exit_code, 3);
  google::protobuf::Struct error;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(result.err, &error).ok()) << result.err;
  EXPECT_EQ(error.fields().at("code").number_value(), 8);
  const auto& detail = error.fields().at("details").list_value().values(0).struct_value().fields();
  EXPECT_EQ(detail.at("reason").string_value(), "MAX_EXCEEDED");
  EXPECT_EQ(detail.at("metadata").struct_value().fields().at("short_bytes").string_value(),
            "2147483648");
}

TEST_F(DmemctlTest, ExitCodeTellsKindsOfErrorsApart) {
  const struct {
    absl::Status status;
    int exit_code;
    const char* text;
  } kCases[] = {
      {Error(absl::StatusCode::kNotFound, "no region", "REGION_NOT_FOUND"), 1,
       "Error: no region\n"},
      {Error(absl::StatusCode::kInvalidArgument, "bad", "INVALID_FIELD"), 1, "Error: bad\n"},
      // A bound on the number of objects is no quota of memory.
      {Error(kExhausted, "too many pools", "TOO_MANY"), 1, "Error: too many pools\n"},
      {Error(kExhausted, "overflow", "COUNTER_OVERFLOW", MaxExceededFacts()), 3, "Limiting pool"},
      {absl::DeadlineExceededError("deadline"), 4, "is dmemd running at 127.0.0.1:"},
      {Error(absl::StatusCode::kUnavailable, "commit failed", "STORE_FAILED"), 4,
       "until it is restarted"},
      {absl::InternalError("\x1b[31mred"), 1, "Error: ?[31mred\n"},
      {absl::InternalError(""), 1, "INTERNAL"},
  };
  for (const auto& c : kCases) {
    const int attempts = absl::IsUnavailable(c.status) ? 6 : 1;
    for (int i = 0; i < attempts; ++i) service_.Fail<v1::SetLimitsResponse>(c.status);
    const Result result = Run({"set", "limits", "/a", "r", "--max=1"});
    EXPECT_EQ(result.exit_code, c.exit_code) << c.status;
    EXPECT_THAT(result.err, HasSubstr(c.text)) << c.status;
    EXPECT_THAT(result.out, IsEmpty());
  }
}

TEST_F(DmemctlTest, ErrorsNameTheCommandsThatHelp) {
  using Facts = std::vector<std::pair<std::string, std::string>>;
  const struct {
    const char* reason;
    Facts facts;
    const char* next;
  } kCases[] = {
      {"REGION_NOT_FOUND", {}, "  dmemctl get regions\n  dmemctl get groups\n"},
      {"CGROUP_NOT_FOUND", {}, "  dmemctl get cgroups\n"},
      {"PARENT_NOT_FOUND", {{"parent", "/a"}}, "  dmemctl create cgroup /a\n"},
      {"PARENT_NOT_FOUND", {{"parent", "cluster"}}, "  dmemctl register group cluster\n"},
      {"CHARGE_ID_IN_USE", {{"charge_id", "job 1"}}, "  dmemctl describe charge 'job 1'\n"},
      {"ETAG_MISMATCH", {{"cgroup", "/a"}, {"region", "r"}}, "  dmemctl describe pool /a r\n"},
      {"REGION_CORDONED", {{"region", "r"}}, "  dmemctl uncordon r\n"},
      {"STALE_INCARNATION", {{"region", "r"}}, "  dmemctl describe region r\n"},
      {"HAS_CHARGES", {{"name", "g"}}, "  dmemctl get charges --region g\n"},
      {"CGROUP_HAS_CHILDREN", {{"cgroup", "/a"}}, "  dmemctl get cgroups --cgroup /a\n"},
      {"MAX_BELOW_USAGE",
       {{"cgroup", "/a"}, {"region", "r"}, {"max_bytes", "1024"}, {"usage_bytes", "3072"}},
       "  dmemctl evict-candidates r 2Ki --limit /a\n"
       "  dmemctl set limits /a r --max 1Ki --below-usage apply\n"},
  };
  for (const auto& c : kCases) {
    service_.Fail<v1::CordonResponse>(
        Error(absl::StatusCode::kFailedPrecondition, "no", c.reason, c.facts));
    const Result result = Run({"cordon", "r"});
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_EQ(result.err, std::string("Error: no\nNext:\n") + c.next);
  }
}

TEST_F(DmemctlTest, ServerThatIsNotThereIsUnavailableAndNamed) {
  const Result result = Run({"get", "regions", "--server", "127.0.0.1:1"});
  EXPECT_EQ(result.exit_code, 4);
  EXPECT_THAT(result.err, HasSubstr("gave up after 6 attempts"));
  EXPECT_THAT(result.err, HasSubstr("is dmemd running at 127.0.0.1:1? Another address is given "
                                    "with --server or DMEM_SERVER"));
}

TEST_F(DmemctlTest, TimeoutBoundsTheWaits) {
  for (int i = 0; i < 6; ++i) service_.Fail<v1::CheckResponse>(absl::UnavailableError("busy"));
  const Result result = Run({"check", "--timeout", "250ms"});
  EXPECT_EQ(result.exit_code, 4);
  EXPECT_THAT(result.err,
              HasSubstr("gave up after 2 attempts: the next would be after the deadline "
                        "of 250ms"));
}

TEST_F(DmemctlTest, WrongCommandLinesAreUsageErrorsAndNotSent) {
  const struct {
    std::vector<std::string> arguments;
    const char* text;
  } kCases[] = {
      {{}, "say what to do: get, describe, tree,"},
      {{"get"}, "say what to get: region, group, cgroup, pool, charge"},
      {{"gett", "regions"}, "unknown command \"gett\"; did you mean \"get\"?"},
      {{"evict-candidate", "r", "1"}, "did you mean \"evict-candidates\"?"},
      {{"get", "regoins"}, "unknown command \"regoins\"; did you mean \"regions\"?"},
      {{"delete", "region", "n1/gpu0"}, "unknown command \"region\""},
      {{"get", "region", "--nonsense"}, "--nonsense"},
      {{"register", "region", "n1/gpu0"}, "--capacity is required"},
      {{"register", "region", "n1/gpu0", "--capacity", "80g"}, "unknown unit \"g\""},
      {{"register", "region", "n1/gpu0", "--capacity", "1", "--incarnation", "-1"},
       "--incarnation"},
      {{"register", "region", "n1/gpu0", "--capacity", "1", "--incarnation",
        "18446744073709551616"},
       "--incarnation: \"18446744073709551616\" is not a number from 0 to"},
      {{"why", "c1", "--limit", "0"}, "\"0\" is not a number from 1 to 1000"},
      {{"history", "charge", "c1", "--limit", "18446744073709551615"},
       "is not a number from 1 to 10000000"},
      {{"create", "cgroup", "/a", "--priority", "2147483648"},
       "is not a number from -2147483648 to"},
      {{"set", "limits", "/a", "r"}, "give at least one of --min, --low, --max, --enforcement"},
      {{"set", "limits", "/a", "r", "--max", "1.5"}, "not a whole number of bytes"},
      {{"set", "limits", "/a", "r", "--max", "-1"}, "is negative"},
      {{"set", "limits", "/a", "r", "--enforcement", "maybe"}, "maybe not in {enforce,observe}"},
      {{"charge", "/a", "r"}, "items are given as CGROUP REGION SIZE"},
      {{"charge", "/a", "r", "1", "/b"}, "items are given as CGROUP REGION SIZE"},
      {{"charge", "/a", "r", "8Eib"}, "unknown unit \"Eib\""},
      {{"charge", "/a", "r", "1", "--label", "novalue"}, "\"novalue\" is not KEY=VALUE"},
      {{"charge", "/a", "r", "1", "--created-at", "yesterday"}, "--created-at"},
      {{"charge", "/a", "r", "1", "--force", "--dry-run"}, "excludes"},
      {{"uncharge"}, "ID is required"},
      {{"resize", "a", "/a", "r"}, "SIZE is required"},
      {{"evict-candidates", "r", "1", "--ignore-low", "perhaps"}, "perhaps not in"},
      {{"headroom", "/a", "--group", "g"}, "--shape is required"},
      {{"headroom", "/a", "--shape", "1Gi"}, "--group is required"},
      {{"headroom", "/a", "--group", "g", "--shape", "0x1Gi"}, "\"0x1Gi\" is not SIZE"},
      {{"headroom", "/a", "--group", "g", "--shape", "manyx1Gi"}, "\"manyx1Gi\" is not SIZE"},
      {{"headroom", "/a", "--group", "g", "--shape", "2x1.3"}, "--shape"},
      {{"cat", "dmem.max"}, "is not CGROUP/FILE"},
      {{"cat", "/team-a/"}, "is not CGROUP/FILE"},
      {{"write", "/a/dmem.max"}, "TEXT is required"},
      {{"tree", "--depth", "33"}, "--depth"},
      {{"describe", "pool", "/a"}, "CGROUP"},
      {{"check", "--server", "localhost"}, "\"localhost\" is not HOST:PORT"},
      {{"check", "--server", "localhost:0"}, "is not HOST:PORT"},
      {{"check", "--timeout", "soon"}, "is not a time"},
      {{"check", "--timeout", "0"}, "is not above 0"},
      {{"check", "-o", "yaml"}, "yaml not in {table,json,csv}"},
  };
  for (const auto& c : kCases) {
    const Result result = Run(c.arguments);
    EXPECT_EQ(result.exit_code, 2) << result.err;
    EXPECT_THAT(result.err, StartsWith("Usage error: "));
    EXPECT_THAT(result.err, HasSubstr(c.text));
    EXPECT_THAT(result.out, IsEmpty());
  }
  EXPECT_THAT(service_.requests(), IsEmpty());
}

TEST_F(DmemctlTest, HelpHasExamplesAndExitCodesWithin100Columns) {
  const std::string all = Output({"--help"});
  EXPECT_THAT(all, HasSubstr("Exit codes: 0 ok, 1 error, 2 usage, 3 refused by a quota, 4 server"));
  const std::vector<std::vector<std::string>> kCommands = {{"get"},
                                                           {"get", "pools"},
                                                           {"describe"},
                                                           {"describe", "pool"},
                                                           {"tree"},
                                                           {"register"},
                                                           {"register", "region"},
                                                           {"register", "group"},
                                                           {"unregister"},
                                                           {"unregister", "region"},
                                                           {"cordon"},
                                                           {"uncordon"},
                                                           {"create", "cgroup"},
                                                           {"delete", "cgroup"},
                                                           {"set", "limits"},
                                                           {"charge"},
                                                           {"uncharge"},
                                                           {"resize"},
                                                           {"move"},
                                                           {"evict-candidates"},
                                                           {"evict-valuable"},
                                                           {"headroom"},
                                                           {"cat"},
                                                           {"write"},
                                                           {"check"},
                                                           {"version"}};
  for (std::vector<std::string> command : kCommands) {
    command.push_back("--help");
    const std::string help = Output(command);
    EXPECT_THAT(help, HasSubstr("\nExamples:\n  dmemctl ")) << command[0];
    std::istringstream lines(all + help);
    for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 100u) << line;
  }
  EXPECT_THAT(service_.requests(), IsEmpty());
}

}  // namespace
}  // namespace dmem::client
