// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/fake/documents.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace dmem::client {
namespace {

using nlohmann::json;

// The members of one JSON object, each asked for once. Nothing throws: types are looked at first.
class Members {
 public:
  Members(const json& value, absl::string_view where) : value_(value), where_(where) {
    if (!value.is_object()) Wrong("is no JSON object");
  }

  void Text(const char* key, std::string& target) {
    const json* member = Find(key);
    if (member == nullptr) return;
    if (!member->is_string()) return Wrong(absl::StrCat("has a ", key, " that is no text"));
    target = member->get_ref<const std::string&>();
  }

  void Bool(const char* key, bool& target) {
    const json* member = Find(key);
    if (member == nullptr) return;
    if (!member->is_boolean()) return Wrong(absl::StrCat("has a ", key, " that is no boolean"));
    target = member->get<bool>();
  }

  // Absent and null are the same.
  void Number(const char* key, std::optional<uint64_t>& target, bool or_max = false) {
    const json* member = Find(key);
    if (member == nullptr || member->is_null()) return;
    if (or_max && member->is_string() && member->get_ref<const std::string&>() == "max") {
      target = kNoLimit;
    } else if (member->is_number_unsigned() && member->get<uint64_t>() <= kNoLimit) {
      target = member->get<uint64_t>();
    } else {
      Wrong(absl::StrCat("has a ", key, " that is no whole number below 2^63",
                         or_max ? " and not \"max\"" : ""));
    }
  }

  void Words(const char* key, std::vector<std::string>& target) {
    const json* member = Find(key);
    if (member == nullptr) return;
    auto words = ParseWords(*member, absl::StrCat(where_, ": ", key));
    if (!words.ok()) {
      if (status_.ok()) status_ = words.status();
      return;
    }
    target = *std::move(words);
  }

  void Region(std::string& target) {
    Text("region", target);
    if (absl::Status status = CheckDeviceRegion(target); !status.ok()) Wrong(status.message());
  }

  void Cgroup(std::string& target) {
    Text("cgroup", target);
    if (absl::Status status = CheckCgroupPath(target); !status.ok()) Wrong(status.message());
  }

  // Read elsewhere.
  void Ignore(const char* key) { known_.insert(key); }

  // The first thing that was wrong; a member that nobody asked for is.
  absl::Status Finish() {
    if (!status_.ok()) return status_;  // Also if it is no object.
    for (auto it = value_.begin(); it != value_.end(); ++it) {
      if (known_.count(it.key()) == 0) Wrong(absl::StrCat("has an unknown key ", it.key()));
    }
    return status_;
  }

 private:
  const json* Find(const char* key) {
    known_.insert(key);
    if (!value_.is_object()) return nullptr;
    const auto it = value_.find(key);
    return it == value_.end() ? nullptr : &*it;
  }

  void Wrong(absl::string_view what) {
    if (status_.ok()) status_ = absl::InvalidArgumentError(absl::StrCat(where_, " ", what));
  }

  const json& value_;
  const std::string where_;
  std::set<std::string> known_;
  absl::Status status_;
};

// Calls `parse` for each member of the list under `key`, and adds its errors to `problems`.
template <typename Parse>
void ForEach(const json& value, const char* key, absl::string_view where,
             std::vector<absl::Status>& problems, const Parse& parse) {
  const auto it = value.find(key);  // The end also if it is no object.
  if (it == value.end()) return;
  if (!it->is_array()) {
    problems.push_back(absl::InvalidArgumentError(absl::StrCat(where, ": ", key, " is no list")));
    return;
  }
  for (size_t i = 0; i < it->size(); ++i) {
    absl::Status status = parse((*it)[i], absl::StrCat(where, ": ", key, "[", i, "]"));
    if (!status.ok()) problems.push_back(std::move(status));
  }
}

absl::Status AddCgroup(const json& value, absl::string_view where, Usage& usage) {
  CgroupUsage entry;
  std::optional<uint64_t> used_bytes;
  Members members(value, where);
  members.Cgroup(entry.cgroup);
  members.Region(entry.region);
  members.Number("used_bytes", used_bytes);
  members.Number("peak_bytes", entry.peak_bytes);
  if (absl::Status status = members.Finish(); !status.ok()) return status;
  if (!used_bytes.has_value()) {
    return absl::InvalidArgumentError(absl::StrCat(where, " has no used_bytes"));
  }
  entry.used_bytes = *used_bytes;
  usage.cgroups.push_back(std::move(entry));
  return absl::OkStatus();
}

absl::Status AddProcess(const json& value, absl::string_view where, SeenProcesses& seen,
                        Usage& usage) {
  ProcessUsage entry;
  std::optional<uint64_t> pid;
  Members members(value, where);
  members.Number("pid", pid);
  members.Region(entry.region);
  members.Number("used_bytes", entry.used_bytes);
  if (absl::Status status = members.Finish(); !status.ok()) return status;
  if (!pid.has_value() || *pid == 0) {
    return absl::InvalidArgumentError(absl::StrCat(where, " has no pid"));
  }
  entry.pid = static_cast<int64_t>(*pid);
  if (!seen.emplace(entry.pid, entry.region).second) {
    return absl::InvalidArgumentError(
        absl::StrCat(where, " has pid ", entry.pid, " in ", entry.region, " a second time"));
  }
  usage.processes.push_back(std::move(entry));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<json> ParseJsonObject(absl::string_view text, absl::string_view where) {
  json value = json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (value.is_object()) return value;
  return absl::InvalidArgumentError(
      absl::StrCat(where, value.is_discarded() ? " is not JSON" : " is no JSON object"));
}

absl::StatusOr<Device> ParseDevice(const json& value, const MemoryOverrides& overrides,
                                   absl::string_view where) {
  Device device;
  std::optional<uint64_t> capacity_bytes;
  Members members(value, where);
  members.Region(device.region);
  members.Number("capacity_bytes", capacity_bytes);
  members.Number("reserved_bytes", device.reserved_bytes);
  members.Number("used_bytes", device.used_bytes);
  members.Text("model", device.model);
  members.Text("uuid", device.uuid);
  members.Text("pci", device.pci);
  members.Words("device_ids", device.device_ids);
  members.Text("token", device.token);
  members.Text("failed", device.failure);
  if (absl::Status status = members.Finish(); !status.ok()) return status;
  device.failed = !device.failure.empty();
  if (const auto it = overrides.find(device.region); it != overrides.end()) {
    if (it->second.capacity_bytes.has_value()) capacity_bytes = it->second.capacity_bytes;
    if (it->second.reserved_bytes.has_value()) device.reserved_bytes = it->second.reserved_bytes;
  }
  device.capacity_bytes = capacity_bytes.value_or(0);
  return device;
}

bool AddUsage(const json& value, absl::string_view where, SeenProcesses& seen, Usage& usage) {
  std::vector<absl::Status> problems;
  ForEach(value, "cgroups", where, problems,
          [&](const json& entry, absl::string_view at) { return AddCgroup(entry, at, usage); });
  ForEach(value, "processes", where, problems, [&](const json& entry, absl::string_view at) {
    return AddProcess(entry, at, seen, usage);
  });
  std::vector<std::string> regions;
  std::vector<std::string> gone;
  std::vector<std::string> said;
  Members members(value, where);
  members.Words("listed_regions", regions);
  members.Words("gone_cgroups", gone);
  members.Words("problems", said);
  members.Ignore("cgroups");
  members.Ignore("processes");
  if (absl::Status status = members.Finish(); !status.ok()) problems.push_back(status);
  const bool good = problems.empty();
  usage.listed_regions.insert(usage.listed_regions.end(), regions.begin(), regions.end());
  usage.gone_cgroups.insert(usage.gone_cgroups.end(), gone.begin(), gone.end());
  for (const std::string& text : said) problems.push_back(absl::UnavailableError(text));
  usage.problems.insert(usage.problems.end(), problems.begin(), problems.end());
  return good;
}

absl::StatusOr<StandingLimit> ParseStandingLimit(const json& value, absl::string_view where) {
  StandingLimit limit;
  std::optional<uint64_t> low_bytes;
  std::optional<uint64_t> max_bytes;
  Members members(value, where);
  members.Cgroup(limit.cgroup);
  members.Region(limit.region);
  members.Number("low_bytes", low_bytes, /*or_max=*/true);
  members.Number("max_bytes", max_bytes, /*or_max=*/true);
  members.Bool("gone", limit.gone);
  members.Text("error", limit.error);
  if (absl::Status status = members.Finish(); !status.ok()) return status;
  limit.low_bytes = low_bytes.value_or(0);
  limit.max_bytes = max_bytes.value_or(kNoLimit);
  return limit;
}

json LimitToJson(const Limit& limit) {
  const auto amount = [](uint64_t bytes) { return bytes >= kNoLimit ? json("max") : json(bytes); };
  return json{{"cgroup", limit.cgroup},
              {"region", limit.region},
              {"low_bytes", amount(limit.low_bytes)},
              {"max_bytes", amount(limit.max_bytes)}};
}

absl::StatusOr<std::vector<std::string>> ParseWords(const json& value, absl::string_view where) {
  std::vector<std::string> words;
  bool good = value.is_array();
  if (good) {
    for (const json& word : value) {
      good &= word.is_string();
      if (word.is_string()) words.push_back(word.get<std::string>());
    }
  }
  if (good) return words;
  return absl::InvalidArgumentError(absl::StrCat(where, " is no list of texts"));
}

absl::StatusOr<Capability> ParseCapability(const json& value, absl::string_view where) {
  const std::string word = value.is_string() ? absl::AsciiStrToUpper(value.get<std::string>()) : "";
  for (const Capability capability :
       {Capability::kBlind, Capability::kWatching, Capability::kEnforcing}) {
    if (word == CapabilityName(capability)) return capability;
  }
  return absl::InvalidArgumentError(absl::StrCat(where, " is none of blind, watching, enforcing"));
}

LimitState StateOf(const Limit& limit, const StandingLimit& stands) {
  LimitState state;
  state.limit = limit;
  if (stands.gone) {
    state.outcome = LimitOutcome::kGone;
    state.status = absl::NotFoundError(absl::StrCat("there is no cgroup ", limit.cgroup));
    return state;
  }
  if (!stands.error.empty()) {
    state.status = absl::UnavailableError(stands.error);
    return state;
  }
  state.low_bytes = stands.low_bytes;
  state.max_bytes = stands.max_bytes;
  if (stands.low_bytes == std::min(limit.low_bytes, kNoLimit) &&
      stands.max_bytes == std::min(limit.max_bytes, kNoLimit)) {
    state.outcome = LimitOutcome::kStands;
    return state;
  }
  state.outcome = LimitOutcome::kDrifted;
  const auto text = [](uint64_t bytes) {
    return bytes >= kNoLimit ? std::string("max") : absl::StrCat(bytes);
  };
  state.status = absl::FailedPreconditionError(
      absl::StrCat(limit.cgroup, " has low ", text(stands.low_bytes), " and max ",
                   text(stands.max_bytes), " for ", limit.region, ", not low ",
                   text(limit.low_bytes), " and max ", text(limit.max_bytes)));
  return state;
}

}  // namespace dmem::client
