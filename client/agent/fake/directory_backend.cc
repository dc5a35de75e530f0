// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/fake/directory_backend.h"

#include <errno.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/agent/fake/documents.h"

namespace dmem::client {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr uintmax_t kMaxFileBytes = 4 << 20;

// The files NAME.json in it, by NAME in order. UNAVAILABLE: it cannot be listed; NOT_FOUND: there
// is none.
absl::StatusOr<std::vector<std::string>> ListJsonFiles(const std::string& directory) {
  std::error_code error;
  fs::directory_iterator it(directory, error);
  if (error) {
    const std::string text = absl::StrCat("cannot list ", directory, ": ", error.message());
    if (error == std::errc::no_such_file_or_directory) return absl::NotFoundError(text);
    return absl::UnavailableError(text);
  }
  std::vector<std::string> files;
  for (; it != fs::directory_iterator(); it.increment(error)) {
    if (it->path().extension() == ".json") files.push_back(it->path().string());
    if (error) break;
  }
  if (error) {
    return absl::UnavailableError(absl::StrCat("cannot list ", directory, ": ", error.message()));
  }
  std::sort(files.begin(), files.end());
  return files;
}

// INVALID_ARGUMENT: it is no JSON object, or half of one; UNAVAILABLE: it cannot be read;
// NOT_FOUND: it is not there.
absl::StatusOr<json> ReadJson(const std::string& path) {
  std::error_code error;
  const uintmax_t size = fs::file_size(path, error);
  if (error) {
    const std::string text = absl::StrCat("cannot read ", path, ": ", error.message());
    if (error == std::errc::no_such_file_or_directory) return absl::NotFoundError(text);
    return absl::UnavailableError(text);
  }
  if (size > kMaxFileBytes) {
    return absl::UnavailableError(absl::StrCat(path, " has more than ", kMaxFileBytes, " bytes"));
  }
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) return absl::UnavailableError(absl::StrCat("cannot read ", path));
  return ParseJsonObject(text.str(), path);
}

}  // namespace

DirectoryBackend::DirectoryBackend(DirectoryOptions options, std::unique_ptr<CgroupFiles> files)
    : options_(std::move(options)), files_(std::move(files)) {}

Capability DirectoryBackend::DirectoryCapability() const {
  std::error_code ignored;
  if (!fs::is_directory(options_.directory + "/usage", ignored)) return Capability::kBlind;
  const bool writable = ::access((options_.directory + "/limits").c_str(), W_OK | X_OK) == 0;
  return options_.enforce && writable ? Capability::kEnforcing : Capability::kWatching;
}

Capability DirectoryBackend::capability() const {
  std::vector<Device> devices;
  for (const auto& [file, device] : devices_) devices.push_back(device);
  return CapabilityOf(devices);
}

absl::StatusOr<DeviceScan> DirectoryBackend::Scan() {
  const absl::StatusOr<std::vector<std::string>> files =
      ListJsonFiles(options_.directory + "/devices");
  if (!files.ok()) return absl::FailedPreconditionError(files.status().message());

  DeviceScan scan;
  std::map<std::string, Device> devices;
  std::set<std::string> regions;
  for (const std::string& file : *files) {
    const absl::StatusOr<json> value = ReadJson(file);
    absl::StatusOr<Device> device =
        value.ok() ? ParseDevice(*value, options_.memory, file) : value.status();
    if (device.ok() && !regions.insert(device->region).second) {
      device = absl::InvalidArgumentError(
          absl::StrCat(file, " has the region ", device->region, " a second time"));
    }
    if (device.ok()) {
      devices[file] = *std::move(device);
    } else if (!absl::IsNotFound(device.status())) {  // It went just now: below.
      scan.problems.push_back(device.status());
      // Half written, perhaps: the device stays as it was.
      const auto it = devices_.find(file);
      if (it != devices_.end() && regions.insert(it->second.region).second) {
        devices[file] = it->second;
        devices[file].used_bytes.reset();
      }
    }
  }
  for (const auto& [file, old] : devices_) {
    if (devices.count(file) != 0 || !regions.insert(old.region).second) continue;
    Device& device = devices[file] = old;
    device.used_bytes.reset();
    device.failed = true;
    device.failure = absl::StrCat(file, " is gone");
  }
  devices_ = std::move(devices);
  for (auto& [file, device] : devices_) {
    device.capability = DirectoryCapability();
    scan.devices.push_back(device);
  }
  std::sort(scan.devices.begin(), scan.devices.end(),
            [](const Device& a, const Device& b) { return a.region < b.region; });
  return scan;
}

bool DirectoryBackend::IsGone(const std::string& cgroup) const {
  return files_ != nullptr && absl::IsNotFound(files_->CheckCgroup(cgroup));
}

absl::StatusOr<Usage> DirectoryBackend::Measure(const std::vector<std::string>& cgroups) {
  for (const std::string& cgroup : cgroups) {
    if (absl::Status status = CheckCgroupPath(cgroup); !status.ok()) return status;
  }
  const absl::StatusOr<std::vector<std::string>> files =
      ListJsonFiles(options_.directory + "/usage");
  if (!files.ok()) return absl::FailedPreconditionError(files.status().message());

  Usage said;
  SeenProcesses seen;
  bool whole = true;
  for (const std::string& file : *files) {
    const absl::StatusOr<json> value = ReadJson(file);
    if (value.ok()) {
      whole &= AddUsage(*value, file, seen, said);
    } else if (!absl::IsNotFound(value.status())) {
      whole = false;
      said.problems.push_back(value.status());
    }
  }
  Usage usage;
  usage.problems = std::move(said.problems);
  std::set<std::string> regions;
  for (const auto& [file, device] : devices_) {
    if (!device.failed) regions.insert(device.region);
  }
  for (ProcessUsage& process : said.processes) {
    if (regions.count(process.region) != 0) usage.processes.push_back(std::move(process));
  }
  // Only what was read whole says that nobody else is there, and only where no other cgroup uses
  // memory: whose processes those are is not told.
  std::set<std::string> listed = whole ? regions : std::set<std::string>();
  for (const CgroupUsage& entry : said.cgroups) {
    const bool is_asked = std::find(cgroups.begin(), cgroups.end(), entry.cgroup) != cgroups.end();
    if (!is_asked && entry.used_bytes > 0) listed.erase(entry.region);
  }
  usage.listed_regions.assign(listed.begin(), listed.end());
  std::map<std::pair<std::string, std::string>, const CgroupUsage*> by_cgroup;
  for (const CgroupUsage& entry : said.cgroups) by_cgroup[{entry.cgroup, entry.region}] = &entry;
  for (const std::string& cgroup : cgroups) {
    if (IsGone(cgroup)) {
      usage.gone_cgroups.push_back(cgroup);
      continue;
    }
    for (const std::string& region : regions) {
      const auto it = by_cgroup.find({cgroup, region});
      if (it != by_cgroup.end()) usage.cgroups.push_back(*it->second);
    }
  }
  return usage;
}

std::string DirectoryBackend::LimitsFileOf(const std::string& cgroup) const {
  return absl::StrCat(options_.directory, "/limits", cgroup, "/limits.json");
}

absl::Status DirectoryBackend::Write(const Limit& limit) const {
  const std::string path = LimitsFileOf(limit.cgroup);
  std::error_code error;
  fs::create_directories(fs::path(path).parent_path(), error);
  if (error) return absl::UnavailableError(absl::StrCat(path, ": ", error.message()));
  json limits = json::array();
  if (const absl::StatusOr<json> old = ReadJson(path); old.ok() && old->contains("limits")) {
    for (const json& entry : (*old)["limits"]) {
      const auto parsed = ParseStandingLimit(entry, path);
      if (parsed.ok() && parsed->region != limit.region) limits.push_back(entry);
    }
  }
  limits.push_back(LimitToJson(limit));
  // Readers see the old file or the new one.
  const std::string next = path + ".new";
  std::ofstream file(next, std::ios::binary | std::ios::trunc);
  file << json{{"limits", limits}}.dump(2, ' ', false, json::error_handler_t::replace) << "\n";
  file.close();
  if (!file)
    return absl::UnavailableError(absl::StrCat("cannot write ", next, ": ", strerror(errno)));
  fs::rename(next, path, error);
  if (error)
    return absl::UnavailableError(absl::StrCat("cannot write ", path, ": ", error.message()));
  return absl::OkStatus();
}

LimitState DirectoryBackend::Limited(const Limit& limit, bool write) const {
  const auto state = [&limit](LimitOutcome outcome, absl::Status status) {
    return LimitState{limit, outcome, {}, {}, std::move(status)};
  };
  if (absl::Status status = CheckCgroupPath(limit.cgroup); !status.ok()) {
    return state(LimitOutcome::kUnsupported, status);
  }
  const auto it = std::find_if(devices_.begin(), devices_.end(), [&limit](const auto& entry) {
    return entry.second.region == limit.region;
  });
  if (it == devices_.end()) {
    return state(LimitOutcome::kUnsupported,
                 absl::NotFoundError(absl::StrCat("no device here is \"", limit.region, "\"")));
  }
  if (it->second.failed) {
    return state(LimitOutcome::kFailed, absl::UnavailableError(it->second.failure));
  }
  if (IsGone(limit.cgroup)) {
    return state(LimitOutcome::kGone,
                 absl::NotFoundError(absl::StrCat("there is no cgroup ", limit.cgroup)));
  }
  const std::string path = LimitsFileOf(limit.cgroup);
  const auto look = [&]() -> LimitState {
    StandingLimit stands;
    const absl::StatusOr<json> value = ReadJson(path);
    if (!value.ok() && !absl::IsNotFound(value.status())) {
      return state(LimitOutcome::kFailed, value.status());
    }
    if (value.ok() && value->contains("limits")) {
      for (const json& entry : (*value)["limits"]) {
        const auto parsed = ParseStandingLimit(entry, path);
        if (!parsed.ok()) return state(LimitOutcome::kFailed, parsed.status());
        if (parsed->region == limit.region) stands = *parsed;
      }
    }
    return StateOf(limit, stands);
  };
  LimitState found = look();
  if (found.outcome == LimitOutcome::kStands) return found;
  if (DirectoryCapability() != Capability::kEnforcing) {
    found.outcome = LimitOutcome::kUnsupported;
    found.status = absl::FailedPreconditionError(
        absl::StrCat("limits need ", options_.directory, "/usage and a writable ",
                     options_.directory, "/limits, and not enforce: false"));
    return found;
  }
  if (!write) return found;
  if (absl::Status status = Write(limit); !status.ok()) {
    return state(LimitOutcome::kFailed, status);
  }
  found = look();
  if (found.outcome == LimitOutcome::kStands) found.outcome = LimitOutcome::kWritten;
  return found;
}

std::vector<LimitState> DirectoryBackend::Apply(const std::vector<Limit>& limits) {
  std::vector<LimitState> states;
  states.reserve(limits.size());
  for (const Limit& limit : limits) states.push_back(Limited(limit, true));
  return states;
}

std::vector<LimitState> DirectoryBackend::ReadBack(const std::vector<Limit>& limits) {
  std::vector<LimitState> states;
  states.reserve(limits.size());
  for (const Limit& limit : limits) states.push_back(Limited(limit, false));
  return states;
}

}  // namespace dmem::client
