// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Bad names wherever one is taken, and bad input of the RPCs that only read (and of WriteFile).

#include <string>
#include <vector>

#include "tests/integration/bad_input.h"

namespace dmem::server {
namespace {

std::string Deep(int components) {
  std::string path;
  for (int i = 0; i < components; ++i) path += "/d";
  return path;
}

// Names that no region or group may have.
const std::vector<std::string>& BadRegionNames() {
  static const auto* names = new std::vector<std::string>{
      "", std::string(256, 'r'), "a b", "tab\there", "line\n", "a@b", "\x7f", "h\xc3\xa9",
  };
  return *names;
}

// Paths that no cgroup may have.
const std::vector<std::string>& BadCgroupPaths() {
  static const auto* paths = new std::vector<std::string>{
      "",
      "team",
      "/team/",
      "//team",
      "/team//job",
      "/.",
      "/team/..",
      "/../x",
      "/a b",
      "/a\tb",
      "/a\x01",
      "/@1x",
      "@",
      "@x",
      "@1/x",
      "@-1",
      Deep(33),
      "/" + std::string(256, 'c'),
      "/" + std::string(255, 'a') + "/" + std::string(255, 'b') + "/" + std::string(255, 'c') +
          "/" + std::string(255, 'd') + "/e",
  };
  return *paths;
}

TEST_F(BadInputTest, BadRegionNamesAreRefusedWhereverARegionIsNamed) {
  for (const std::string& name : BadRegionNames()) {
    SCOPED_TRACE("name of " + std::to_string(name.size()) + " bytes: " + name);
    ExpectError(Call(server_, &Stub::Register, RegisterOf(name, 1)).status, kInvalid,
                "INVALID_FIELD", "region.name");
    ExpectError(Call(server_, &Stub::RegisterGroup, GroupOf(name, "")).status, kInvalid,
                "INVALID_FIELD", "name");
    v1::UnregisterGroupRequest unregister_group;
    unregister_group.set_name(name);
    ExpectError(Call(server_, &Stub::UnregisterGroup, unregister_group).status, kInvalid,
                "INVALID_FIELD", "name");
    v1::UnregisterRequest unregister;
    unregister.set_region(name);
    ExpectError(Call(server_, &Stub::Unregister, unregister).status, kInvalid, "INVALID_FIELD",
                "region");
    v1::CordonRequest cordon;
    cordon.set_region(name);
    ExpectError(Call(server_, &Stub::Cordon, cordon).status, kInvalid, "INVALID_FIELD", "region");
    ExpectError(Call(server_, &Stub::Charge, ChargeOf("x", "/team", name, 1)).status, kInvalid,
                "INVALID_FIELD", "items[0].region");
    ExpectError(Call(server_, &Stub::SetLimits, MaxOf("/team", name, 1)).status, kInvalid,
                "INVALID_FIELD", "updates[0].region");
    v1::GetPoolRequest get;
    get.set_cgroup("/team");
    get.set_region(name);
    ExpectError(Call(server_, &Stub::GetPool, get).status, kInvalid, "INVALID_FIELD", "region");
    v1::EvictCandidatesRequest plan;
    plan.set_region(name);
    plan.set_bytes_needed(1);
    ExpectError(Call(server_, &Stub::EvictCandidates, plan).status, kInvalid, "INVALID_FIELD",
                "region");
    v1::GetHeadroomRequest headroom;
    headroom.set_cgroup("/team");
    headroom.set_region(name);
    headroom.set_bytes(1);
    ExpectError(Call(server_, &Stub::GetHeadroom, headroom).status, kInvalid, "INVALID_FIELD",
                "region");
    v1::EvictValuableRequest valuable;
    valuable.set_region(name);
    valuable.set_cgroup("/team");
    ExpectError(Call(server_, &Stub::EvictValuable, valuable).status, kInvalid, "INVALID_FIELD",
                "region");
    if (name.empty()) continue;  // Where a name may be absent.
    ExpectError(Call(server_, &Stub::Register, RegisterOf("new", 1, name)).status, kInvalid,
                "INVALID_FIELD", "region.parent");
    ExpectError(Call(server_, &Stub::RegisterGroup, GroupOf("new", name)).status, kInvalid,
                "INVALID_FIELD", "parent");
    v1::ListPoolsRequest pools;
    pools.set_region(name);
    ExpectError(Call(server_, &Stub::ListPools, pools).status, kInvalid, "INVALID_FIELD", "region");
    v1::ListChargesRequest charges;
    charges.set_region(name);
    ExpectError(Call(server_, &Stub::ListCharges, charges).status, kInvalid, "INVALID_FIELD",
                "region");
  }
}

TEST_F(BadInputTest, BadCgroupPathsAreRefusedWhereverACgroupIsNamed) {
  for (const std::string& path : BadCgroupPaths()) {
    SCOPED_TRACE("path of " + std::to_string(path.size()) + " bytes: " + path);
    ExpectError(Call(server_, &Stub::CreateCgroup, CreateOf(path)).status, kInvalid,
                "INVALID_FIELD", "path");
    ExpectError(Call(server_, &Stub::DeleteCgroup, DeleteOf(path)).status, kInvalid,
                "INVALID_FIELD", "path");
    ExpectError(Call(server_, &Stub::Charge, ChargeOf("x", path, "n1/gpu0", 1)).status, kInvalid,
                "INVALID_FIELD", "items[0].cgroup");
    ExpectError(Call(server_, &Stub::SetLimits, MaxOf(path, "n1/gpu0", 1)).status, kInvalid,
                "INVALID_FIELD", "updates[0].cgroup");
    v1::GetPoolRequest get;
    get.set_cgroup(path);
    get.set_region("n1/gpu0");
    ExpectError(Call(server_, &Stub::GetPool, get).status, kInvalid, "INVALID_FIELD", "cgroup");
    v1::GetHeadroomRequest headroom;
    headroom.set_cgroup(path);
    headroom.set_region("n1/gpu0");
    headroom.set_bytes(1);
    ExpectError(Call(server_, &Stub::GetHeadroom, headroom).status, kInvalid, "INVALID_FIELD",
                "cgroup");
    v1::ReadFileRequest read;
    read.set_cgroup(path);
    read.set_file("dmem.current");
    ExpectError(Call(server_, &Stub::ReadFile, read).status, kInvalid, "INVALID_FIELD", "cgroup");
    v1::WriteFileRequest write;
    write.set_cgroup(path);
    write.set_file("dmem.max");
    write.set_text("n1/gpu0 1");
    ExpectError(Call(server_, &Stub::WriteFile, write).status, kInvalid, "INVALID_FIELD", "cgroup");
    v1::ResizeRequest resize;
    v1::ResizeItem* item = resize.add_items();
    item->set_charge_id("held");
    item->set_cgroup(path);
    item->set_region("n1/gpu0");
    ExpectError(Call(server_, &Stub::Resize, resize).status, kInvalid, "INVALID_FIELD",
                "items[0].cgroup");
    if (path.empty()) continue;  // Where a cgroup may be absent.
    v1::ListCgroupsRequest cgroups;
    cgroups.set_cgroup(path);
    ExpectError(Call(server_, &Stub::ListCgroups, cgroups).status, kInvalid, "INVALID_FIELD",
                "cgroup");
    v1::EvictCandidatesRequest plan;
    plan.set_limit_cgroup(path);
    plan.set_region("n1/gpu0");
    plan.set_bytes_needed(1);
    ExpectError(Call(server_, &Stub::EvictCandidates, plan).status, kInvalid, "INVALID_FIELD",
                "limit_cgroup");
  }
}

TEST_F(BadInputTest, ReadsOfWhatIsNotThere) {
  using G = v1::GetPoolRequest;
  G get;
  get.set_cgroup("/team");
  get.set_region("n1/gpu0");
  Run<G>(&Stub::GetPool, get,
         {
             {"unknown region", [](G* r) { r->set_region("none"); }, StatusCode::NOT_FOUND,
              "REGION_NOT_FOUND"},
             {"an @ID that is no cgroup", [](G* r) { r->set_cgroup("@99999"); },
              StatusCode::NOT_FOUND, "CGROUP_NOT_FOUND"},
             {"relative to an unknown cgroup", [](G* r) { r->set_relative_to("/none"); },
              StatusCode::NOT_FOUND, "CGROUP_NOT_FOUND"},
             {"relative to a cgroup that is not above", [](G* r) { r->set_relative_to("/empty"); },
              kInvalid, "NOT_BELOW", "relative_to"},
             {"the same, for a cgroup not yet made",
              [](G* r) {
                r->set_cgroup("/emptyx/job");
                r->set_relative_to("/empty");
              },
              kInvalid, "NOT_BELOW", "relative_to"},
         });
  using V = v1::EvictValuableRequest;
  V valuable;
  valuable.set_cgroup("/team");
  valuable.set_region("n1/gpu0");
  Run<V>(&Stub::EvictValuable, valuable,
         {
             {"unknown region", [](V* r) { r->set_region("none"); }, StatusCode::NOT_FOUND,
              "REGION_NOT_FOUND"},
             {"unknown cgroup", [](V* r) { r->set_cgroup("/none"); }, StatusCode::NOT_FOUND,
              "CGROUP_NOT_FOUND"},
             {"unknown limit", [](V* r) { r->set_limit_cgroup("/none"); }, StatusCode::NOT_FOUND,
              "CGROUP_NOT_FOUND"},
         });
  using C = v1::EvictCandidatesRequest;
  C plan;
  plan.set_region("n1/gpu0");
  plan.set_bytes_needed(1);
  Run<C>(&Stub::EvictCandidates, plan,
         {
             {"0 bytes", [](C* r) { r->set_bytes_needed(0); }, kInvalid, "INVALID_FIELD",
              "bytes_needed"},
             {"2^63 bytes", [](C* r) { r->set_bytes_needed(kTwoTo63); }, kInvalid, "INVALID_FIELD",
              "bytes_needed"},
             {"unknown mode", [](C* r) { r->set_ignore_low(static_cast<v1::IgnoreLow>(9)); },
              kInvalid, "INVALID_FIELD", "ignore_low"},
             {"unknown region", [](C* r) { r->set_region("none"); }, StatusCode::NOT_FOUND,
              "REGION_NOT_FOUND"},
             {"unknown limit", [](C* r) { r->set_limit_cgroup("/none"); }, StatusCode::NOT_FOUND,
              "CGROUP_NOT_FOUND"},
         });
}

TEST_F(BadInputTest, ListingsRefuseForeignTokensAndPageSizes) {
  using P = v1::ListPoolsRequest;
  P pools;
  pools.set_page_size(1);
  const auto page = Call(server_, &Stub::ListPools, pools);
  ASSERT_TRUE(page.ok());
  const std::string token = page.response.next_page_token();
  ASSERT_FALSE(token.empty());
  Run<P>(&Stub::ListPools, pools,
         {
             {"negative page size", [](P* r) { r->set_page_size(-1); }, kInvalid, "INVALID_FIELD",
              "page_size"},
             {"page size 1,001", [](P* r) { r->set_page_size(1001); }, kInvalid, "INVALID_FIELD",
              "page_size"},
             {"made-up token", [](P* r) { r->set_page_token("x"); }, kInvalid, "INVALID_FIELD",
              "page_token"},
             {"token of other filters",
              [&](P* r) {
                r->set_page_token(token);
                r->set_region("n1/gpu0");
              },
              kInvalid, "INVALID_FIELD", "page_token"},
             {"long token", [](P* r) { r->set_page_token(std::string(1000, '0')); }, kInvalid,
              "INVALID_FIELD", "page_token"},
             {"unknown region", [](P* r) { r->set_region("none"); }, StatusCode::NOT_FOUND,
              "REGION_NOT_FOUND"},
             {"unknown cgroup", [](P* r) { r->set_cgroup("/none"); }, StatusCode::NOT_FOUND,
              "CGROUP_NOT_FOUND"},
         });
  v1::ListChargesRequest charges;
  charges.set_page_token(token);
  ExpectError(Call(server_, &Stub::ListCharges, charges).status, kInvalid, "INVALID_FIELD",
              "page_token");
  v1::ListRegionsRequest regions;
  regions.set_page_token(token);
  ExpectError(Call(server_, &Stub::ListRegions, regions).status, kInvalid, "INVALID_FIELD",
              "page_token");
  v1::ListCgroupsRequest cgroups;
  cgroups.set_page_token(token);
  ExpectError(Call(server_, &Stub::ListCgroups, cgroups).status, kInvalid, "INVALID_FIELD",
              "page_token");
  charges.Clear();
  charges.set_charge_id("a b");
  ExpectError(Call(server_, &Stub::ListCharges, charges).status, kInvalid, "INVALID_FIELD",
              "charge_id");
}

TEST_F(BadInputTest, FilesThatAreNotThereOrCannotBeWritten) {
  using R = v1::ReadFileRequest;
  R read;
  read.set_cgroup("/team");
  read.set_file("dmem.current");
  Run<R>(&Stub::ReadFile, read,
         {
             {"unknown cgroup", [](R* r) { r->set_cgroup("/none"); }, StatusCode::NOT_FOUND,
              "CGROUP_NOT_FOUND"},
             {"unknown file", [](R* r) { r->set_file("dmem.high"); }, StatusCode::NOT_FOUND,
              "FILE_NOT_FOUND"},
             {"capacity below the root", [](R* r) { r->set_file("dmem.capacity"); },
              StatusCode::NOT_FOUND, "FILE_NOT_FOUND"},
             {"max of the root",
              [](R* r) {
                r->set_cgroup("/");
                r->set_file("dmem.max");
              },
              StatusCode::NOT_FOUND, "FILE_NOT_FOUND"},
         });
  using W = v1::WriteFileRequest;
  W write;
  write.set_cgroup("/team");
  write.set_file("dmem.max");
  write.set_text("n1/gpu0 500");
  const auto text = [](const char* line) { return [line](W* r) { r->set_text(line); }; };
  Run<W>(
      &Stub::WriteFile, write,
      {
          {"unknown file", [](W* r) { r->set_file("dmem.high"); }, StatusCode::NOT_FOUND,
           "FILE_NOT_FOUND"},
          {"read-only file", [](W* r) { r->set_file("dmem.current"); }, kInvalid, "READ_ONLY_FILE",
           "file"},
          {"root", [](W* r) { r->set_cgroup("/"); }, kInvalid, "ROOT_HAS_NO_LIMITS", "cgroup"},
          {"long text", [](W* r) { r->set_text(std::string(4097, 'x')); }, kInvalid,
           "INVALID_FIELD", "text"},
          {"unknown policy", [](W* r) { r->set_below_usage(static_cast<v1::BelowUsagePolicy>(9)); },
           kInvalid, "INVALID_FIELD", "below_usage"},
          {"empty", text(""), kInvalid, "BAD_LIMIT_TEXT"},
          {"no value", text("n1/gpu0"), kInvalid, "BAD_LIMIT_TEXT"},
          {"a bare suffix", text("n1/gpu0 k"), kInvalid, "BAD_LIMIT_TEXT"},
          {"a value that wraps in the kernel", text("n1/gpu0 16E"), kInvalid, "BAD_LIMIT_TEXT"},
          {"2^64", text("n1/gpu0 18446744073709551616"), kInvalid, "BAD_LIMIT_TEXT"},
          {"a sign", text("n1/gpu0 -1"), kInvalid, "BAD_LIMIT_TEXT"},
          {"a bad octal number", text("n1/gpu0 08"), kInvalid, "BAD_LIMIT_TEXT"},
          {"a second region", text("n1/gpu0 1 n2/gpu0 2"), kInvalid, "BAD_LIMIT_TEXT"},
          {"unknown region", text("none 1"), StatusCode::NOT_FOUND, "REGION_NOT_FOUND"},
          {"max below usage", text("n1/gpu0 1"), StatusCode::FAILED_PRECONDITION,
           "MAX_BELOW_USAGE"},
      });
}

}  // namespace
}  // namespace dmem::server
