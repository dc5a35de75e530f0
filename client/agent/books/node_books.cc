// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/books/node_books.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "client/agent/books/charge_ids.h"
#include "client/agent/books/evidence.h"
#include "client/agent/books/forced_bytes.h"
#include "client/agent/books/pod_annotations.h"

namespace dmem::client {
namespace {

bool IsOver(const Pod* pod) { return pod == nullptr || HasEnded(*pod) || pod->is_deleting; }

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
      // Two of one base: the later one was sent by an agent that ended before the answer came. It
      // is taken for that of a pod that is gone.
      known_by_base_.emplace(
          std::make_pair(item.charge_id.substr(0, item.charge_id.find('~')), item.region), &item);
    }
  }

  NodeBooks Run() {
    for (const auto& [uid, id] : sight_.remembered_ids) named_by_[id].insert(uid);
    for (const SeenPod& pod : sight_.pods) AddPod(pod);
    AddStrangers();
    AddLeftBehind();
    Sort();
    SetForced(sight_, NamedOrMeasured(), &books_.holdings);
    ShareOut(sight_.known, &books_.holdings);
    AddUnheld();
    Sort();
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

  void Sort() {
    std::sort(books_.holdings.begin(), books_.holdings.end(),
              [](const Holding& a, const Holding& b) {
                return std::tie(a.region, a.id_base, a.charge_id, a.pod_uid) <
                       std::tie(b.region, b.id_base, b.charge_id, b.pod_uid);
              });
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

  // The item that is held under an id; of several, one that no holding is under by its cgroup.
  const KnownItem* FindHeld(const std::string& id, const std::string& region) const {
    const KnownItem* first = nullptr;
    for (const KnownItem& item : sight_.known) {
      if (item.is_reserved || item.charge_id != id || item.region != region) continue;
      const bool is_taken =
          std::any_of(books_.holdings.begin(), books_.holdings.end(), [&](const Holding& holding) {
            return holding.charge_id == id && holding.region == region &&
                   holding.cgroup == item.cgroup;
          });
      if (!is_taken) return &item;
      if (first == nullptr) first = &item;
    }
    return first;
  }

  // An id that a pod may hold under: of a reservation that has ended only what is held already.
  bool IsUsable(const std::string& id, const Holding& holding) const {
    const auto ended = sight_.ended_ids.lower_bound({id, ""});
    const bool is_for_any = ended != sight_.ended_ids.end() && ended->first == id;
    // Of a pod that is gone the tenant is not known.
    const bool is_ended = pods_.count(holding.pod_uid) > 0
                              ? sight_.ended_ids.count({id, holding.cgroup}) > 0
                              : is_for_any;
    return !is_ended || FindHeld(id, holding.region) != nullptr;
  }

  void AddPod(const SeenPod& seen) {
    const Pod& pod = seen.pod;
    if (!HasEnded(pod)) {
      // Whether it has devices or not: what is mistyped is to be seen before it matters.
      for (absl::Status& problem : AnnotationProblems(pod))
        books_.problems.push_back(std::move(problem));
    }
    if (pod.cgroup_uid.empty()) {
      // Only kubelet knows it so far; its charge needs its uid.
      if (pod.has_devices_known && !pod.containers.empty()) unidentified_ = true;
      return;
    }
    pods_[pod.cgroup_uid] = &seen;
    const auto named = pod.annotations.find(kChargeAnnotation);
    if (named != pod.annotations.end()) named_by_[named->second].insert(pod.cgroup_uid);
    for (const Device& device : sight_.devices) AddPodOnDevice(seen, device);
  }

  // Only where it was given the device, or is seen on it. What is charged for it elsewhere may be
  // another pod's that names the same reservation.
  void AddPodOnDevice(const SeenPod& seen, const Device& device) {
    const Pod& pod = seen.pod;
    const bool is_given = !HasEnded(pod) && HasDevice(pod, device);
    const std::optional<uint64_t> measured = MeasuredOf(seen, device.region);
    const bool is_seen = HasProcesses(pod.cgroup_uid, device.region) || measured.value_or(0) > 0;
    if (!is_given && !is_seen) return;
    Holding holding = HoldingOf(seen, device);
    holding.measured_bytes = measured;
    if (pod.phase == "Pending" && !is_seen && sight_.admitted.count(pod.cgroup_uid) == 0)
      holding.state = HoldingState::kPending;
    if (IsOver(&pod)) holding.state = HoldingState::kEnding;
    Book(pod, device, is_given, &holding);
    books_.holdings.push_back(std::move(holding));
  }

  Holding HoldingOf(const SeenPod& seen, const Device& device) const {
    const Pod& pod = seen.pod;
    Holding holding;
    holding.region = RegionName(device.region);
    holding.local_region = device.region;
    holding.id_base = PodIdBase(pod.cgroup_uid, device.region);
    holding.cgroup = seen.mapped.cgroup;
    holding.node_cgroup = seen.node_cgroup;
    SetPod(pod, &holding);
    const auto reserved = pod.annotations.find(kChargeAnnotation);
    if (reserved != pod.annotations.end() && IsUsable(reserved->second, holding))
      holding.charge_id = reserved->second;
    FillChargeId(&holding);
    return holding;
  }

  static void SetPod(const Pod& pod, Holding* holding) {
    holding->pod_uid = pod.cgroup_uid;
    holding->pod_namespace = pod.name_space;
    holding->pod_name = pod.name;
  }

  void Book(const Pod& pod, const Device& device, bool is_given, Holding* holding) {
    const std::optional<uint64_t> limit = AnnotatedBytes(pod, kLimitAnnotation);
    const std::optional<uint64_t> request = AnnotatedBytes(pod, kRequestAnnotation);
    if (limit.has_value() && *limit != kNoLimit) {
      holding->booked_bytes = *limit;
      holding->max_bytes = *limit;
      holding->is_limited = true;
    } else if (is_given && IsHeldOfOthers(*holding)) {
      holding->is_as_charged = true;
    } else if (is_given && device.capacity_bytes > 0) {
      holding->booked_bytes = GrantableOf(device);
    } else {
      BookByMeasure(holding);
    }
    if (request.has_value()) {
      holding->low_bytes = std::min(*request, holding->max_bytes);
      holding->is_limited = true;
    }
  }

  // Whether the charge was made by somebody else, who said how much it has there.
  bool IsHeldOfOthers(const Holding& holding) const {
    const KnownItem* held = FindHeld(holding.charge_id, holding.region);
    return held != nullptr && !held->is_measured_basis && named_by_.count(holding.charge_id) > 0;
  }

  // All that was measured; while that is not known, no less than what is known and what it was.
  void BookByMeasure(Holding* holding) const {
    holding->is_measured_basis = true;
    const auto seen = by_processes_.find({holding->pod_uid, holding->local_region});
    const uint64_t least = seen == by_processes_.end() ? 0 : seen->second.bytes;
    holding->booked_bytes = holding->measured_bytes.value_or(least);
    holding->is_as_charged = !holding->measured_bytes.has_value();
  }

  void FillChargeId(Holding* holding) const {
    if (!holding->charge_id.empty()) return;
    const auto remembered = sight_.remembered_ids.find(holding->pod_uid);
    if (!holding->pod_uid.empty() && remembered != sight_.remembered_ids.end() &&
        IsUsable(remembered->second, *holding)) {
      holding->charge_id = remembered->second;
      return;
    }
    // Of no pod there is none of the second kind.
    for (const std::string& base : {holding->id_base, PodIdBase(holding->pod_uid)}) {
      if (holding->pod_uid.empty() && base != holding->id_base) continue;
      const auto known = known_by_base_.find({base, holding->region});
      if (known == known_by_base_.end()) continue;
      holding->charge_id = known->second->charge_id;
      return;
    }
  }

  // Processes whose pod no source knows, or that are of none.
  void AddStrangers() {
    for (const auto& [key, seen] : by_processes_) {
      const auto& [uid, local] = key;
      if (pods_.count(uid) > 0) continue;
      Holding holding;
      holding.region = RegionName(local);
      holding.local_region = local;
      holding.pod_uid = uid;
      holding.id_base = uid.empty() ? HostIdBase(sight_.node, local) : PodIdBase(uid, local);
      holding.cgroup = uid.empty() ? kUnmappedHostCgroup : MappedOf(uid);
      FillChargeId(&holding);
      if (seen.is_complete) holding.measured_bytes = seen.bytes;
      BookByMeasure(&holding);
      const KnownItem* held = FindHeld(holding.charge_id, holding.region);
      if (held != nullptr && !uid.empty()) {
        // Its pod is gone: what it was charged for stays until its last process has ended.
        holding.state = HoldingState::kEnding;
        holding.cgroup = held->cgroup;
        holding.is_measured_basis = held->is_measured_basis;
        if (!held->is_measured_basis) {
          holding.booked_bytes = 0;
          holding.is_as_charged = true;
        }
      }
      books_.holdings.push_back(std::move(holding));
    }
  }

  static std::string MappedOf(const std::string& uid) {
    Pod pod;
    pod.cgroup_uid = uid;
    return MapPod({}, pod).cgroup;
  }

  // What is held, and was not seen to be: of pods that are gone, or of which it is not known what
  // they have; and second charges of pods that are there. Each item once, whoever shared it.
  void AddUnheld() {
    std::set<std::tuple<std::string, std::string, std::string>> held;
    Elsewhere elsewhere;
    for (const Holding& holding : books_.holdings) {
      if (holding.IsHeld())
        held.emplace(holding.item->charge_id, holding.region, holding.item->cgroup);
      elsewhere[{holding.pod_uid, holding.region}] =
          holding.IsHeld() ? holding.item->charge_id : "";
    }
    for (const KnownItem& item : sight_.known) {
      if (item.is_reserved || held.count({item.charge_id, item.region, item.cgroup}) > 0) continue;
      const Device* device = FindDevice(item.region);
      if (device == nullptr) continue;  // Not seen this time: nothing follows.
      const std::set<std::string> owners = OwnersOf(item.charge_id, device->region);
      if (!owners.empty()) EndOrKeep(item, *device, owners, elsewhere);
    }
  }

  // Of items that pods still hold under, what those that are gone had: free where that is known,
  // else still theirs. Of a scheduler's item that is larger than what its pods are to have nobody
  // knows for whom that is, until one of them is gone.
  void AddLeftBehind() {
    for (const KnownItem& item : sight_.known) {
      const auto named = named_by_.find(item.charge_id);
      const Device* device = FindDevice(item.region);
      if (item.is_reserved || item.is_measured_basis || named == named_by_.end() ||
          device == nullptr)
        continue;
      const std::vector<Holding*> holders = HoldersOf(sight_.known, item, &books_.holdings);
      std::set<std::string> gone;
      for (const std::string& uid : named->second) {
        const bool holds =
            std::any_of(holders.begin(), holders.end(),
                        [&uid](const Holding* holding) { return holding->pod_uid == uid; });
        if (!holds && IsGone(uid)) gone.insert(uid);
      }
      if (!holders.empty() && !gone.empty()) LeaveBehind(item, *device, gone, holders);
    }
  }

  void LeaveBehind(const KnownItem& item, const Device& device, const std::set<std::string>& gone,
                   const std::vector<Holding*>& holders) {
    uint64_t known = 0;
    bool has_unknown = false;  // One that has what the others leave.
    for (const Holding* holding : holders) {
      if (holding->state == HoldingState::kPending) continue;
      known += ChargedBefore(sight_, *holding).value_or(holding->booked_bytes);
      has_unknown = has_unknown || holding->is_as_charged;
    }
    if (has_unknown || known >= item.bytes) return;
    if (!MayBeThere() && !EvidenceOf(sight_, gone, device).empty()) {
      for (Holding* holding : holders) holding->is_rest_free = true;
      return;
    }
    Keep(item, device, *gone.begin(),
         MayBeThere() ? HoldingState::kRunning : HoldingState::kEnding);
    // What the others leave.
    Holding& kept = books_.holdings.back();
    kept.booked_bytes = 0;
    kept.charged_bytes.reset();
    kept.item.reset();
  }

  // Charges that pods' annotations name, or did, and those by measure.
  std::set<std::string> NamedOrMeasured() const {
    std::set<std::string> charges;
    for (const auto& charge : named_by_) charges.insert(charge.first);
    for (const KnownItem& item : sight_.known) {
      if (item.is_measured_basis) charges.insert(item.charge_id);
    }
    return charges;
  }

  bool IsGone(const std::string& uid) const {
    const Pod* pod = PodOf(uid);
    return pod == nullptr || HasEnded(*pod);
  }

  // Whether a pod that is not listed may be there all the same.
  bool MayBeThere() const { return !sight_.pods_are_complete || unidentified_; }

  const Device* FindDevice(const std::string& region) const {
    for (const Device& device : sight_.devices) {
      if (RegionName(device.region) == region) return &device;
    }
    return nullptr;
  }

  // Whose charge it is: pods' uids, or "" for what is of no pod. None: it is not one of ours.
  std::set<std::string> OwnersOf(absl::string_view charge_id, const std::string& local) const {
    const auto named = named_by_.find(std::string(charge_id));
    if (named != named_by_.end()) return named->second;
    charge_id = charge_id.substr(0, charge_id.find('~'));
    if (charge_id == HostIdBase(sight_.node, local)) return {""};
    if (!absl::ConsumePrefix(&charge_id, "pod/")) return {};
    return {std::string(charge_id.substr(0, charge_id.find('/')))};
  }

  // The charge that a pod holds under on a device, by its uid and the region; "": none yet.
  using Elsewhere = std::map<std::pair<std::string, std::string>, std::string>;

  // An item under which nothing was seen: given back if it is known that nothing is there, else
  // held on.
  void EndOrKeep(const KnownItem& item, const Device& device, std::set<std::string> owners,
                 const Elsewhere& elsewhere) {
    for (auto it = owners.begin(); it != owners.end();) {
      const auto other = elsewhere.find({*it, item.region});
      if (other == elsewhere.end()) {
        ++it;
      } else if (other->second.empty()) {
        return Keep(item, device, *it, HoldingState::kRunning);
      } else if (owners.size() == 1) {
        books_.freed.push_back(
            {item, absl::StrCat("what ", PodInWords(*it), " holds on ", device.region,
                                " is charged as ", other->second)});
        return;
      } else {
        it = owners.erase(it);
      }
    }
    const std::string evidence = EvidenceOf(sight_, owners, device);
    // Of a pod that may be there, nothing changes.
    if (!evidence.empty() && !MayBeThere()) {
      books_.freed.push_back({item, evidence});
      return;
    }
    const auto present = std::find_if(owners.begin(), owners.end(), [this](const std::string& uid) {
      return !IsOver(PodOf(uid));
    });
    const bool is_over = present == owners.end() && (!MayBeThere() || item.is_releasing);
    Keep(item, device, present == owners.end() ? *owners.begin() : *present,
         is_over ? HoldingState::kEnding : HoldingState::kRunning);
  }

  const Pod* PodOf(const std::string& uid) const {
    const auto it = pods_.find(uid);
    return it == pods_.end() ? nullptr : &it->second->pod;
  }

  // As it is charged.
  void Keep(const KnownItem& item, const Device& device, const std::string& uid,
            HoldingState state) {
    Holding holding;
    holding.charge_id = item.charge_id;
    holding.id_base = item.charge_id.substr(0, item.charge_id.find('~'));
    holding.region = item.region;
    holding.local_region = device.region;
    holding.cgroup = item.cgroup;
    holding.state = state;
    holding.is_measured_basis = item.is_measured_basis;
    holding.is_as_charged = true;
    holding.booked_bytes = item.bytes;
    holding.charged_bytes = item.bytes;
    holding.item = item;
    holding.measured_bytes = ByProcesses(uid, device.region);
    holding.pod_uid = uid;
    if (const Pod* pod = PodOf(uid); pod != nullptr) SetPod(*pod, &holding);
    books_.holdings.push_back(std::move(holding));
  }

  const NodeSight& sight_;
  std::map<std::pair<std::string, std::string>, Measured> by_processes_;  // By uid and region.
  std::map<std::pair<std::string, std::string>, const KnownItem*> known_by_base_;  // By id_base.
  std::map<std::string, const SeenPod*> pods_;                                     // By uid.
  std::map<std::string, std::set<std::string>> named_by_;  // Uids, by charge id.
  // kubelet has a pod with devices of which nobody knows the uid yet.
  bool unidentified_ = false;
  NodeBooks books_;
};

}  // namespace

NodeBooks MakeNodeBooks(const NodeSight& sight) { return Bookkeeper(sight).Run(); }

}  // namespace dmem::client
