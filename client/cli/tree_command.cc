// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/cli/byte_size.h"
#include "client/cli/commands.h"
#include "client/cli/explain.h"
#include "client/cli/options.h"
#include "client/cli/order.h"
#include "client/cli/render.h"

namespace dmem::client {
namespace {

// A region or group, by what a tree says of it.
struct Root {
  std::string name;
  uint64_t usage_bytes;
  uint64_t grantable_bytes;
  std::string detail;
};

Root RootOf(const v1::Region& region) {
  return {region.name(), region.usage_bytes(), region.grantable_bytes(), "region"};
}

Root RootOf(const v1::RegionGroup& group) {
  return {group.name(), group.usage_bytes(), group.grantable_bytes(),
          absl::StrCat("group of ", group.member_regions(),
                       group.member_regions() == 1 ? " region" : " regions")};
}

// The one that is named; or all that have no parent.
std::vector<Root> RootsOf(const v1::ListRegionsResponse& list, const std::string& name) {
  std::vector<Root> roots;
  const auto add = [&](const auto& object) {
    if (name.empty() ? object.parent().empty() : object.name() == name) {
      roots.push_back(RootOf(object));
    }
  };
  for (const v1::RegionGroup& group : list.groups()) add(group);
  for (const v1::Region& region : list.regions()) add(region);
  return roots;
}

// Where a dying cgroup stands in the tree: its path before deletion, with "@ID" after the names of
// those on it that are dying, as a new cgroup may have the same name. By "@ID".
std::map<std::string, std::string> PlacesOfDying(const Repeated<v1::Cgroup>& cgroups) {
  // Each path's cgroups, past and present, by id.
  std::map<std::string, std::map<uint64_t, const v1::Cgroup*>> generations;
  const auto path_of = [](const v1::Cgroup& cgroup) -> const std::string& {
    return cgroup.path_before_deletion().empty() ? cgroup.path() : cgroup.path_before_deletion();
  };
  for (const v1::Cgroup& cgroup : cgroups) generations[path_of(cgroup)][cgroup.id()] = &cgroup;
  // One path's generations lived one after the other, and a child was made while its parent lived:
  // the parent is the youngest that is older than the child.
  const std::function<std::string(const v1::Cgroup&)> place_of = [&](const v1::Cgroup& cgroup) {
    const std::string& path = path_of(cgroup);
    const std::string suffix =
        cgroup.state() == v1::CGROUP_STATE_DYING ? absl::StrCat("@", cgroup.id()) : "";
    const size_t slash = path.rfind('/');
    if (slash == 0 || slash == std::string::npos) return absl::StrCat(path, suffix);
    const auto parents = generations.find(path.substr(0, slash));
    std::string parent = path.substr(0, slash);
    if (parents != generations.end()) {
      auto older = parents->second.lower_bound(cgroup.id());
      if (older != parents->second.begin()) parent = place_of(*std::prev(older)->second);
    }
    return absl::StrCat(parent, path.substr(slash), suffix);
  };
  std::map<std::string, std::string> places;
  for (const v1::Cgroup& cgroup : cgroups) {
    if (cgroup.state() == v1::CGROUP_STATE_DYING) places[cgroup.path()] = place_of(cgroup);
  }
  return places;
}

bool IsDying(const v1::Pool& pool) { return absl::StartsWith(pool.cgroup(), "@"); }

// A pool, and where its cgroup stands in the tree.
struct Row {
  std::string place;
  const v1::Pool* pool;
};

int DepthOf(const std::string& place) {
  return place == "/" ? 0 : static_cast<int>(std::count(place.begin(), place.end(), '/'));
}

// Cells with lines that join children to parents. REQUIRES: rows in the order of CgroupLess.
std::vector<std::string> DrawBranches(const std::vector<Row>& rows) {
  std::vector<std::string> cells(rows.size());
  // From the last to the first: whether a later row continues the level.
  std::vector<bool> open;
  for (size_t i = rows.size(); i-- > 0;) {
    const std::string& place = rows[i].place;
    const size_t depth = static_cast<size_t>(DepthOf(place));
    open.resize(std::max(open.size(), depth + 1), false);
    std::string prefix;
    for (size_t level = 1; level < depth; ++level) prefix += open[level] ? "│  " : "   ";
    if (depth > 0) prefix += open[depth] ? "├─ " : "└─ ";
    cells[i] = absl::StrCat(prefix, depth == 0 ? place : place.substr(place.rfind('/') + 1));
    open[depth] = true;
    std::fill(open.begin() + static_cast<std::ptrdiff_t>(depth) + 1, open.end(), false);
  }
  return cells;
}

std::string RenderTree(const Root& root, const std::vector<Row>& rows, bool headers) {
  const std::vector<std::string> names = DrawBranches(rows);
  Table table({"CGROUP", "USED", "MAX", "USE%", "MIN", "LOW", "PEAK", "REFUSED"});
  for (size_t i = 0; i < rows.size(); ++i) {
    const v1::Pool& pool = *rows[i].pool;
    table.AddRow({names[i], FormatByteSize(pool.usage_bytes()), MaxCell(pool),
                  FormatPercent(pool.usage_bytes(), pool.max_bytes()),
                  FormatByteSize(pool.min_bytes()), FormatByteSize(pool.low_bytes()),
                  FormatByteSize(pool.peak_bytes()), absl::StrCat(pool.refusals())});
  }
  const std::string percent = FormatPercent(root.usage_bytes, root.grantable_bytes);
  return absl::StrCat(root.name, " (", root.detail, "): ", FormatByteSize(root.usage_bytes),
                      " used of ", FormatByteSize(root.grantable_bytes), " grantable",
                      percent == "-" ? "" : absl::StrCat(", ", percent), "\n",
                      table.Render(headers));
}

// The pools down to a depth, in the order of the tree. They point into `pools`.
absl::StatusOr<std::vector<Row>> RowsOf(Session& session, const Repeated<v1::Pool>& pools,
                                        int depth_max) {
  std::map<std::string, std::string> places;
  if (std::any_of(pools.begin(), pools.end(), IsDying)) {
    const auto cgroups = session.client().ListAllCgroups({});
    if (!cgroups.ok()) return cgroups.status();
    places = PlacesOfDying(cgroups->cgroups());
  }
  std::vector<Row> rows;
  for (const v1::Pool& pool : pools) {
    const auto place = places.find(pool.cgroup());
    Row row = {place != places.end() ? place->second : pool.cgroup(), &pool};
    // It ended between the two lists.
    if (row.place[0] == '@') row.place.insert(0, "/");
    if (DepthOf(row.place) <= depth_max) rows.push_back(std::move(row));
  }
  std::sort(rows.begin(), rows.end(),
            [](const Row& a, const Row& b) { return CgroupLess(a.place, b.place); });
  return rows;
}

absl::Status Tree(Session& session, const std::string& name, int depth_max) {
  const auto list = session.client().ListAllRegions({});
  if (!list.ok()) return list.status();
  const std::vector<Root> roots = RootsOf(*list, name);
  if (roots.empty() && !name.empty()) {
    return absl::NotFoundError(absl::StrCat("there is no region or group \"", name, "\""));
  }
  if (roots.empty() && !session.json()) session.Print("no regions\n");
  v1::ListPoolsResponse shown;
  for (const Root& root : roots) {
    v1::ListPoolsRequest request;
    request.set_region(root.name);
    const auto all = session.client().ListAllPools(request);
    if (!all.ok()) return all.status();
    const auto rows = RowsOf(session, all->pools(), depth_max);
    if (!rows.ok()) return rows.status();
    if (session.json()) {
      for (const Row& row : *rows) *shown.add_pools() = *row.pool;
      shown.set_sequence(all->sequence());
      continue;
    }
    if (&root != &roots.front()) session.Print("\n");
    session.Print(RenderTree(root, *rows, session.flags().headers));
  }
  if (session.json()) session.Print(ToJson(shown));
  return absl::OkStatus();
}

}  // namespace

void AddTreeCommand(CLI::App& app, Command& command) {
  CLI::App* tree =
      app.add_subcommand("tree", "The tenant tree in a region or group, with usage and limits");
  SetExamples(*tree,
              "  dmemctl tree cluster\n"
              "  dmemctl tree n1/gpu0 --depth 1");
  auto name = std::make_shared<std::string>();
  auto depth = std::make_shared<int>(32);
  tree->add_option("REGION", *name,
                   "Region or group (default: each that has no parent, one after the other)");
  tree->add_option("--depth", *depth, "Levels below / to show (default all)")
      ->check(CLI::Range(0, 32));
  tree->callback([name, depth, &command] {
    command = [name, depth](Session& session) { return Tree(session, *name, *depth); };
  });
}

}  // namespace dmem::client
