// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/dmem_files/dmem_files_backend.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/agent/backend_options.h"
#include "client/agent/dmem_files/enable_dmem.h"
#include "client/agent/dmem_files/pci_device.h"
#include "client/agent/dmem_files/region_lines.h"

namespace dmem::client {
namespace {

constexpr char kRoot[] = "/";
constexpr char kSubtreeControl[] = "cgroup.subtree_control";
constexpr char kLow[] = "dmem.low";
constexpr char kMax[] = "dmem.max";

// What the kernel's `max` stands for, and shows for every value from here on: 2^51-1.
// Source: conformance vectors, section 3.1.
constexpr uint64_t kKernelMax = (uint64_t{1} << 51) - 1;

uint64_t AsShown(uint64_t bytes) { return bytes >= kKernelMax ? kNoLimit : bytes; }

std::string AsText(uint64_t bytes) {
  return AsShown(bytes) == kNoLimit ? "max" : absl::StrCat(bytes);
}

absl::Status Problem(absl::string_view cgroup, absl::string_view file, absl::string_view what) {
  return absl::UnavailableError(absl::StrCat(file, " of ", cgroup, ": ", what));
}

}  // namespace

absl::StatusOr<DmemFilesOptions> ParseDmemFilesOptions(const BackendOptions& options) {
  DmemFilesOptions parsed;
  OptionReader reader("dmem", options);
  reader.Bool("enforce", parsed.enforce);
  reader.Words("ignore_regions", parsed.ignore_regions);
  reader.Path("sysfs_root", parsed.sysfs_root);
  if (absl::Status status = reader.Finish(); !status.ok()) return status;
  return parsed;
}

DmemFilesBackend::DmemFilesBackend(DmemFilesOptions options, std::unique_ptr<CgroupFiles> files)
    : options_(std::move(options)), files_(std::move(files)) {}

bool DmemFilesBackend::Ignores(absl::string_view region) const {
  return std::any_of(
      options_.ignore_regions.begin(), options_.ignore_regions.end(),
      [region](const std::string& prefix) { return absl::StartsWith(region, prefix); });
}

bool DmemFilesBackend::Knows(absl::string_view region) const {
  return std::any_of(devices_.begin(), devices_.end(),
                     [region](const Device& device) { return device.region == region; });
}

Capability DmemFilesBackend::DeviceCapability() const {
  return options_.enforce && writable_ ? Capability::kEnforcing : Capability::kWatching;
}

Capability DmemFilesBackend::capability() const { return CapabilityOf(devices_); }

absl::Status DmemFilesBackend::Noted(absl::Status status) {
  if (status.ok()) {
    writable_ = true;
    write_refused_ = false;
  } else if (absl::IsPermissionDenied(status)) {
    writable_ = false;
    write_refused_ = true;
  }
  for (Device& device : devices_) device.capability = DeviceCapability();
  return status;
}

void DmemFilesBackend::Describe(Device& device) const {
  const PciDevice pci = ReadPciDevice(options_.sysfs_root, PciAddressIn(device.region));
  device.pci = pci.address;
  device.model = pci.model;
  device.uuid = pci.uuid;
  device.token = pci.token;
  for (const std::string& id : {pci.uuid, pci.address}) {
    if (!id.empty()) device.device_ids.push_back(id);
  }
}

absl::StatusOr<DeviceScan> DmemFilesBackend::Scan() {
  const absl::StatusOr<std::string> capacity_text = files_->Read(kRoot, "dmem.capacity");
  if (absl::IsNotFound(capacity_text.status())) {
    return absl::FailedPreconditionError(absl::StrCat(
        "no dmem controller (Linux 6.14 or later, cgroup2): ", capacity_text.status().message()));
  }
  if (!capacity_text.ok()) return capacity_text.status();

  DeviceScan scan;
  const RegionLines capacities = ParseRegionLines(*capacity_text);
  RegionLines usages;
  if (const auto text = files_->Read(kRoot, "dmem.current"); text.ok()) {
    usages = ParseRegionLines(*text);
  } else {
    scan.problems.push_back(text.status());
  }
  for (const std::string& problem : capacities.problems) {
    scan.problems.push_back(Problem(kRoot, "dmem.capacity", problem));
  }
  for (const std::string& problem : usages.problems) {
    scan.problems.push_back(Problem(kRoot, "dmem.current", problem));
  }

  // Permission bits do not tell all: a security module may refuse what they allow.
  writable_ =
      options_.enforce && !write_refused_ && files_->CheckWritable(kRoot, kSubtreeControl).ok();
  for (const auto& [region, capacity_bytes] : capacities.values) {
    if (Ignores(region)) continue;
    Device device;
    device.region = region;
    device.capacity_bytes = capacity_bytes;
    if (const auto it = options_.memory.find(region); it != options_.memory.end()) {
      device.capacity_bytes = it->second.capacity_bytes.value_or(capacity_bytes);
      device.reserved_bytes = it->second.reserved_bytes;
    }
    // The controller counts what was charged. What the driver keeps for itself it never sees.
    if (const auto used_bytes = usages.Find(region); used_bytes.has_value()) {
      device.used_bytes = *used_bytes + device.reserved_bytes.value_or(0);
    }
    device.capability = DeviceCapability();
    Describe(device);
    scan.devices.push_back(std::move(device));
  }
  // A device that was here: gone with its driver, unless its line just could not be read.
  for (const Device& old : devices_) {
    const bool listed =
        std::any_of(scan.devices.begin(), scan.devices.end(),
                    [&old](const Device& device) { return device.region == old.region; });
    if (listed) continue;
    Device device = old;
    device.used_bytes.reset();
    if (capacities.problems.empty()) {
      device.failed = true;
      device.failure = "no longer in dmem.capacity: its driver has given it up";
    }
    scan.devices.push_back(std::move(device));
  }
  std::sort(scan.devices.begin(), scan.devices.end(),
            [](const Device& a, const Device& b) { return a.region < b.region; });
  devices_ = scan.devices;
  return scan;
}

absl::StatusOr<Usage> DmemFilesBackend::Measure(const std::vector<std::string>& cgroups) {
  for (const std::string& cgroup : cgroups) {
    if (absl::Status status = CheckCgroupPath(cgroup); !status.ok()) return status;
  }
  Usage usage;
  for (const std::string& cgroup : cgroups) Measure(cgroup, usage);
  return usage;
}

void DmemFilesBackend::Measure(const std::string& cgroup, Usage& usage) {
  const absl::StatusOr<std::string> current_text = files_->Read(cgroup, "dmem.current");
  if (!current_text.ok()) {
    if (absl::IsNotFound(current_text.status()) && absl::IsNotFound(files_->CheckCgroup(cgroup))) {
      usage.gone_cgroups.push_back(cgroup);
    } else {
      usage.problems.push_back(current_text.status());
    }
    return;
  }
  const RegionLines currents = ParseRegionLines(*current_text);
  for (const std::string& problem : currents.problems) {
    usage.problems.push_back(Problem(cgroup, "dmem.current", problem));
  }
  // The root cgroup and the first kernels with the controller have none: no problem.
  RegionLines peaks;
  if (const auto text = files_->Read(cgroup, "dmem.peak"); text.ok()) {
    peaks = ParseRegionLines(*text);
  }
  for (const auto& [region, used_bytes] : currents.values) {
    if (!Knows(region)) continue;
    usage.cgroups.push_back({cgroup, region, used_bytes, peaks.Find(region)});
  }
}

absl::Status DmemFilesBackend::CheckLimit(const Limit& limit) const {
  if (absl::Status status = CheckCgroupPath(limit.cgroup); !status.ok()) return status;
  if (limit.cgroup == kRoot) {
    return absl::FailedPreconditionError("the root cgroup takes no limits");
  }
  if (!Knows(limit.region)) {
    return absl::NotFoundError(absl::StrCat("no device here is \"", limit.region, "\""));
  }
  return absl::OkStatus();
}

LimitState DmemFilesBackend::Look(const Limit& limit) {
  LimitState state;
  state.limit = limit;
  for (const char* file : {kLow, kMax}) {
    const absl::StatusOr<std::string> text = files_->Read(limit.cgroup, file);
    if (!text.ok()) {
      state.status = text.status();
      if (absl::IsNotFound(text.status())) {
        if (absl::IsNotFound(files_->CheckCgroup(limit.cgroup))) {
          state.outcome = LimitOutcome::kGone;
        } else {
          state.status = absl::FailedPreconditionError(
              absl::StrCat("dmem is not enabled above ", limit.cgroup, ": it has no ", file));
        }
      }
      return state;
    }
    const RegionLines lines = ParseRegionLines(*text);
    const std::optional<uint64_t> bytes = lines.Find(limit.region);
    if (!bytes.has_value()) {
      state.status = Problem(limit.cgroup, file,
                             lines.problems.empty() ? absl::StrCat("has no line for ", limit.region)
                                                    : lines.problems.front());
      return state;
    }
    (file == kLow ? state.low_bytes : state.max_bytes) = AsShown(*bytes);
  }
  if (state.low_bytes == AsShown(limit.low_bytes) && state.max_bytes == AsShown(limit.max_bytes)) {
    state.outcome = LimitOutcome::kStands;
    return state;
  }
  state.outcome = LimitOutcome::kDrifted;
  std::string text = absl::StrCat(limit.cgroup, " has low ", AsText(*state.low_bytes), " and max ",
                                  AsText(*state.max_bytes), " for ", limit.region, ", not low ",
                                  AsText(limit.low_bytes), " and max ", AsText(limit.max_bytes));
  // The one way in which a write is taken and does not stand.
  if (const auto current = files_->Read(limit.cgroup, "dmem.current"); current.ok()) {
    const auto used_bytes = ParseRegionLines(*current).Find(limit.region);
    if (used_bytes.value_or(0) > limit.max_bytes) {
      absl::StrAppend(&text, ": it uses ", *used_bytes,
                      ", and the kernel may refuse a max below that without an error");
    }
  }
  state.status = absl::FailedPreconditionError(text);
  return state;
}

LimitState DmemFilesBackend::Apply(const Limit& limit, std::set<std::string>& enabled) {
  // A cgroup that is gone has nothing above it to be enabled.
  if (absl::Status status = files_->CheckCgroup(limit.cgroup); !status.ok()) {
    LimitState state{limit, LimitOutcome::kFailed, {}, {}, status};
    if (absl::IsNotFound(status)) state.outcome = LimitOutcome::kGone;
    return state;
  }
  const absl::Status above = EnableDmemAbove(*files_, limit.cgroup, enabled);
  if (!above.ok()) Noted(above).IgnoreError();  // OK may mean that nothing had to be written.
  LimitState state = Look(limit);
  if (state.outcome == LimitOutcome::kFailed && !above.ok()) state.status = above;  // Why.
  if (state.outcome != LimitOutcome::kDrifted) return state;

  // Both, whatever happens to the first: they are independent, and max matters more.
  absl::Status written;
  if (state.max_bytes != AsShown(limit.max_bytes)) {
    written.Update(
        Noted(files_->WriteLimit(limit.cgroup, kMax, limit.region, AsText(limit.max_bytes))));
  }
  if (state.low_bytes != AsShown(limit.low_bytes)) {
    written.Update(
        Noted(files_->WriteLimit(limit.cgroup, kLow, limit.region, AsText(limit.low_bytes))));
  }
  state = Look(limit);
  if (state.outcome == LimitOutcome::kStands) state.outcome = LimitOutcome::kWritten;
  if (state.outcome == LimitOutcome::kDrifted && !written.ok()) {
    state.outcome = LimitOutcome::kFailed;
    state.status = written;
  }
  return state;
}

std::vector<LimitState> DmemFilesBackend::Apply(const std::vector<Limit>& limits) {
  if (!options_.enforce) return ReadBack(limits);
  std::vector<LimitState> states;
  std::set<std::string> enabled;
  for (const Limit& limit : limits) {
    if (absl::Status status = CheckLimit(limit); !status.ok()) {
      states.push_back({limit, LimitOutcome::kUnsupported, {}, {}, status});
    } else {
      states.push_back(Apply(limit, enabled));
    }
  }
  return states;
}

std::vector<LimitState> DmemFilesBackend::ReadBack(const std::vector<Limit>& limits) {
  std::vector<LimitState> states;
  for (const Limit& limit : limits) {
    if (absl::Status status = CheckLimit(limit); !status.ok()) {
      states.push_back({limit, LimitOutcome::kUnsupported, {}, {}, status});
      continue;
    }
    LimitState state = Look(limit);
    if (!options_.enforce && state.outcome != LimitOutcome::kStands &&
        state.outcome != LimitOutcome::kGone) {
      state.outcome = LimitOutcome::kUnsupported;
      state.status = absl::FailedPreconditionError("the configuration says enforce: false");
    }
    states.push_back(std::move(state));
  }
  return states;
}

}  // namespace dmem::client
