// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

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

int DepthOf(const std::string& cgroup) {
  if (cgroup == "/") return 0;
  if (cgroup[0] == '@') return 1;  // Where it was is in `get cgroups`.
  return static_cast<int>(std::count(cgroup.begin(), cgroup.end(), '/'));
}

// The last component.
std::string LeafOf(const std::string& cgroup) {
  if (cgroup == "/" || cgroup[0] == '@') return cgroup;
  return cgroup.substr(cgroup.rfind('/') + 1);
}

// Cells with lines that join children to parents. REQUIRES: pools in the order of CgroupLess.
std::vector<std::string> DrawBranches(const std::vector<const v1::Pool*>& pools) {
  std::vector<std::string> cells(pools.size());
  // From the last to the first: whether a later row continues the level.
  std::vector<bool> open;
  for (size_t i = pools.size(); i-- > 0;) {
    const size_t depth = static_cast<size_t>(DepthOf(pools[i]->cgroup()));
    open.resize(std::max(open.size(), depth + 1), false);
    std::string prefix;
    for (size_t level = 1; level < depth; ++level) prefix += open[level] ? "│  " : "   ";
    if (depth > 0) prefix += open[depth] ? "├─ " : "└─ ";
    cells[i] = absl::StrCat(prefix, LeafOf(pools[i]->cgroup()));
    open[depth] = true;
    std::fill(open.begin() + static_cast<std::ptrdiff_t>(depth) + 1, open.end(), false);
  }
  return cells;
}

std::string RenderTree(const Root& root, std::vector<const v1::Pool*> pools, bool headers) {
  std::sort(pools.begin(), pools.end(), [](const v1::Pool* a, const v1::Pool* b) {
    return CgroupLess(a->cgroup(), b->cgroup());
  });
  const std::vector<std::string> names = DrawBranches(pools);
  Table table({"CGROUP", "USED", "MAX", "USE%", "MIN", "LOW", "PEAK", "REFUSED"});
  for (size_t i = 0; i < pools.size(); ++i) {
    const v1::Pool& pool = *pools[i];
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
    std::vector<const v1::Pool*> pools;
    for (const v1::Pool& pool : all->pools()) {
      if (DepthOf(pool.cgroup()) > depth_max) continue;
      pools.push_back(&pool);
      *shown.add_pools() = pool;
    }
    shown.set_sequence(all->sequence());
    if (session.json()) continue;
    if (&root != &roots.front()) session.Print("\n");
    session.Print(RenderTree(root, std::move(pools), session.flags().headers));
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
