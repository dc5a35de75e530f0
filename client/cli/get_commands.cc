// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/commands.h"
#include "client/cli/explain.h"
#include "client/cli/options.h"
#include "client/cli/order.h"
#include "client/cli/render.h"

namespace dmem::client {
namespace {

// What get and describe are told.
struct Selection {
  std::vector<std::string> names;  // Empty: all.
  std::string region;
  std::string cgroup;
  std::string relative_to;
};

// Keeps the objects that are named, in order of name; all of them if no names are given. NOT_FOUND
// names those that are not there, after the others were kept.
template <typename Object, typename Get>
absl::Status KeepNamed(const Noun& noun, const std::vector<std::string>& names, Get name_of,
                       Repeated<Object>& objects) {
  if (names.empty()) return absl::OkStatus();
  std::set<std::string> missing(names.begin(), names.end());
  const std::set<std::string> wanted = missing;
  Repeated<Object> kept;
  for (Object& object : objects) {
    if (wanted.count(name_of(object)) == 0) continue;
    missing.erase(name_of(object));
    kept.Add(std::move(object));
  }
  objects.Swap(&kept);
  if (missing.empty()) return absl::OkStatus();
  return absl::NotFoundError(
      absl::StrCat("there is no ", noun.singular, " \"", absl::StrJoin(missing, "\", \""), "\""));
}

template <typename Object, typename Get>
void SortByName(Repeated<Object>& objects, Get name_of) {
  std::sort(objects.begin(), objects.end(),
            [&](const Object& a, const Object& b) { return name_of(a) < name_of(b); });
}

void SortPools(Repeated<v1::Pool>& pools) {
  std::sort(pools.begin(), pools.end(), [](const v1::Pool& a, const v1::Pool& b) {
    if (a.cgroup() != b.cgroup()) return CgroupLess(a.cgroup(), b.cgroup());
    return a.region() < b.region();
  });
}

// Without a table where nothing of what was named is there.
absl::Status PrintTable(Session& session, const google::protobuf::Message& message,
                        const Table& table, absl::Status missing = absl::OkStatus()) {
  const bool nothing = table.empty() && !missing.ok();
  if (!nothing) session.PrintResult(message, table.Render(session.flags().headers));
  return missing;
}

const std::string& RegionName(const v1::Region& region) { return region.name(); }
const std::string& GroupName(const v1::RegionGroup& group) { return group.name(); }
const std::string& CgroupName(const v1::Cgroup& cgroup) { return cgroup.path(); }
const std::string& ChargeName(const v1::Charge& charge) { return charge.charge_id(); }

// What follows fetches; an object that is named and not there is NOT_FOUND in `missing`.

absl::StatusOr<v1::ListRegionsResponse> FetchRegions(Session& session, const Selection& selection,
                                                     absl::Status& missing) {
  auto list = session.client().ListAllRegions({});
  if (!list.ok()) return list;
  list->clear_groups();
  missing = KeepNamed(kRegion, selection.names, RegionName, *list->mutable_regions());
  SortByName(*list->mutable_regions(), RegionName);
  return list;
}

absl::StatusOr<v1::ListRegionsResponse> FetchGroups(Session& session, const Selection& selection,
                                                    absl::Status& missing) {
  auto list = session.client().ListAllRegions({});
  if (!list.ok()) return list;
  list->clear_regions();
  missing = KeepNamed(kGroup, selection.names, GroupName, *list->mutable_groups());
  SortByName(*list->mutable_groups(), GroupName);
  return list;
}

absl::StatusOr<v1::ListCgroupsResponse> FetchCgroups(Session& session, const Selection& selection,
                                                     absl::Status& missing) {
  v1::ListCgroupsRequest request;
  request.set_cgroup(selection.cgroup);
  auto list = session.client().ListAllCgroups(request);
  if (!list.ok()) return list;
  missing = KeepNamed(kCgroup, selection.names, CgroupName, *list->mutable_cgroups());
  std::sort(list->mutable_cgroups()->begin(), list->mutable_cgroups()->end(),
            [](const auto& a, const auto& b) { return CgroupLess(a.path(), b.path()); });
  return list;
}

// names: none, CGROUP, or CGROUP REGION.
absl::StatusOr<v1::ListPoolsResponse> FetchPools(Session& session, const Selection& selection) {
  if (selection.names.size() == 2) {
    v1::GetPoolRequest request;
    request.set_cgroup(selection.names[0]);
    request.set_region(selection.names[1]);
    request.set_relative_to(selection.relative_to);
    const auto answer = session.client().GetPool(request);
    if (!answer.ok()) return answer.status();
    v1::ListPoolsResponse list;
    *list.add_pools() = answer->pool();
    list.set_sequence(answer->sequence());
    return list;
  }
  v1::ListPoolsRequest request;
  request.set_region(selection.region);
  request.set_cgroup(selection.names.empty() ? selection.cgroup : selection.names[0]);
  request.set_relative_to(selection.relative_to);
  auto list = session.client().ListAllPools(request);
  if (!list.ok()) return list;
  if (!selection.names.empty()) {
    Repeated<v1::Pool> own;
    for (v1::Pool& pool : *list->mutable_pools()) {
      if (pool.cgroup() == selection.names[0]) own.Add(std::move(pool));
    }
    list->mutable_pools()->Swap(&own);
  }
  SortPools(*list->mutable_pools());
  return list;
}

absl::StatusOr<v1::ListChargesResponse> FetchCharges(Session& session, const Selection& selection,
                                                     absl::Status& missing) {
  v1::ListChargesRequest request;
  request.set_region(selection.region);
  request.set_cgroup(selection.cgroup);
  v1::ListChargesResponse all;
  if (selection.names.empty()) {
    auto list = session.client().ListAllCharges(request);
    if (!list.ok()) return list;
    all = *std::move(list);
  }
  for (const std::string& name : selection.names) {
    request.set_charge_id(name);
    auto list = session.client().ListAllCharges(request);
    if (!list.ok()) return list;
    all.MergeFrom(*list);
  }
  missing = KeepNamed(kCharge, selection.names, ChargeName, *all.mutable_charges());
  SortByName(*all.mutable_charges(), ChargeName);
  return all;
}

absl::Status GetRegions(Session& session, const Selection& selection) {
  absl::Status missing;
  const auto list = FetchRegions(session, selection, missing);
  if (!list.ok()) return list.status();
  return PrintTable(session, *list, RegionTable(list->regions()), missing);
}

absl::Status GetGroups(Session& session, const Selection& selection) {
  absl::Status missing;
  const auto list = FetchGroups(session, selection, missing);
  if (!list.ok()) return list.status();
  return PrintTable(session, *list, GroupTable(list->groups()), missing);
}

absl::Status GetCgroups(Session& session, const Selection& selection) {
  absl::Status missing;
  const auto list = FetchCgroups(session, selection, missing);
  if (!list.ok()) return list.status();
  return PrintTable(session, *list, CgroupTable(list->cgroups()), missing);
}

absl::Status GetPools(Session& session, const Selection& selection) {
  const auto list = FetchPools(session, selection);
  if (!list.ok()) return list.status();
  return PrintTable(session, *list, PoolTable(list->pools()));
}

absl::Status GetCharges(Session& session, const Selection& selection) {
  absl::Status missing;
  const auto list = FetchCharges(session, selection, missing);
  if (!list.ok()) return list.status();
  return PrintTable(session, *list, ChargeTable(list->charges(), session.Now()), missing);
}

// The pools of one cgroup, or the first levels of a region, below a description.
std::string PoolSection(const Repeated<v1::Pool>& pools) {
  if (pools.empty()) return "";
  return absl::StrCat("\n", PoolTable(pools).Render());
}

// Deeper pools belong to `tree` and `get pools`.
absl::StatusOr<std::string> FirstLevelPools(Session& session, const std::string& region) {
  Selection selection;
  selection.region = region;
  auto list = FetchPools(session, selection);
  if (!list.ok()) return list.status();
  Repeated<v1::Pool> first;
  for (v1::Pool& pool : *list->mutable_pools()) {
    if (pool.cgroup().find('/', 1) == std::string::npos) first.Add(std::move(pool));
  }
  return PoolSection(first);
}

absl::Status DescribeRegions(Session& session, const Selection& selection) {
  absl::Status missing;
  const auto list = FetchRegions(session, selection, missing);
  if (!list.ok()) return list.status();
  if (!missing.ok()) return missing;
  const v1::Region& region = list->regions(0);
  const auto pools = FirstLevelPools(session, region.name());
  if (!pools.ok()) return pools.status();
  session.PrintResult(region, absl::StrCat(DescribeRegion(region, session.Now()), *pools));
  return absl::OkStatus();
}

absl::Status DescribeGroups(Session& session, const Selection& selection) {
  absl::Status missing;
  const auto list = FetchGroups(session, selection, missing);
  if (!list.ok()) return list.status();
  if (!missing.ok()) return missing;
  const v1::RegionGroup& group = list->groups(0);
  const auto pools = FirstLevelPools(session, group.name());
  if (!pools.ok()) return pools.status();
  session.PrintResult(group, absl::StrCat(DescribeGroup(group), *pools));
  return absl::OkStatus();
}

absl::Status DescribeCgroups(Session& session, Selection selection) {
  absl::Status missing;
  selection.cgroup = selection.names[0];
  const auto list = FetchCgroups(session, selection, missing);
  if (!list.ok()) return list.status();
  if (!missing.ok()) return missing;
  const auto pools = FetchPools(session, selection);
  if (!pools.ok()) return pools.status();
  const v1::Cgroup& cgroup = list->cgroups(0);
  session.PrintResult(cgroup, absl::StrCat(DescribeCgroup(cgroup), PoolSection(pools->pools())));
  return absl::OkStatus();
}

absl::Status DescribePools(Session& session, const Selection& selection) {
  const auto list = FetchPools(session, selection);
  if (!list.ok()) return list.status();
  session.PrintResult(list->pools(0), DescribePool(list->pools(0)));
  return absl::OkStatus();
}

absl::Status DescribeCharges(Session& session, const Selection& selection) {
  absl::Status missing;
  const auto list = FetchCharges(session, selection, missing);
  if (!list.ok()) return list.status();
  if (!missing.ok()) return missing;
  session.PrintResult(list->charges(0), DescribeCharge(list->charges(0), session.Now()));
  return absl::OkStatus();
}

using Run = absl::Status (*)(Session&, const Selection&);

// Returns the subcommand, so that its filters can be added, and where they go.
std::pair<CLI::App*, std::shared_ptr<Selection>> AddSelect(CLI::App& verb, const Noun& noun,
                                                           const std::string& description,
                                                           const std::string& names, Run run,
                                                           Command& command) {
  auto selection = std::make_shared<Selection>();
  CLI::App* app = AddNoun(verb, noun, description);
  app->add_option(names, selection->names, "Names; all if none is given");
  app->callback([selection, run, &command] {
    command = [selection, run](Session& session) { return run(session, *selection); };
  });
  return {app, selection};
}

void AddFilters(std::pair<CLI::App*, std::shared_ptr<Selection>> to) {
  to.first->add_option("--region", to.second->region, "Only in this region or group");
  to.first->add_option("--cgroup", to.second->cgroup, "Only in this cgroup or below it");
}

void AddDescribe(CLI::App& verb, const Noun& noun, Run run, Command& command) {
  auto selection = std::make_shared<Selection>();
  CLI::App* app = AddNoun(verb, noun, absl::StrCat("One ", noun.singular, ", whole"));
  if (&noun == &kPool) {
    app->add_option("CGROUP-REGION", selection->names, "Cgroup, and region or group")
        ->required()
        ->expected(2);
    app->add_option("--relative-to", selection->relative_to,
                    "Cgroup that effective min and low are relative to (default /)");
  } else {
    app->add_option("NAME", selection->names, "Its name")->required()->expected(1);
  }
  app->callback([selection, run, &command] {
    command = [selection, run](Session& session) { return run(session, *selection); };
  });
}

}  // namespace

void AddGetCommands(CLI::App& app, Command& command) {
  CLI::App* get = app.add_subcommand("get", "List objects, a line each");
  get->require_subcommand(1);
  SetExamples(*get,
              "  dmemctl get regions\n"
              "  dmemctl get region/n1/gpu0 -o json\n"
              "  dmemctl get pools --region model/h100 --cgroup /team-a\n"
              "  dmemctl get po /team-a n1/gpu0\n"
              "  dmemctl get charges --cgroup /team-a\n"
              "  dmemctl get events --since 1h --cgroup /team-a\n"
              "  dmemctl get events -w");
  AddSelect(*get, kRegion, "Devices' memories", "NAME", GetRegions, command);
  AddSelect(*get, kGroup, "Region groups", "NAME", GetGroups, command);
  const auto cgroups = AddSelect(*get, kCgroup, "The tenant tree", "PATH", GetCgroups, command);
  cgroups.first->add_option("--cgroup", cgroups.second->cgroup, "Only this one and below it");
  const auto pools = AddSelect(*get, kPool, "Accounts of cgroups in regions and groups",
                               "CGROUP-REGION", GetPools, command);
  pools.first->get_option("CGROUP-REGION")
      ->expected(0, 2)
      ->description("Only this cgroup's; with a region or group, only that one");
  AddFilters(pools);
  pools.first->add_option("--relative-to", pools.second->relative_to,
                          "Only below this cgroup, and effective min and low relative to it");
  AddFilters(AddSelect(*get, kCharge, "What is held", "ID", GetCharges, command));
  AddEventCommands(*get, command);

  CLI::App* describe = app.add_subcommand("describe", "Show one object whole, with exact bytes");
  describe->require_subcommand(1);
  SetExamples(*describe,
              "  dmemctl describe region n1/gpu0\n"
              "  dmemctl describe pool /team-a n1/gpu0\n"
              "  dmemctl describe charge/c-0123456789abcdef");
  AddDescribe(*describe, kRegion, DescribeRegions, command);
  AddDescribe(*describe, kGroup, DescribeGroups, command);
  AddDescribe(
      *describe, kCgroup,
      [](Session& session, const Selection& selection) {
        return DescribeCgroups(session, selection);
      },
      command);
  AddDescribe(*describe, kPool, DescribePools, command);
  AddDescribe(*describe, kCharge, DescribeCharges, command);
}

}  // namespace dmem::client
