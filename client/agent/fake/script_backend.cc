// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/fake/script_backend.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/agent/fake/command.h"
#include "client/agent/fake/documents.h"

namespace dmem::client {
namespace {

using nlohmann::json;

std::string Dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

// A limit that is still to be asked for.
bool IsOpen(const LimitState& state) {
  return state.outcome == LimitOutcome::kFailed && state.status.ok();
}

}  // namespace

ScriptBackend::ScriptBackend(ScriptOptions options) : options_(std::move(options)) {}

Capability ScriptBackend::capability() const { return CapabilityOf(devices_); }

bool ScriptBackend::Knows(absl::string_view region) const {
  return std::any_of(devices_.begin(), devices_.end(),
                     [region](const Device& device) { return device.region == region; });
}

absl::StatusOr<json> ScriptBackend::Run(const std::string& verb, const json& input) const {
  std::vector<std::string> arguments = options_.command;
  arguments.push_back(verb);
  const absl::StatusOr<std::string> printed = RunCommand(arguments, Dump(input), options_.timeout);
  if (!printed.ok()) return printed.status();
  absl::StatusOr<json> value =
      ParseJsonObject(*printed, absl::StrCat("what ", options_.command[0], " ", verb, " prints"));
  if (!value.ok()) return absl::UnavailableError(value.status().message());
  return value;
}

absl::StatusOr<DeviceScan> ScriptBackend::Scan() {
  const absl::StatusOr<json> value = Run("scan", json::object());
  if (!value.ok()) return value.status();
  const std::string where = absl::StrCat(options_.command[0], " scan");
  Capability capability = Capability::kWatching;
  if (const auto it = value->find("capability"); it != value->end()) {
    const absl::StatusOr<Capability> said = ParseCapability(*it, where + ": capability");
    if (!said.ok()) return absl::UnavailableError(said.status().message());
    capability = *said;
  }
  if (!options_.enforce) capability = std::min(capability, Capability::kWatching);
  const auto devices = value->find("devices");
  if (devices == value->end() || !devices->is_array()) {
    return absl::UnavailableError(absl::StrCat(where, " prints no list of devices"));
  }

  DeviceScan scan;
  std::set<std::string> regions;
  for (size_t i = 0; i < devices->size(); ++i) {
    absl::StatusOr<Device> device =
        ParseDevice((*devices)[i], options_.memory, absl::StrCat(where, ": devices[", i, "]"));
    if (!device.ok()) {
      scan.problems.push_back(device.status());
      continue;
    }
    if (!regions.insert(device->region).second) {
      scan.problems.push_back(absl::InvalidArgumentError(
          absl::StrCat(where, " has the region ", device->region, " a second time")));
      continue;
    }
    device->capability = capability;
    scan.devices.push_back(*std::move(device));
  }
  if (const auto it = value->find("problems"); it != value->end()) {
    const auto said = ParseWords(*it, where + ": problems");
    if (!said.ok()) scan.problems.push_back(said.status());
    if (said.ok()) {
      for (const std::string& text : *said) scan.problems.push_back(absl::UnavailableError(text));
    }
  }
  std::sort(scan.devices.begin(), scan.devices.end(),
            [](const Device& a, const Device& b) { return a.region < b.region; });
  devices_ = scan.devices;
  return scan;
}

absl::StatusOr<Usage> ScriptBackend::Measure(const std::vector<std::string>& cgroups) {
  for (const std::string& cgroup : cgroups) {
    if (absl::Status status = CheckCgroupPath(cgroup); !status.ok()) return status;
  }
  const absl::StatusOr<json> value = Run("measure", json{{"cgroups", cgroups}});
  if (!value.ok()) return value.status();
  Usage said;
  SeenProcesses seen;
  const bool whole = AddUsage(*value, absl::StrCat(options_.command[0], " measure"), seen, said);

  Usage usage;
  usage.problems = std::move(said.problems);
  for (ProcessUsage& process : said.processes) {
    if (Knows(process.region)) usage.processes.push_back(std::move(process));
  }
  const std::set<std::string> asked(cgroups.begin(), cgroups.end());
  std::set<std::pair<std::string, std::string>> entries;
  for (CgroupUsage& entry : said.cgroups) {
    if (!Knows(entry.region) || asked.count(entry.cgroup) == 0) continue;
    if (!entries.emplace(entry.cgroup, entry.region).second) continue;
    usage.cgroups.push_back(std::move(entry));
  }
  for (const std::string& cgroup : said.gone_cgroups) {
    if (asked.count(cgroup) != 0) usage.gone_cgroups.push_back(cgroup);
  }
  for (const std::string& region : said.listed_regions) {
    if (whole && Knows(region)) usage.listed_regions.push_back(region);
  }
  return usage;
}

void ScriptBackend::Ask(const std::string& verb, std::vector<LimitState>& states) const {
  json asked = json::array();
  for (const LimitState& state : states) {
    if (IsOpen(state)) asked.push_back(LimitToJson(state.limit));
  }
  if (asked.empty()) return;
  const absl::StatusOr<json> value = Run(verb, json{{"limits", std::move(asked)}});
  const std::string where = absl::StrCat(options_.command[0], " ", verb);
  std::map<std::pair<std::string, std::string>, StandingLimit> stands;
  absl::Status problem = value.status();
  if (value.ok()) {
    const auto limits = value->find("limits");
    if (limits == value->end() || !limits->is_array()) {
      problem = absl::UnavailableError(absl::StrCat(where, " prints no list of limits"));
    } else {
      for (const json& entry : *limits) {
        const absl::StatusOr<StandingLimit> parsed = ParseStandingLimit(entry, where);
        if (!parsed.ok()) problem = parsed.status();
        if (parsed.ok()) stands[{parsed->cgroup, parsed->region}] = *parsed;
      }
    }
  }
  for (LimitState& state : states) {
    if (!IsOpen(state)) continue;
    const auto it = stands.find({state.limit.cgroup, state.limit.region});
    if (it != stands.end()) {
      state = StateOf(state.limit, it->second);
    } else {
      state.status = !problem.ok() ? problem
                                   : absl::UnavailableError(absl::StrCat(
                                         where, " says nothing about ", state.limit.cgroup, " and ",
                                         state.limit.region));
    }
  }
}

std::vector<LimitState> ScriptBackend::ReadBack(const std::vector<Limit>& limits) {
  std::vector<LimitState> states;
  for (const Limit& limit : limits) {
    LimitState state;
    state.limit = limit;
    if (absl::Status status = CheckCgroupPath(limit.cgroup); !status.ok()) {
      state.outcome = LimitOutcome::kUnsupported;
      state.status = status;
    } else if (!Knows(limit.region)) {
      state.outcome = LimitOutcome::kUnsupported;
      state.status = absl::NotFoundError(absl::StrCat("no device here is \"", limit.region, "\""));
    } else if (capability() != Capability::kEnforcing) {
      state.outcome = LimitOutcome::kUnsupported;
      state.status =
          absl::FailedPreconditionError(options_.enforce ? "the script does not enforce"
                                                         : "the configuration says enforce: false");
    }
    states.push_back(std::move(state));
  }
  Ask("read-back", states);
  return states;
}

std::vector<LimitState> ScriptBackend::Apply(const std::vector<Limit>& limits) {
  std::vector<LimitState> states = ReadBack(limits);
  std::vector<LimitState> drifted;
  for (const LimitState& state : states) {
    if (state.outcome != LimitOutcome::kDrifted) continue;
    drifted.emplace_back();
    drifted.back().limit = state.limit;
  }
  Ask("apply", drifted);
  size_t next = 0;
  for (LimitState& state : states) {
    if (state.outcome != LimitOutcome::kDrifted) continue;
    state = std::move(drifted[next++]);
    if (state.outcome == LimitOutcome::kStands) state.outcome = LimitOutcome::kWritten;
  }
  return states;
}

}  // namespace dmem::client
