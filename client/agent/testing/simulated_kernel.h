// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_TESTING_SIMULATED_KERNEL_H_
#define DMEMD_CLIENT_AGENT_TESTING_SIMULATED_KERNEL_H_

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "client/agent/dmem_files/cgroup_files.h"

namespace dmem::client {

// What the kernel does behind its dmem files, as far as an agent can see it: files appear and go
// with +dmem and -dmem in the parent's cgroup.subtree_control, limits below a cgroup that loses
// them are reset, and a dmem.max below the usage is taken without an error and does not stand.
//
// Source: conformance vectors, sections 3.3, 3.9 and 5.2; the kernel's cgroup-v2 documentation, on
// cgroup.subtree_control.
class SimulatedKernel {
 public:
  struct Pool {
    uint64_t current = 0;
    uint64_t peak = 0;
    uint64_t low = 0;
    uint64_t max = (uint64_t{1} << 51) - 1;
  };

  SimulatedKernel() { cgroups_["/"] = {}; }

  void AddRegion(const std::string& region, uint64_t capacity) {
    regions_.emplace_back(region, capacity);
  }
  void RemoveRegions() { regions_.clear(); }
  void AddCgroup(const std::string& path) { cgroups_[path] = {}; }
  void RemoveCgroup(const std::string& path) { cgroups_.erase(path); }
  // As systemd does when it realizes a unit that asks for no device memory.
  void StripDmem(const std::string& path) {
    cgroups_.at(path).subtree_has_dmem = false;
    for (auto& [child, cgroup] : cgroups_) {
      if (child != path && ParentOf(child) == path) cgroup.pools.clear();
    }
  }
  Pool& PoolOf(const std::string& path, const std::string& region) {
    return cgroups_.at(path).pools[region];
  }
  bool HasDmem(const std::string& path) const { return cgroups_.at(path).subtree_has_dmem; }

  // Every write that was tried, as FILE: TEXT.
  std::vector<std::string> writes;
  // Asked before each access to "/a/b" + "/" + "dmem.max"; anything but OK is what it returns.
  std::function<absl::Status(const std::string& path)> fault;
  // What every write returns, unless it is OK.
  absl::Status write_fault;
  // What a file reads as instead.
  std::map<std::string, std::string> instead;

  // Files that look at this kernel; it outlives them.
  std::unique_ptr<CgroupFiles> Files() { return std::make_unique<View>(*this); }

 private:
  struct Cgroup {
    bool subtree_has_dmem = false;
    std::map<std::string, Pool> pools;
  };

  static std::string ParentOf(const std::string& path) {
    const size_t slash = path.rfind('/');
    return slash == 0 ? "/" : path.substr(0, slash);
  }

  static std::string ShowOf(uint64_t value) {
    return value >= (uint64_t{1} << 51) - 1 ? "max" : std::to_string(value);
  }

  class View : public CgroupFiles {
   public:
    explicit View(SimulatedKernel& kernel) : kernel_(kernel) {}

    absl::StatusOr<std::string> Read(absl::string_view cgroup, absl::string_view file) override {
      const std::string path = absl::StrCat(cgroup == "/" ? "" : cgroup, "/", file);
      if (absl::Status status = kernel_.Check(std::string(cgroup), file); !status.ok()) {
        return status;
      }
      if (const auto it = kernel_.instead.find(path); it != kernel_.instead.end()) {
        return it->second;
      }
      Cgroup& of = kernel_.cgroups_.at(std::string(cgroup));
      if (file == "cgroup.subtree_control") return of.subtree_has_dmem ? "cpu dmem\n" : "cpu\n";
      std::string text;
      for (const auto& [region, capacity] : kernel_.regions_) {
        const Pool& pool = of.pools[region];
        const std::string value = file == "dmem.capacity"  ? std::to_string(capacity)
                                  : file == "dmem.current" ? std::to_string(pool.current)
                                  : file == "dmem.peak"    ? std::to_string(pool.peak)
                                  : file == "dmem.low"     ? ShowOf(pool.low)
                                                           : ShowOf(pool.max);
        absl::StrAppend(&text, region, " ", value, "\n");
      }
      return text;
    }

    absl::Status WriteLimit(absl::string_view cgroup, absl::string_view file,
                            absl::string_view region, absl::string_view value) override {
      kernel_.writes.push_back(absl::StrCat(cgroup, "/", file, ": ", region, " ", value));
      if (!kernel_.write_fault.ok()) return kernel_.write_fault;
      if (absl::Status status = kernel_.Check(std::string(cgroup), file); !status.ok()) {
        return status;
      }
      Pool& pool = kernel_.cgroups_.at(std::string(cgroup)).pools[std::string(region)];
      uint64_t bytes = (uint64_t{1} << 51) - 1;
      if (value != "max" && !absl::SimpleAtoi(value, &bytes)) {
        return absl::UnavailableError("Invalid argument");
      }
      if (file == "dmem.low") pool.low = bytes;
      if (file == "dmem.max" && pool.current <= bytes) pool.max = bytes;
      return absl::OkStatus();
    }

    absl::Status EnableDmem(absl::string_view cgroup) override {
      kernel_.writes.push_back(absl::StrCat(cgroup, "/cgroup.subtree_control: +dmem"));
      const std::string path(cgroup);
      if (!kernel_.write_fault.ok()) return kernel_.write_fault;
      if (absl::Status status = kernel_.Check(path, "cgroup.subtree_control"); !status.ok()) {
        return status;
      }
      if (path != "/" && !kernel_.HasDmem(ParentOf(path))) {
        return absl::NotFoundError("the parent does not pass dmem on");
      }
      kernel_.cgroups_.at(path).subtree_has_dmem = true;
      return absl::OkStatus();
    }

    absl::Status CheckCgroup(absl::string_view cgroup) override {
      return kernel_.cgroups_.count(std::string(cgroup)) != 0 ? absl::OkStatus()
                                                              : absl::NotFoundError("no cgroup");
    }

    absl::Status CheckWritable(absl::string_view cgroup, absl::string_view file) override {
      return kernel_.Check(std::string(cgroup), file);
    }

   private:
    SimulatedKernel& kernel_;
  };

  absl::Status Check(const std::string& cgroup, absl::string_view file) const {
    const std::string path = absl::StrCat(cgroup == "/" ? "" : cgroup, "/", file);
    if (fault) {
      if (absl::Status status = fault(path); !status.ok()) return status;
    }
    if (cgroups_.count(cgroup) == 0) return absl::NotFoundError(path);
    const bool of_dmem = file.substr(0, 5) == "dmem.";
    const bool only_root = file == "dmem.capacity";
    const bool in_root = only_root || file == "dmem.current";
    if (of_dmem && cgroup == "/" && !in_root) return absl::NotFoundError(path);
    if (of_dmem && cgroup != "/" && (only_root || !HasDmem(ParentOf(cgroup)))) {
      return absl::NotFoundError(path);
    }
    return absl::OkStatus();
  }

  std::map<std::string, Cgroup> cgroups_;
  std::vector<std::pair<std::string, uint64_t>> regions_;
};

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_TESTING_SIMULATED_KERNEL_H_
