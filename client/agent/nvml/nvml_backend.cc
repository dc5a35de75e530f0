// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/nvml/nvml_backend.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "client/agent/backend_options.h"
#include "client/agent/dmem_files/enable_dmem.h"

namespace dmem::client {
namespace {

using Value = LimitJournal::Value;

std::string AsText(uint64_t bytes) { return bytes >= kNoLimit ? "max" : absl::StrCat(bytes); }

// The driver takes and tells the device's capacity for "no limit" as well.
uint64_t Normal(uint64_t bytes, const Device& device) {
  const bool none =
      bytes >= kNoLimit || (device.capacity_bytes != 0 && bytes >= device.capacity_bytes);
  return none ? kNoLimit : bytes;
}

Value Normal(uint64_t low_bytes, uint64_t max_bytes, const Device& device) {
  return {std::min(low_bytes, kNoLimit), Normal(max_bytes, device)};
}

// An error of one device, named by it.
absl::Status Of(absl::string_view region, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(region, ": ", status.message()));
}

}  // namespace

absl::StatusOr<NvmlOptions> ParseNvmlOptions(const BackendOptions& options) {
  NvmlOptions parsed;
  OptionReader reader("nvml", options);
  reader.Bool("enforce", parsed.enforce);
  reader.Path("journal", parsed.journal);
  reader.Text("library", parsed.library);
  if (absl::Status status = reader.Finish(); !status.ok()) return status;
  return parsed;
}

NvmlBackend::NvmlBackend(NvmlOptions options, std::unique_ptr<CgroupFiles> files)
    : options_(std::move(options)), files_(std::move(files)), journal_(options_.journal) {
  journal_status_ = journal_.Load();
}

Capability NvmlBackend::capability() const {
  std::vector<Device> devices;
  for (const auto& [region, known] : known_) devices.push_back(known.device);
  return CapabilityOf(devices);
}

absl::Status NvmlBackend::EnsureLoaded() {
  if (reload_) library_.reset();
  reload_ = false;
  if (library_ != nullptr) return absl::OkStatus();
  for (auto& [region, known] : known_) {
    known.handles.clear();  // They were the old library's.
    known.cannot_limit = absl::OkStatus();
  }
  absl::StatusOr<std::unique_ptr<NvmlLibrary>> library = NvmlLibrary::Load(options_.library);
  if (!library.ok()) return library.status();
  library_ = *std::move(library);
  return absl::OkStatus();
}

void NvmlBackend::Fail(Known& known, const absl::Status& status) {
  known.device.failed = true;
  known.device.failure = std::string(status.message());
  known.device.used_bytes.reset();
  known.handles.clear();
  reload_ = true;  // NVML sees a device that was reset only when it is initialized anew.
}

absl::StatusOr<DeviceScan> NvmlBackend::Scan() {
  DeviceScan scan;
  uint32_t count = 0;
  std::string driver_version;
  // A second time with a library loaded anew, if the driver has changed under the first.
  for (int attempt = 0;; ++attempt) {
    if (absl::Status status = EnsureLoaded(); !status.ok()) return status;
    const absl::StatusOr<uint32_t> found = library_->DeviceCount();
    if (found.ok()) count = *found;
    const absl::StatusOr<std::string> version = library_->DriverVersion();
    if (version.ok()) driver_version = *version;
    absl::Status status = found.status();
    status.Update(version.status());
    if (status.ok()) break;
    reload_ = true;
    if (attempt == 1 || !absl::IsFailedPrecondition(status)) return status;
  }

  if (!journal_status_.ok()) scan.problems.push_back(journal_status_);
  Listing listing = List(count, scan);
  std::map<std::string, Known> known;
  for (const Seen& seen : listing.seen) {
    if (absl::Status status = Describe(seen, driver_version, known, scan); !status.ok()) {
      listing.unreadable.emplace(seen.index, status);
      scan.problems.push_back(std::move(status));
    }
  }
  KeepMissing(listing, known);
  known_ = std::move(known);
  for (const auto& [region, entry] : known_) {
    if (entry.device.failed) reload_ = true;
    scan.devices.push_back(entry.device);
  }
  return scan;
}

NvmlBackend::Listing NvmlBackend::List(uint32_t count, DeviceScan& scan) {
  Listing listing;
  for (uint32_t index = 0; index < count; ++index) {
    if (absl::Status status = ListBoard(index, listing); !status.ok()) {
      scan.problems.push_back(Of(absl::StrCat("NVIDIA device ", index), status));
      listing.unreadable.emplace(index, std::move(status));
    }
  }
  return listing;
}

absl::Status NvmlBackend::ListBoard(uint32_t index, Listing& listing) {
  const absl::StatusOr<nvml::Device> device = library_->DeviceAt(index);
  if (!device.ok()) return device.status();
  const absl::StatusOr<std::string> board = library_->Uuid(*device);
  if (!board.ok()) return board.status();
  const absl::StatusOr<bool> is_mig = library_->IsMigEnabled(*device);
  if (!is_mig.ok()) return is_mig.status();
  if (!*is_mig) {
    listing.boards.insert(*board);
    listing.seen.push_back({{*device}, *board, index, false});
    return absl::OkStatus();
  }
  const absl::StatusOr<std::vector<nvml::Device>> mig_devices = library_->MigDevices(*device);
  if (!mig_devices.ok()) return mig_devices.status();
  // Compute instances of one GPU instance share its memory: together they are one device.
  std::map<uint32_t, Seen> instances;
  for (const nvml::Device mig_device : *mig_devices) {
    const absl::StatusOr<uint32_t> id = library_->GpuInstanceId(mig_device);
    if (!id.ok()) return id.status();
    Seen& seen = instances.try_emplace(*id, Seen{{}, *board, index, true}).first->second;
    seen.handles.push_back(mig_device);
  }
  listing.boards.insert(*board);
  for (auto& [id, seen] : instances) listing.seen.push_back(std::move(seen));
  return absl::OkStatus();
}

absl::Status NvmlBackend::Describe(const Seen& seen, absl::string_view driver_version,
                                   std::map<std::string, Known>& known, DeviceScan& scan) {
  const nvml::Device handle = seen.handles.front();
  const absl::StatusOr<std::string> uuid = library_->Uuid(handle);
  if (!uuid.ok()) return Of(absl::StrCat("NVIDIA device ", seen.index), uuid.status());
  const std::string region = absl::StrCat("nvidia/", *uuid);
  if (absl::Status status = CheckDeviceRegion(region); !status.ok()) return status;

  Known entry;
  if (const auto it = known_.find(region); it != known_.end()) entry = it->second;
  entry.handles = seen.handles;
  entry.board = seen.board;
  entry.index = seen.index;
  Device& device = entry.device;
  device.region = region;
  device.uuid = *uuid;
  device.failed = false;
  device.failure.clear();
  device.used_bytes.reset();
  const auto problem = [&](const absl::Status& status) {
    if (absl::IsDataLoss(status)) Fail(entry, status);
    scan.problems.push_back(Of(region, status));
  };

  // What cannot be read this time stays as it was.
  const absl::StatusOr<NvmlMemory> memory = library_->Memory(handle);
  if (memory.ok()) {
    device.capacity_bytes = memory->total_bytes;
    device.reserved_bytes = memory->reserved_bytes;
    device.used_bytes = memory->used_bytes;
  } else if (!absl::IsUnimplemented(memory.status())) {
    problem(memory.status());
  }
  if (const auto it = options_.memory.find(region); it != options_.memory.end()) {
    if (it->second.capacity_bytes.has_value()) device.capacity_bytes = *it->second.capacity_bytes;
    if (it->second.reserved_bytes.has_value()) device.reserved_bytes = it->second.reserved_bytes;
  }
  if (device.capacity_bytes == 0 && absl::IsUnimplemented(memory.status())) {
    scan.problems.push_back(absl::FailedPreconditionError(absl::StrCat(
        region, " reports no memory, and none is configured: ", memory.status().message())));
  }
  if (!device.failed) {
    if (const absl::StatusOr<std::string> name = library_->Name(handle); name.ok()) {
      device.model = *name;
    } else {
      problem(name.status());
    }
  }
  // A MIG device has no address of its own.
  if (!device.failed && !seen.is_mig) {
    if (const absl::StatusOr<std::string> pci = library_->PciAddress(handle); pci.ok()) {
      device.pci = *pci;
      // NVML does not tell a reset. But nobody resets a device that is in use, and a driver that
      // was loaded anew has forgotten everything.
      device.token = absl::StrCat(*pci, "/", driver_version);
    } else {
      problem(pci.status());
    }
  } else if (seen.is_mig) {
    device.token = std::string(driver_version);
  }
  device.device_ids = {*uuid};
  for (size_t i = 1; i < seen.handles.size(); ++i) {
    if (const auto other = library_->Uuid(seen.handles[i]); other.ok()) {
      device.device_ids.push_back(*other);
    }
  }
  if (!device.pci.empty()) device.device_ids.push_back(device.pci);

  if (seen.is_mig) {
    entry.cannot_limit = absl::UnimplementedError("MIG devices take no limits");
  } else if (!library_->HasLimits()) {
    entry.cannot_limit =
        absl::UnimplementedError("this driver cannot limit cgroups (R615 and later can)");
  } else if (!options_.enforce) {
    entry.cannot_limit = absl::UnimplementedError("the configuration says enforce: false");
  }
  if (!device.failed) {
    const absl::Status listed = library_->Processes(handle).status();
    device.capability = Capability::kBlind;
    if (listed.ok()) device.capability = Capability::kWatching;
    if (listed.ok() && entry.cannot_limit.ok() && !entry.set_refused) {
      device.capability = Capability::kEnforcing;
    }
    if (!listed.ok()) problem(listed);
  }
  known[region] = std::move(entry);
  return absl::OkStatus();
}

void NvmlBackend::KeepMissing(const Listing& listing, std::map<std::string, Known>& known) const {
  for (const auto& [region, old] : known_) {
    if (known.count(region) != 0) continue;
    Known entry = old;
    entry.handles.clear();
    entry.device.used_bytes.reset();
    if (const auto it = listing.unreadable.find(old.index); it != listing.unreadable.end()) {
      if (absl::IsDataLoss(it->second)) {
        entry.device.failed = true;
        entry.device.failure = std::string(it->second.message());
      }
    } else if (listing.boards.count(old.board) != 0) {
      continue;  // The board is there in another shape: MIG was turned on or off, or cut anew.
    } else if (!entry.device.failed) {
      entry.device.failed = true;
      entry.device.failure = "the driver no longer lists it";
    }
    known[region] = std::move(entry);
  }
}

absl::StatusOr<Usage> NvmlBackend::Measure(const std::vector<std::string>& cgroups) {
  for (const std::string& cgroup : cgroups) {
    if (absl::Status status = CheckCgroupPath(cgroup); !status.ok()) return status;
  }
  if (library_ == nullptr) return absl::FailedPreconditionError("NVML is not loaded");
  Usage usage;
  for (auto& [region, known] : known_) Measure(known, usage);
  for (const std::string& cgroup : cgroups) MeasureCgroup(cgroup, usage);
  return usage;
}

void NvmlBackend::Measure(Known& known, Usage& usage) {
  if (known.handles.empty()) return;
  const std::string& region = known.device.region;
  std::map<int64_t, std::optional<uint64_t>> processes;
  bool complete = true;
  absl::Status lost;
  for (const nvml::Device handle : known.handles) {
    const absl::StatusOr<std::vector<NvmlProcess>> listed = library_->Processes(handle);
    if (!listed.ok()) {
      complete = false;
      usage.problems.push_back(Of(region, listed.status()));
      if (absl::IsDataLoss(listed.status())) lost = listed.status();
      if (absl::IsFailedPrecondition(listed.status())) reload_ = true;
      continue;
    }
    for (const NvmlProcess& process : *listed) {
      std::optional<uint64_t>& used_bytes = processes[process.pid];
      if (process.used_bytes.has_value()) {
        used_bytes = used_bytes.value_or(0) + *process.used_bytes;
      }
    }
  }
  for (const auto& [pid, used_bytes] : processes) {
    usage.processes.push_back({pid, region, used_bytes});
  }
  if (complete) usage.listed_regions.push_back(region);
  if (!lost.ok()) Fail(known, lost);
}

void NvmlBackend::MeasureCgroup(const std::string& cgroup, Usage& usage) {
  if (IsGone(cgroup)) {
    usage.gone_cgroups.push_back(cgroup);
    return;
  }
  for (auto& [region, known] : known_) {
    if (known.handles.empty() || !known.cannot_limit.ok()) continue;
    const absl::StatusOr<NvmlLimits> limits =
        library_->Limits(known.handles.front(), DirectoryOf(cgroup));
    if (!limits.ok()) continue;  // Its processes are known.
    // A cgroup without a limit of its own reads as one above it, whose usage is not its own. Only
    // where this agent has set the limit is it sure whose it is.
    const Value stands = Normal(limits->soft_bytes, limits->hard_bytes, known.device);
    if (!journal_.HasSet(cgroup, region, stands)) continue;
    usage.cgroups.push_back({cgroup, region, limits->used_bytes, std::nullopt});
  }
}

std::string NvmlBackend::DirectoryOf(const std::string& cgroup) const {
  return absl::StrCat(options_.cgroup_root, cgroup);
}

bool NvmlBackend::IsGone(const std::string& cgroup) const {
  return absl::IsNotFound(files_->CheckCgroup(cgroup));
}

LimitState NvmlBackend::Look(const Limit& limit, Known& known) {
  LimitState state;
  state.limit = limit;
  const Value wanted = Normal(limit.low_bytes, limit.max_bytes, known.device);
  const absl::StatusOr<NvmlLimits> limits =
      library_->Limits(known.handles.front(), DirectoryOf(limit.cgroup));
  Value stands = {0, kNoLimit};
  if (limits.ok()) {
    stands = Normal(limits->soft_bytes, limits->hard_bytes, known.device);
  } else if (!absl::IsUnimplemented(limits.status())) {
    // "Not supported" is also what a cgroup that never had a limit says.
    state.status = Of(limit.region, limits.status());
    if (absl::IsDataLoss(limits.status())) Fail(known, limits.status());
    return state;
  }
  state.low_bytes = stands.low_bytes;
  state.max_bytes = stands.max_bytes;
  if (stands == wanted) {
    state.outcome = LimitOutcome::kStands;
    return state;
  }
  const bool none = stands == Value{0, kNoLimit};
  const bool ours = none || journal_.HasSetAtOrAbove(limit.cgroup, limit.region, stands);
  state.outcome = ours ? LimitOutcome::kDrifted : LimitOutcome::kForeign;
  state.status = absl::FailedPreconditionError(
      absl::StrCat(limit.cgroup, " has low ", AsText(stands.low_bytes), " and max ",
                   AsText(stands.max_bytes), " for ", limit.region, ", not low ",
                   AsText(wanted.low_bytes), " and max ", AsText(wanted.max_bytes),
                   ours ? "" : ": set by another program, for it or a cgroup above it"));
  return state;
}

LimitState NvmlBackend::Set(const Limit& limit, Known& known, LimitState state) {
  const Value wanted = Normal(limit.low_bytes, limit.max_bytes, known.device);
  const Value before = {*state.low_bytes, *state.max_bytes};
  const std::pair<std::string, std::string> key = {limit.cgroup, limit.region};
  if (const auto it = settled_.find(key);
      it != settled_.end() && it->second == std::make_pair(wanted, before)) {
    return state;  // The driver's own idea of it.
  }
  journal_.ForgetGone([this](const std::string& cgroup) { return IsGone(cgroup); });
  for (auto it = settled_.begin(); it != settled_.end();) {
    it = IsGone(it->first.first) ? settled_.erase(it) : std::next(it);
  }
  journal_status_ = journal_.Record(limit.cgroup, limit.region, wanted, before);

  const uint64_t hard_bytes = wanted.max_bytes == kNoLimit ? nvml::kLimitMax : wanted.max_bytes;
  absl::Status status;
  // Where the kernel's controller does the work, the driver wants the cgroup to have its files.
  for (int attempt = 0; attempt < 2; ++attempt) {
    status = library_->SetLimits(known.handles.front(), DirectoryOf(limit.cgroup), wanted.low_bytes,
                                 hard_bytes);
    if (!absl::IsNotFound(status) || attempt == 1) break;
    std::set<std::string> enabled;
    if (!EnableDmemAbove(*files_, limit.cgroup, enabled).ok()) break;
  }
  if (!status.ok()) {
    state.outcome = LimitOutcome::kFailed;
    state.status = Of(limit.region, status);
    if (absl::IsDataLoss(status)) Fail(known, status);
    if (absl::IsUnimplemented(status)) {
      state.outcome = LimitOutcome::kUnsupported;
      known.cannot_limit = state.status;
    }
    known.set_refused = absl::IsPermissionDenied(status);
    if (absl::IsUnimplemented(status) || absl::IsPermissionDenied(status)) {
      known.device.capability = std::min(known.device.capability, Capability::kWatching);
    }
    return state;
  }
  known.device.capability = Capability::kEnforcing;
  known.set_refused = false;
  settled_.erase(key);
  state = Look(limit, known);
  if (state.outcome == LimitOutcome::kStands) {
    state.outcome = LimitOutcome::kWritten;
  } else if (state.max_bytes.has_value()) {
    const Value stands = {*state.low_bytes, *state.max_bytes};
    settled_[key] = {wanted, stands};
    // Rounded by the driver, and ours.
    journal_status_ = journal_.Record(limit.cgroup, limit.region, wanted, stands);
    state.outcome = LimitOutcome::kDrifted;
  }
  return state;
}

LimitState NvmlBackend::Limited(const Limit& limit, bool write) {
  const auto state = [&limit](LimitOutcome outcome, absl::Status status) {
    return LimitState{limit, outcome, {}, {}, std::move(status)};
  };
  if (absl::Status status = CheckCgroupPath(limit.cgroup); !status.ok()) {
    return state(LimitOutcome::kUnsupported, status);
  }
  if (limit.cgroup == "/") {
    return state(LimitOutcome::kUnsupported,
                 absl::FailedPreconditionError("the root cgroup takes no limits"));
  }
  const auto it = known_.find(limit.region);
  if (it == known_.end()) {
    return state(LimitOutcome::kUnsupported,
                 absl::NotFoundError(absl::StrCat("no device here is \"", limit.region, "\"")));
  }
  Known& known = it->second;
  if (known.handles.empty() || library_ == nullptr) {
    return state(LimitOutcome::kFailed,
                 absl::UnavailableError(absl::StrCat(
                     limit.region, ": ",
                     known.device.failed ? known.device.failure : "it cannot be read now")));
  }
  if (absl::Status status = files_->CheckCgroup(limit.cgroup); !status.ok()) {
    const bool gone = absl::IsNotFound(status);
    return state(gone ? LimitOutcome::kGone : LimitOutcome::kFailed, status);
  }
  if (!known.cannot_limit.ok()) {
    // What stands anyway: no limit where none is wanted.
    if (Normal(limit.low_bytes, limit.max_bytes, known.device) == Value{0, kNoLimit}) {
      return state(LimitOutcome::kStands, absl::OkStatus());
    }
    return state(LimitOutcome::kUnsupported, known.cannot_limit);
  }
  LimitState found = Look(limit, known);
  if (write && found.outcome == LimitOutcome::kFailed && absl::IsNotFound(found.status)) {
    std::set<std::string> enabled;
    if (EnableDmemAbove(*files_, limit.cgroup, enabled).ok()) found = Look(limit, known);
  }
  if (!write || found.outcome != LimitOutcome::kDrifted) return found;
  return Set(limit, known, std::move(found));
}

std::vector<LimitState> NvmlBackend::Apply(const std::vector<Limit>& limits) {
  std::vector<LimitState> states;
  states.reserve(limits.size());
  for (const Limit& limit : limits) states.push_back(Limited(limit, true));
  return states;
}

std::vector<LimitState> NvmlBackend::ReadBack(const std::vector<Limit>& limits) {
  std::vector<LimitState> states;
  states.reserve(limits.size());
  for (const Limit& limit : limits) states.push_back(Limited(limit, false));
  return states;
}

}  // namespace dmem::client
