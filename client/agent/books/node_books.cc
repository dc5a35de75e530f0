// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/books/node_books.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "client/cli/byte_size.h"

namespace dmem::client {
namespace {

constexpr size_t kBaseBytesMax = 108;
constexpr char kAnnotationPrefix[] = "dmemd/";

std::string BaseOf(absl::string_view kind, absl::string_view who, absl::string_view region) {
  std::string base = absl::StrCat(kind, "/", who, "/", region);
  if (base.size() <= kBaseBytesMax && !absl::StrContains(base, "~")) return base;
  return absl::StrCat(kind, "/", absl::Hex(StableIdHash(who), absl::kZeroPad16), "/",
                      absl::Hex(StableIdHash(region), absl::kZeroPad16));
}

uint64_t GrantableOf(const Device& device) {
  const uint64_t reserved = std::min(device.capacity_bytes, device.reserved_bytes.value_or(0));
  return device.capacity_bytes - reserved;
}

class Bookkeeper {
 public:
  explicit Bookkeeper(const NodeSight& sight) : sight_(sight) {
    for (const SeenProcess& process : sight.processes) {
      Measured& seen = by_processes_[{process.pod_uid, process.region}];
      ++seen.processes;
      if (!process.used_bytes.has_value()) seen.is_complete = false;
      seen.bytes += process.used_bytes.value_or(0);
    }
    for (const KnownItem& item : sight.known) {
      known_[{item.charge_id, item.region}] = &item;
      // Two of one base: the later one was sent by an agent that ended before the answer came. It
      // is taken for that of a pod that is gone.
      known_by_base_.emplace(
          std::make_pair(item.charge_id.substr(0, item.charge_id.find('~')), item.region), &item);
    }
  }

  NodeBooks Run() {
    for (const SeenPod& pod : sight_.pods) AddPod(pod);
    AddStrangers();
    AddGonePods();
    AgreeOnCgroups();
    std::sort(books_.holdings.begin(), books_.holdings.end(),
              [](const Holding& a, const Holding& b) {
                return std::tie(a.region, a.id_base, a.charge_id) <
                       std::tie(b.region, b.id_base, b.charge_id);
              });
    return std::move(books_);
  }

 private:
  struct Measured {
    uint64_t bytes = 0;
    int processes = 0;
    bool is_complete = true;
  };

  std::string RegionName(absl::string_view local) const {
    return absl::StrCat(sight_.node, "/", local);
  }

  // Absent: the annotation is not there, or cannot be read.
  static std::optional<uint64_t> AmountOf(const Pod& pod, const char* annotation) {
    const auto it = pod.annotations.find(annotation);
    if (it == pod.annotations.end()) return std::nullopt;
    const absl::StatusOr<uint64_t> bytes = ParseByteSize(it->second);
    return bytes.ok() ? std::optional<uint64_t>(*bytes) : std::nullopt;
  }

  // Once for each pod, whether it has devices or not: what is mistyped is to be seen before it
  // matters.
  void CheckAnnotations(const Pod& pod) {
    for (const auto& [key, value] : pod.annotations) {
      std::string why;
      if (key == kLimitAnnotation || key == kRequestAnnotation) {
        const absl::Status status = ParseByteSize(value).status();
        if (!status.ok()) why = absl::StrCat("is not an amount of bytes: ", status.message());
      } else if (absl::StartsWith(key, kAnnotationPrefix) && key != kChargeAnnotation) {
        why = absl::StrCat("is not known; there are ", kLimitAnnotation, ", ", kRequestAnnotation,
                           " and ", kChargeAnnotation);
      }
      if (why.empty()) continue;
      books_.problems.push_back(absl::InvalidArgumentError(
          absl::StrCat("annotation ", key, " of pod ", pod.name_space, "/", pod.name, " ", why)));
    }
  }

  static bool HasDevice(const Pod& pod, const Device& device) {
    for (const PodContainer& container : pod.containers) {
      for (const PodDevice& given : container.devices) {
        for (const std::string& id : given.ids) {
          if (std::find(device.device_ids.begin(), device.device_ids.end(), id) !=
              device.device_ids.end())
            return true;
        }
      }
    }
    return false;
  }

  // What is seen of a pod on a device; absent if nothing can be said.
  std::optional<uint64_t> MeasuredOf(const SeenPod& pod, const std::string& local) const {
    const auto usage = sight_.cgroup_usage.find({pod.node_cgroup, local});
    if (!pod.node_cgroup.empty() && usage != sight_.cgroup_usage.end()) return usage->second;
    return ByProcesses(pod.pod.cgroup_uid, local);
  }

  std::optional<uint64_t> ByProcesses(const std::string& uid, const std::string& local) const {
    const auto it = by_processes_.find({uid, local});
    if (it == by_processes_.end()) {
      if (sight_.listed_regions.count(local) == 0) return std::nullopt;
      return 0;
    }
    if (!it->second.is_complete) return std::nullopt;
    return it->second.bytes;
  }

  bool HasProcesses(const std::string& uid, const std::string& local) const {
    return !uid.empty() && by_processes_.count({uid, local}) > 0;
  }

  // An id that a pod may hold under: of a reservation that has ended only what is held already.
  bool IsUsable(const std::string& id, const std::string& region) const {
    if (sight_.ended_ids.count(id) == 0) return true;
    const auto known = known_.find({id, region});
    return known != known_.end() && !known->second->is_reserved;
  }

  void AddPod(const SeenPod& seen) {
    const Pod& pod = seen.pod;
    if (!HasEnded(pod)) CheckAnnotations(pod);
    if (pod.cgroup_uid.empty()) {
      // Only kubelet knows it so far; its charge needs its uid.
      if (pod.has_devices_known && !pod.containers.empty()) unidentified_ = true;
      return;
    }
    uids_.insert(pod.cgroup_uid);
    for (const Device& device : sight_.devices) AddPodOnDevice(seen, device);
  }

  void AddPodOnDevice(const SeenPod& seen, const Device& device) {
    const Pod& pod = seen.pod;
    const bool is_given = HasDevice(pod, device);
    const std::optional<uint64_t> measured = MeasuredOf(seen, device.region);
    const bool is_seen = HasProcesses(pod.cgroup_uid, device.region) || measured.value_or(0) > 0;
    Holding holding = HoldingOf(seen, device);
    const KnownItem* known = FindKnown(holding);
    if (!is_given && !is_seen && known == nullptr) return;

    const bool is_over = HasEnded(pod);
    if ((is_over || !is_given) && !is_seen && known != nullptr) {
      return EndOrKeep(holding, *known, pod.cgroup_uid, device);
    }
    if (is_over && !is_seen) return;
    holding.measured_bytes = measured;
    holding.state = HoldingState::kRunning;
    if (pod.phase == "Pending" && !is_seen) holding.state = HoldingState::kPending;
    if (is_over || pod.is_deleting) holding.state = HoldingState::kEnding;
    Book(pod, device, is_given, known, &holding);
    books_.holdings.push_back(std::move(holding));
  }

  Holding HoldingOf(const SeenPod& seen, const Device& device) const {
    const Pod& pod = seen.pod;
    Holding holding;
    holding.region = RegionName(device.region);
    holding.local_region = device.region;
    holding.id_base = PodIdBase(pod.cgroup_uid, device.region);
    const auto reserved = pod.annotations.find(kChargeAnnotation);
    if (reserved != pod.annotations.end() && IsUsable(reserved->second, holding.region))
      holding.charge_id = reserved->second;
    FillChargeId(&holding);
    holding.cgroup = seen.mapped.cgroup;
    holding.node_cgroup = seen.node_cgroup;
    holding.pod_uid = pod.cgroup_uid;
    holding.pod_namespace = pod.name_space;
    holding.pod_name = pod.name;
    return holding;
  }

  void Book(const Pod& pod, const Device& device, bool is_given, const KnownItem* known,
            Holding* holding) {
    const std::optional<uint64_t> limit = AmountOf(pod, kLimitAnnotation);
    const std::optional<uint64_t> request = AmountOf(pod, kRequestAnnotation);
    if (limit.has_value() && *limit != kNoLimit) {
      holding->booked_bytes = *limit;
      holding->max_bytes = *limit;
      holding->is_limited = true;
    } else if (is_given && device.capacity_bytes > 0) {
      holding->booked_bytes = GrantableOf(device);
    } else {
      holding->is_measured_basis = true;
      holding->booked_bytes = ByMeasure(*holding, known);
    }
    if (request.has_value()) {
      holding->low_bytes = std::min(*request, holding->max_bytes);
      holding->is_limited = true;
    }
  }

  // What a charge by measure is to be: all that was measured; while that is not known, no less than
  // what is known and what it was.
  uint64_t ByMeasure(const Holding& holding, const KnownItem* known) const {
    if (holding.measured_bytes.has_value()) return *holding.measured_bytes;
    const auto seen = by_processes_.find({holding.pod_uid, holding.local_region});
    return std::max(known == nullptr ? 0 : known->bytes,
                    seen == by_processes_.end() ? 0 : seen->second.bytes);
  }

  void FillChargeId(Holding* holding) const {
    if (!holding->charge_id.empty()) return;
    const auto remembered = sight_.remembered_ids.find(holding->pod_uid);
    const auto known = known_by_base_.find({holding->id_base, holding->region});
    if (!holding->pod_uid.empty() && remembered != sight_.remembered_ids.end() &&
        IsUsable(remembered->second, holding->region)) {
      holding->charge_id = remembered->second;
    } else if (known != known_by_base_.end()) {
      holding->charge_id = known->second->charge_id;
    }
  }

  const KnownItem* FindKnown(const Holding& holding) const {
    const auto it = known_.find({holding.charge_id, holding.region});
    return it == known_.end() ? nullptr : it->second;
  }

  // Processes whose pod no source knows, or that are of none.
  void AddStrangers() {
    for (const auto& [key, seen] : by_processes_) {
      const auto& [uid, local] = key;
      if (uids_.count(uid) > 0) continue;
      Holding holding;
      holding.region = RegionName(local);
      holding.local_region = local;
      holding.pod_uid = uid;
      holding.id_base = uid.empty() ? HostIdBase(sight_.node, local) : PodIdBase(uid, local);
      FillChargeId(&holding);
      holding.cgroup = uid.empty() ? kUnmappedHostCgroup : MappedOf(uid);
      if (seen.is_complete) holding.measured_bytes = seen.bytes;
      holding.is_measured_basis = true;
      const KnownItem* known = FindKnown(holding);
      holding.booked_bytes = ByMeasure(holding, known);
      if (known != nullptr && !uid.empty()) {
        // Its pod is gone: what it was charged for stays until its last process has ended.
        holding.state = HoldingState::kEnding;
        holding.cgroup = known->cgroup;
        holding.is_measured_basis = known->is_measured_basis;
        if (!known->is_measured_basis) holding.booked_bytes = known->bytes;
      }
      books_.holdings.push_back(std::move(holding));
    }
  }

  static std::string MappedOf(const std::string& uid) {
    Pod pod;
    pod.cgroup_uid = uid;
    return MapPod({}, pod).cgroup;
  }

  // What is charged to pods that are not there any more, and has no process; and second charges of
  // pods that are there.
  void AddGonePods() {
    std::set<std::pair<std::string, std::string>> held;
    std::map<std::pair<std::string, std::string>, const KnownItem*> by_owner;  // Null: not yet.
    for (const Holding& holding : books_.holdings) {
      held.emplace(holding.charge_id, holding.region);
      const KnownItem* known = FindKnown(holding);
      by_owner[{holding.pod_uid, holding.region}] =
          known == nullptr || known->is_reserved ? nullptr : known;
    }
    for (const NodeBooks::Freed& freed : books_.freed)
      held.emplace(freed.item.charge_id, freed.item.region);
    for (const KnownItem& item : sight_.known) {
      if (item.is_reserved || held.count({item.charge_id, item.region}) > 0) continue;
      const Device* device = FindDevice(item.region);
      if (device == nullptr) continue;  // Not seen this time: nothing follows.
      const std::optional<std::string> uid = UidOf(item.charge_id, device->region);
      if (!uid.has_value()) continue;  // Somebody else's.
      Holding holding;
      holding.charge_id = item.charge_id;
      holding.id_base = item.charge_id.substr(0, item.charge_id.find('~'));
      holding.region = item.region;
      holding.local_region = device->region;
      const auto other = by_owner.find({*uid, item.region});
      if (other == by_owner.end()) {
        EndOrKeep(holding, item, *uid, *device);
      } else if (other->second == nullptr) {
        Keep(holding, item, *uid);
      } else {
        books_.freed.push_back(
            {item, absl::StrCat("what ", NameOf(*uid), " holds on ", device->region,
                                " is charged as ", other->second->charge_id)});
      }
    }
  }

  // An item has one cgroup. Of several tenants whose pods share it, the one that it is charged to.
  void AgreeOnCgroups() {
    std::map<std::pair<std::string, std::string>, std::string> agreed;
    for (const Holding& holding : books_.holdings) {
      const KnownItem* known = FindKnown(holding);
      std::string& cgroup =
          agreed.try_emplace({holding.charge_id, holding.region}, holding.cgroup).first->second;
      if (known != nullptr && known->cgroup == holding.cgroup) cgroup = holding.cgroup;
    }
    for (Holding& holding : books_.holdings) {
      if (!holding.charge_id.empty())
        holding.cgroup = agreed.at({holding.charge_id, holding.region});
    }
  }

  const Device* FindDevice(const std::string& region) const {
    for (const Device& device : sight_.devices) {
      if (RegionName(device.region) == region) return &device;
    }
    return nullptr;
  }

  // Whose charge it is: a pod's uid, or empty for what is of no pod. Absent: not one of ours.
  std::optional<std::string> UidOf(absl::string_view charge_id, const std::string& local) const {
    charge_id = charge_id.substr(0, charge_id.find('~'));
    if (charge_id == HostIdBase(sight_.node, local)) return "";
    for (const auto& [uid, id] : sight_.remembered_ids) {
      if (id == charge_id) return uid;
    }
    if (!absl::ConsumePrefix(&charge_id, "pod/")) return std::nullopt;
    return std::string(charge_id.substr(0, charge_id.find('/')));
  }

  // An item without a process: given back if that is known, else held on.
  void EndOrKeep(Holding holding, const KnownItem& item, const std::string& uid,
                 const Device& device) {
    const std::string evidence = EvidenceOf(uid, device);
    const bool pod_may_be_there = !sight_.pods_are_complete || unidentified_;
    if (!evidence.empty() && !pod_may_be_there) {
      books_.freed.push_back({item, evidence});
      return;
    }
    holding.state = HoldingState::kEnding;
    holding.measured_bytes = ByProcesses(uid, device.region);
    // Of a pod that may be there, nothing changes.
    if (pod_may_be_there && !item.is_releasing) holding.state = HoldingState::kRunning;
    Keep(std::move(holding), item, uid);
  }

  // As it is charged.
  void Keep(Holding holding, const KnownItem& item, const std::string& uid) {
    holding.cgroup = item.cgroup;
    holding.is_measured_basis = item.is_measured_basis;
    holding.booked_bytes = item.bytes;
    holding.pod_uid = uid;
    books_.holdings.push_back(std::move(holding));
  }

  static std::string NameOf(const std::string& uid) {
    return uid.empty() ? "it" : absl::StrCat("pod ", uid);
  }

  // Why nothing that the pod held is on the device any more; empty: that is not known.
  std::string EvidenceOf(const std::string& uid, const Device& device) const {
    if (device.failed) return "";
    if (sight_.listed_regions.count(device.region) > 0) {
      return absl::StrCat("no process of ", NameOf(uid), " is on ", device.region);
    }
    if (!device.used_bytes.has_value()) return "";
    // The device was read between the two looks at the cgroups: one that has grown since may hold
    // now what the pod held then.
    uint64_t attributed = device.reserved_bytes.value_or(0);
    for (const auto& [key, bytes] : sight_.cgroup_usage) {
      if (key.second != device.region) continue;
      const auto before = sight_.cgroup_usage_before.find(key);
      if (before != sight_.cgroup_usage_before.end()) attributed += std::min(bytes, before->second);
    }
    if (*device.used_bytes > attributed) return "";
    return absl::StrCat("all ", *device.used_bytes, " bytes in use on ", device.region,
                        " are others'");
  }

  const NodeSight& sight_;
  std::map<std::pair<std::string, std::string>, Measured> by_processes_;   // By uid and region.
  std::map<std::pair<std::string, std::string>, const KnownItem*> known_;  // By id.
  std::map<std::pair<std::string, std::string>, const KnownItem*> known_by_base_;  // By id_base.
  std::set<std::string> uids_;
  // kubelet has a pod with devices of which nobody knows the uid yet.
  bool unidentified_ = false;
  NodeBooks books_;
};

}  // namespace

// FNV-1a.
uint64_t StableIdHash(absl::string_view text) {
  uint64_t hash = 14695981039346656037u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return hash;
}

std::string PodIdBase(absl::string_view pod_uid, absl::string_view local_region) {
  return BaseOf("pod", pod_uid, local_region);
}

std::string HostIdBase(absl::string_view node, absl::string_view local_region) {
  return BaseOf("host", node, local_region);
}

std::string ChargeIdAt(absl::string_view base, absl::Time now) {
  return absl::StrCat(base, "~", absl::Hex(absl::ToUnixMicros(now)));
}

NodeBooks MakeNodeBooks(const NodeSight& sight) { return Bookkeeper(sight).Run(); }

}  // namespace dmem::client
