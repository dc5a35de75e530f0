// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "bench/replay/replay.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/types/optional.h"
#include "bench/replay/first_fit.h"

namespace dmem::replay {
namespace {

constexpr char kCluster[] = "cluster";
constexpr char kUsageCgroup[] = "/genai";
constexpr uint64_t kUsageGpuBytes = uint64_t{48} << 30;
constexpr size_t kUsageGpusPerNode = 8;
constexpr size_t kChargeIdBytesMax = 128;

// One run's dealings with the authority: what it granted, counted.
class Run {
 public:
  Run(const ReplayOptions& options, Authority* authority)
      : options_(options), authority_(*authority) {}

  // Registers the groups below "cluster", then the regions, then the first-level cgroups.
  absl::Status SetUp(const std::vector<std::string>& groups,
                     const std::vector<RegionOrder>& regions,
                     const std::set<std::string>& first_level_cgroups) {
    cgroups_ = first_level_cgroups;
    total_ = 1 + groups.size() + regions.size() + cgroups_.size();
    if (absl::Status s = Step(authority_.RegisterGroup(kCluster, "")); !s.ok()) return s;
    for (const std::string& group : groups) {
      if (absl::Status s = Step(authority_.RegisterGroup(group, kCluster)); !s.ok()) return s;
    }
    for (const RegionOrder& region : regions) {
      if (absl::Status s = Step(authority_.RegisterRegion(region)); !s.ok()) return s;
    }
    for (const std::string& cgroup : cgroups_) {
      if (absl::Status s = Step(authority_.CreateCgroup(cgroup)); !s.ok()) return s;
    }
    return absl::OkStatus();
  }

  // From here on, progress counts `operations`.
  void Begin(size_t operations) {
    phase_ = "replaying";
    done_ = 0;
    total_ = operations;
  }

  // The id of a charge: unique in the run by the line of the file that causes it.
  std::string ChargeId(size_t line, absl::string_view name) const {
    std::string id = absl::StrCat(options_.run, ".", line);
    const bool printable = std::all_of(name.begin(), name.end(), absl::ascii_isgraph);
    if (printable && id.size() + 1 + name.size() <= kChargeIdBytesMax) {
      absl::StrAppend(&id, ".", name);
    }
    return id;
  }

  // Whether it was granted.
  absl::StatusOr<bool> Charge(const ChargeOrder& charge) {
    absl::StatusOr<Verdict> verdict = authority_.Charge(charge);
    if (!verdict.ok()) return verdict.status();
    if (verdict->granted) {
      ++totals_.charges;
      ++live_charges_;
      for (const ItemOrder& item : charge.items) live_bytes_ += item.bytes;
    }
    return Note(*verdict);
  }

  absl::StatusOr<bool> Resize(const std::string& charge_id, const ItemOrder& item,
                              uint64_t bytes_before) {
    absl::StatusOr<Verdict> verdict = authority_.Resize(charge_id, item);
    if (!verdict.ok()) return verdict.status();
    if (verdict->granted) {
      ++totals_.resizes;
      live_bytes_ = live_bytes_ - bytes_before + item.bytes;
    }
    return Note(*verdict);
  }

  absl::Status Uncharge(const std::string& charge_id, uint64_t bytes) {
    if (absl::Status s = authority_.Uncharge(charge_id); !s.ok()) return s;
    ++totals_.uncharges;
    --live_charges_;
    live_bytes_ -= bytes;
    return absl::OkStatus();
  }

  // An operation of the trace is over, whether or not it took a call.
  void Done() {
    ++done_;
    if (options_.progress) options_.progress(phase_, done_, total_, live_charges_);
  }

  Totals& totals() { return totals_; }

  // Asks the authority for what it holds at the end.
  absl::StatusOr<Totals> Finish() {
    absl::StatusOr<LiveCharges> live =
        authority_.CountLive(kCluster, absl::StrCat(options_.run, "."));
    if (!live.ok()) return live.status();
    if (live->charges != live_charges_ || live->bytes != live_bytes_) {
      return absl::InternalError(absl::StrFormat(
          "the server holds %d charges of this run with %d bytes, but granted %d with %d bytes "
          "that were not uncharged",
          live->charges, live->bytes, live_charges_, live_bytes_));
    }
    totals_.live_charges = live->charges;
    totals_.live_bytes = live->bytes;
    cgroups_.insert("/");
    for (const std::string& cgroup : cgroups_) {
      absl::StatusOr<uint64_t> peak = authority_.PeakBytes(cgroup, kCluster);
      if (!peak.ok()) return peak.status();
      totals_.peak_bytes.emplace_back(cgroup, *peak);
    }
    return totals_;
  }

 private:
  absl::Status Step(const absl::Status& status) {
    if (status.ok()) Done();
    return status;
  }

  bool Note(const Verdict& verdict) {
    if (!verdict.granted && totals_.refusals++ == 0) totals_.first_refusal = verdict.refusal;
    return verdict.granted;
  }

  const ReplayOptions& options_;
  Authority& authority_;
  std::set<std::string> cgroups_;
  absl::string_view phase_ = "registering";
  size_t done_ = 0;
  size_t total_ = 0;
  Totals totals_;
  uint64_t live_charges_ = 0;
  uint64_t live_bytes_ = 0;
};

struct Event {
  int64_t seconds;
  bool is_start;  // Ends sort first: what they free is there for what starts in the same second.
  size_t task;    // In file order.
};

std::vector<Event> InOrderOfTime(const std::vector<GpuTask>& tasks) {
  std::vector<Event> events;
  for (size_t i = 0; i < tasks.size(); ++i) {
    events.push_back({tasks[i].start_seconds, true, i});
    if (tasks[i].end_seconds.has_value()) events.push_back({*tasks[i].end_seconds, false, i});
  }
  std::sort(events.begin(), events.end(), [](const Event& a, const Event& b) {
    return std::tie(a.seconds, a.is_start, a.task) < std::tie(b.seconds, b.is_start, b.task);
  });
  return events;
}

std::string RegionName(const GpuNode& node, uint32_t gpu) {
  return absl::StrCat(node.name, "/gpu", gpu);
}

absl::Status SetUpCluster(const std::vector<GpuNode>& nodes, const std::vector<GpuTask>& tasks,
                          Run* run) {
  std::vector<std::string> groups;
  std::vector<RegionOrder> regions;
  for (const GpuNode& node : nodes) {
    const std::string group = absl::StrCat("model/", node.model);
    if (std::find(groups.begin(), groups.end(), group) == groups.end()) groups.push_back(group);
    for (uint32_t gpu = 0; gpu < node.gpus; ++gpu) {
      regions.push_back({RegionName(node, gpu), group, node.name, node.model, node.capacity_bytes});
    }
  }
  std::set<std::string> cgroups;
  for (const GpuTask& task : tasks) cgroups.insert(task.first_level_cgroup);
  return run->SetUp(groups, regions, cgroups);
}

}  // namespace

absl::StatusOr<Totals> ReplayTasks(const std::vector<GpuNode>& nodes,
                                   const std::vector<GpuTask>& tasks, const ReplayOptions& options,
                                   Authority* authority) {
  Run run(options, authority);
  if (absl::Status s = SetUpCluster(nodes, tasks, &run); !s.ok()) return s;

  struct Placed {
    std::string charge_id;
    Placement placement;
  };
  FirstFit books(&nodes);
  std::vector<absl::optional<Placed>> placed(tasks.size());
  const std::vector<Event> events = InOrderOfTime(tasks);
  run.Begin(events.size());
  for (const Event& event : events) {
    const GpuTask& task = tasks[event.task];
    absl::optional<Placed>& where = placed[event.task];
    if (event.is_start) {
      ChargeOrder charge;
      charge.charge_id = run.ChargeId(task.line, task.name);
      charge.owner = task.name;
      charge.qos = task.qos;
      bool granted = false;
      const absl::optional<Placement> placement = books.Find(task);
      if (placement.has_value()) {
        for (uint32_t gpu : placement->gpus) {
          charge.items.push_back(
              {task.cgroup, RegionName(nodes[placement->node], gpu), placement->bytes});
        }
        absl::StatusOr<bool> answer = run.Charge(charge);
        if (!answer.ok()) return answer.status();
        granted = *answer;
      }
      if (granted) {
        books.Take(*placement);
        where = Placed{charge.charge_id, *placement};
        ++run.totals().tasks_placed;
      } else {
        ++run.totals().tasks_unplaced;
      }
    } else if (where.has_value()) {
      const uint64_t bytes = where->placement.bytes * where->placement.gpus.size();
      if (absl::Status s = run.Uncharge(where->charge_id, bytes); !s.ok()) return s;
      books.Give(where->placement);
      where.reset();
    }
    run.Done();
  }
  return run.Finish();
}

absl::StatusOr<Totals> ReplayUsage(const UsageTrace& trace, const ReplayOptions& options,
                                   Authority* authority) {
  std::vector<RegionOrder> regions;
  for (size_t i = 0; i < trace.containers.size(); ++i) {
    const std::string node = absl::StrFormat("node-%03d", i / kUsageGpusPerNode);
    const std::string region = absl::StrCat(node, "/gpu", i % kUsageGpusPerNode);
    regions.push_back({region, kCluster, node, "", kUsageGpuBytes});
  }
  Run run(options, authority);
  if (absl::Status s = run.SetUp({}, regions, {kUsageCgroup}); !s.ok()) return s;

  struct Held {
    std::string charge_id;  // Empty: no live charge.
    uint64_t bytes = 0;
  };
  std::vector<Held> held(trace.containers.size());
  run.Begin(trace.samples.size());
  for (const UsageSample& sample : trace.samples) {
    const std::string& container = trace.containers[sample.container];
    Held& now = held[sample.container];
    const ItemOrder item = {absl::StrCat(kUsageCgroup, "/", container),
                            regions[sample.container].name, sample.bytes};
    if (now.charge_id.empty()) {
      if (sample.bytes > 0) {
        ChargeOrder charge;
        charge.charge_id = run.ChargeId(sample.line, container);
        charge.items = {item};
        charge.owner = container;
        absl::StatusOr<bool> granted = run.Charge(charge);
        if (!granted.ok()) return granted.status();
        if (*granted) now = {charge.charge_id, sample.bytes};
      }
    } else if (sample.bytes == 0) {
      if (absl::Status s = run.Uncharge(now.charge_id, now.bytes); !s.ok()) return s;
      now = Held{};
    } else if (sample.bytes != now.bytes) {
      absl::StatusOr<bool> granted = run.Resize(now.charge_id, item, now.bytes);
      if (!granted.ok()) return granted.status();
      if (*granted) now.bytes = sample.bytes;
    }
    run.Done();
  }
  return run.Finish();
}

}  // namespace dmem::replay
