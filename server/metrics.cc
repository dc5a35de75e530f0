// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/metrics.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "core/views.h"
#include "server/metric_families.h"

namespace dmem::server {

namespace {

using prometheus::MetricType;

enum ObjectFamily : size_t {
  kRegionCapacity,
  kRegionReserved,
  kRegionGrantable,
  kRegionUsage,
  kRegionOver,
  kRegionReservations,
  kNodeReconciled,
  kRegionDeviceUsed,
  kRegionUnattributed,
  kRegionMeasured,
  kRegionOverGrant,
  kRegionState,
  kRegionCordoned,
  kRegionInfo,
  kGroupCapacity,
  kGroupGrantable,
  kGroupUsage,
  kGroupReservations,
  kPoolUsage,
  kPoolPeak,
  kPoolMin,
  kPoolLow,
  kPoolMax,
  kPoolEmin,
  kPoolElow,
  kPoolOver,
  kPoolRefusals,
  kPoolWouldRefuse,
  kPoolByteSeconds,
  kObjects,
  kObjectsMax,
  kSessions,
  kSessionsSilent,
  kRegions,
  kNodesNotReady,
  kReservationsExpired,
  kReleasesCompleted,
  kReleaseAgeOldest,
  kRegionsOmitted,
  kPoolsOmitted,
  kObjectFamilies,
};

constexpr FamilyDescription kObjectTable[] = {
    {"dmemd_region_capacity_bytes", MetricType::Gauge, "Memory of the device."},
    {"dmemd_region_reserved_bytes", MetricType::Gauge, "Driver overhead, never granted."},
    {"dmemd_region_grantable_bytes", MetricType::Gauge,
     "What the region may grant in all; +Inf if that is not enforced."},
    {"dmemd_region_usage_bytes", MetricType::Gauge, "Bytes booked in the region."},
    {"dmemd_region_over_bytes", MetricType::Gauge, "Usage above grantable."},
    {"dmemd_region_reservations_bytes", MetricType::Gauge,
     "Of the region's usage, what is reserved and not committed yet."},
    {"dmemd_node_reconciled_timestamp_seconds", MetricType::Gauge,
     "When the node's agent last finished saying all that the node holds; absent if it never did."},
    {"dmemd_region_device_used_bytes", MetricType::Gauge,
     "What its node last saw in use on the device; absent if it never told."},
    {"dmemd_region_unattributed_bytes", MetricType::Gauge,
     "Bytes in use on the device that belonged to no charge when its node last told."},
    {"dmemd_region_measured_bytes", MetricType::Gauge,
     "Bytes that the region's charges were last seen to use."},
    {"dmemd_region_over_grant_bytes", MetricType::Gauge,
     "Bytes that charges use beyond what is booked for them, summed over the region's items."},
    {"dmemd_region_state", MetricType::Gauge, "1 for the state that the region is in."},
    {"dmemd_region_cordoned", MetricType::Gauge, "1 if the region takes no new charges."},
    {"dmemd_region_info", MetricType::Gauge,
     "Always 1; node, model and uuid to join with other exporters."},
    {"dmemd_group_capacity_bytes", MetricType::Gauge,
     "Capacity of the group's regions that are READY or STALE."},
    {"dmemd_group_grantable_bytes", MetricType::Gauge,
     "Grantable bytes of the group's regions that are READY or STALE; +Inf if one's is."},
    {"dmemd_group_usage_bytes", MetricType::Gauge, "Bytes booked in the group."},
    {"dmemd_group_reservations_bytes", MetricType::Gauge,
     "Of the group's usage, what is reserved on members or on the group itself."},
    {"dmemd_pool_usage_bytes", MetricType::Gauge,
     "Bytes booked for the cgroup and all below it, in the region or group."},
    {"dmemd_pool_peak_bytes", MetricType::Gauge, "Highest usage granted since the pool was made."},
    {"dmemd_pool_min_bytes", MetricType::Gauge, "Hard guarantee as set."},
    {"dmemd_pool_low_bytes", MetricType::Gauge, "Soft guarantee as set."},
    {"dmemd_pool_max_bytes", MetricType::Gauge, "Hard cap as set; +Inf if unlimited."},
    {"dmemd_pool_emin_bytes", MetricType::Gauge,
     "Effective hard protection, relative to the root."},
    {"dmemd_pool_elow_bytes", MetricType::Gauge,
     "Effective soft protection, relative to the root."},
    {"dmemd_pool_over_bytes", MetricType::Gauge, "Usage above max."},
    {"dmemd_pool_refusals_total", MetricType::Counter,
     "Charges and growths that this counter refused, by reason."},
    {"dmemd_pool_would_refuse_total", MetricType::Counter,
     "Charges and growths that an observed max would have refused."},
    {"dmemd_pool_byte_seconds_total", MetricType::Counter,
     "Integral of usage over time; the API has it exactly."},
    {"dmemd_objects", MetricType::Gauge, "Objects in the ledger, by kind."},
    {"dmemd_objects_max", MetricType::Gauge, "Bounds on them, by kind."},
    {"dmemd_sessions", MetricType::Gauge, "Sessions, by state; ended ones while remembered."},
    {"dmemd_session_silence_max_seconds", MetricType::Gauge,
     "How long ago the SILENT session was heard that is silent for longest; 0 if none is."},
    {"dmemd_regions", MetricType::Gauge, "Regions, by state."},
    {"dmemd_nodes_not_ready", MetricType::Gauge, "Nodes declared NotReady."},
    {"dmemd_reservations_expired_total", MetricType::Counter,
     "Reservations whose ttl was over before all of them was committed."},
    {"dmemd_releases_completed_total", MetricType::Counter,
     "Charges that ended after their release was asked for."},
    {"dmemd_release_age_oldest_seconds", MetricType::Gauge,
     "How long the longest RELEASING charge has been so; 0 if there is none."},
    {"dmemd_metrics_regions_omitted", MetricType::Gauge,
     "Regions and groups that this scrape leaves out."},
    {"dmemd_metrics_pools_omitted", MetricType::Gauge, "Pools that this scrape leaves out."},
};
static_assert(sizeof(kObjectTable) / sizeof(kObjectTable[0]) == kObjectFamilies, "one row each");

enum ServiceFamily : size_t {
  kBuildInfo,
  kRpcDuration,
  kCommitDuration,
  kCommitCalls,
  kQueueCalls,
  kCommands,
  kCheckpointLag,
  kCheckpointDuration,
  kRecoveryDuration,
  kAuditViolations,
  kStoreFailed,
  kTicks,
  kRenewals,
  kEventsOmitted,
  kKeptRecordsBytes,
  kKeptRecordsOldest,
  kKeptRecordsOldestTime,
  kWatchers,
  kEventsSent,
  kWatchersTooOld,
  kServiceFamilies,
};

constexpr FamilyDescription kServiceTable[] = {
    {"dmemd_build_info", MetricType::Gauge, "Always 1; the version that runs."},
    {"dmemd_rpc_duration_seconds", MetricType::Histogram,
     "Time of a call at the server, by method and code."},
    {"dmemd_commit_duration_seconds", MetricType::Histogram, "Time of a durable append."},
    {"dmemd_commit_calls", MetricType::Histogram, "Calls that were answered by one commit."},
    {"dmemd_queue_calls", MetricType::Gauge,
     "Calls that the writer has taken in and not answered yet."},
    {"dmemd_commands_total", MetricType::Counter,
     "Committed commands that changed something, since the ledger was made: the sequence."},
    {"dmemd_checkpoint_lag_commands", MetricType::Gauge,
     "Commands that a restart would have to apply again."},
    {"dmemd_checkpoint_duration_seconds", MetricType::Gauge, "Time that the last checkpoint took."},
    {"dmemd_recovery_duration_seconds", MetricType::Gauge, "Time from start to a recovered state."},
    {"dmemd_audit_violations", MetricType::Gauge,
     "Invariants found broken by the last audit, at start or by Check. Anything but 0 is a bug."},
    {"dmemd_store_failed", MetricType::Gauge,
     "1 after a failed commit: nothing is served until a restart."},
    {"dmemd_ticks_total", MetricType::Counter,
     "Times that something with a deadline was looked at: once a second, if there is any."},
    {"dmemd_session_renewals_total", MetricType::Counter,
     "Sessions found to have been heard, once a tick each."},
    {"dmemd_events_omitted_total", MetricType::Counter,
     "Events that the record of their command had no room for: gaps in what is kept of the past."},
    {"dmemd_kept_records_bytes", MetricType::Gauge, "Size of the records that are kept, about."},
    {"dmemd_kept_records_oldest_sequence", MetricType::Gauge,
     "The oldest sequence of which there are events."},
    {"dmemd_kept_records_oldest_timestamp_seconds", MetricType::Gauge,
     "Its time, in seconds since 1970."},
    {"dmemd_watchers", MetricType::Gauge, "Callers that watch events now."},
    {"dmemd_events_sent_total", MetricType::Counter, "Events sent to watchers."},
    {"dmemd_watchers_too_old_total", MetricType::Counter,
     "Watches that ended because what they wanted was no longer kept."},
};
static_assert(sizeof(kServiceTable) / sizeof(kServiceTable[0]) == kServiceFamilies, "one row each");

constexpr size_t kSeriesPerRegion = 17;
constexpr size_t kSeriesPerPool = 11;

constexpr RegionState kRegionStates[] = {RegionState::kReady, RegionState::kStale,
                                         RegionState::kFailed, RegionState::kLost,
                                         RegionState::kGone};
constexpr SessionState kSessionStates[] = {SessionState::kActive, SessionState::kSilent,
                                           SessionState::kClosed, SessionState::kFenced,
                                           SessionState::kSuperseded};

void AddRegion(const RegionView& region, FamilySet* set) {
  const MetricLabels labels = {{"region", region.name}};
  set->AddGauge(kRegionCapacity, labels, MetricBytes(region.capacity));
  set->AddGauge(kRegionReserved, labels, MetricBytes(region.reserved));
  set->AddGauge(kRegionGrantable, labels, MetricBytes(region.grantable));
  set->AddGauge(kRegionUsage, labels, MetricBytes(region.usage));
  set->AddGauge(kRegionOver, labels, MetricBytes(region.over));
  set->AddGauge(kRegionReservations, labels, MetricBytes(region.reservations));
  if (region.device_used_at_us != 0) {
    set->AddGauge(kRegionDeviceUsed, labels, MetricBytes(region.device_used));
    set->AddGauge(kRegionUnattributed, labels, MetricBytes(region.unattributed));
    set->AddGauge(kRegionMeasured, labels, MetricBytes(region.measured));
    set->AddGauge(kRegionOverGrant, labels, MetricBytes(region.over_grant));
  }
  for (const RegionState state : kRegionStates) {
    set->AddGauge(kRegionState, {{"region", region.name}, {"state", std::string(NameOf(state))}},
                  region.state == state ? 1 : 0);
  }
  set->AddGauge(kRegionCordoned, labels, region.is_cordoned ? 1 : 0);
  set->AddGauge(kRegionInfo,
                {{"region", region.name},
                 {"node", region.node},
                 {"model", region.model},
                 {"uuid", region.uuid},
                 {"pci", region.pci},
                 {"group", region.parent}},
                1);
}

void AddGroup(const GroupView& group, FamilySet* set) {
  const MetricLabels labels = {{"region", group.name}};
  set->AddGauge(kGroupCapacity, labels, MetricBytes(group.capacity));
  set->AddGauge(kGroupGrantable, labels, MetricBytes(group.grantable));
  set->AddGauge(kGroupUsage, labels, MetricBytes(group.usage));
  set->AddGauge(kGroupReservations, labels, MetricBytes(group.reservations));
}

void AddPool(const State& state, Index index, int64_t time_us, FamilySet* set) {
  const PoolView pool = ViewPool(state, index, kRootCgroup, time_us);
  const MetricLabels labels = {{"region", pool.region}, {"cgroup", pool.cgroup}};
  set->AddGauge(kPoolUsage, labels, MetricBytes(pool.usage));
  set->AddGauge(kPoolPeak, labels, MetricBytes(pool.peak));
  set->AddGauge(kPoolMin, labels, MetricBytes(pool.min));
  set->AddGauge(kPoolLow, labels, MetricBytes(pool.low));
  set->AddGauge(kPoolMax, labels, MetricBytes(pool.max));
  set->AddGauge(kPoolEmin, labels, MetricBytes(pool.emin));
  set->AddGauge(kPoolElow, labels, MetricBytes(pool.elow));
  set->AddGauge(kPoolOver, labels, MetricBytes(pool.over));
  // A region's root pool refuses for want of memory, every other for its max.
  const bool is_capacity = pool.cgroup_id == 0 && !pool.is_group;
  set->AddCounter(kPoolRefusals,
                  {{"region", pool.region},
                   {"cgroup", pool.cgroup},
                   {"reason", is_capacity ? "CAPACITY" : "MAX_EXCEEDED"}},
                  static_cast<double>(pool.refusals));
  set->AddCounter(kPoolWouldRefuse, labels, static_cast<double>(pool.would_refuse));
  double byte_seconds = 0;
  if (absl::SimpleAtod(pool.byte_seconds, &byte_seconds)) {
    set->AddCounter(kPoolByteSeconds, labels, byte_seconds);
  }
}

void AddObjectCounts(const StateScalars& scalars, FamilySet* set) {
  const Settings& settings = scalars.settings;
  const struct {
    const char* kind;
    uint64_t count;
    uint64_t max;  // 0: none of its own.
  } kKinds[] = {
      {"region", scalars.regions, 0},
      {"group", scalars.groups, 0},
      {"region_or_group", scalars.regions + scalars.groups, settings.regions_max},
      {"cgroup", scalars.cgroups, settings.cgroups_max},
      {"pool", scalars.pools, settings.pools_max},
      {"charge", scalars.charges, settings.charges_max},
      {"charge_item", scalars.items, settings.items_max},
      {"reserved_charge", scalars.reserved_charges, 0},
      {"releasing_charge", scalars.releasing_charges, 0},
      {"tombstone", scalars.tombstones, settings.tombstones_max},
      {"session", scalars.sessions, settings.sessions_max},
      {"node", scalars.nodes, settings.sessions_max},
  };
  for (const auto& kind : kKinds) {
    const MetricLabels labels = {{"kind", kind.kind}};
    set->AddGauge(kObjects, labels, static_cast<double>(kind.count));
    if (kind.max != 0) set->AddGauge(kObjectsMax, labels, static_cast<double>(kind.max));
  }
}

// Sessions and regions by state, and how long the longest silence is.
void AddSessions(const State& state, int64_t time_us, FamilySet* set) {
  uint64_t sessions[std::size(kSessionStates)] = {};
  int64_t silent_us = 0;
  const int64_t now_us = state.ServiceMicros(time_us);
  for (Index i = 0; i < state.sessions.size(); ++i) {
    const SessionRecord& session = state.sessions[i];
    if (session.id == 0) continue;
    ++sessions[static_cast<size_t>(session.state)];
    if (session.state == SessionState::kSilent)
      silent_us = std::max(silent_us, now_us - session.heard_at_us);
  }
  for (const SessionState s : kSessionStates) {
    set->AddGauge(kSessions, {{"state", std::string(NameOf(s))}},
                  static_cast<double>(sessions[static_cast<size_t>(s)]));
  }
  set->AddGauge(kSessionsSilent, {}, static_cast<double>(silent_us) / 1e6);
  uint64_t regions[std::size(kRegionStates)] = {};
  for (Index i = state.scalars.first_region; i != kNone; i = state.regions[i].next) {
    if (!state.regions[i].is_group) ++regions[static_cast<size_t>(state.RegionStateOf(i))];
  }
  for (const RegionState s : kRegionStates) {
    set->AddGauge(kRegions, {{"state", std::string(NameOf(s))}},
                  static_cast<double>(regions[static_cast<size_t>(s)]));
  }
  uint64_t not_ready = 0;
  for (Index i = 0; i < state.nodes.size(); ++i) not_ready += state.nodes[i].is_not_ready;
  set->AddGauge(kNodesNotReady, {}, static_cast<double>(not_ready));
}

void AddLifecycles(const State& state, int64_t time_us, FamilySet* set) {
  constexpr double kMicrosecond = 1e-6;
  set->AddCounter(kReservationsExpired, {},
                  static_cast<double>(state.scalars.reservations_expired));
  set->AddCounter(kReleasesCompleted, {}, static_cast<double>(state.scalars.releases_completed));
  const absl::optional<int64_t> oldest_us = OldestReleaseRequest(state);
  const int64_t age_us = oldest_us.has_value() ? std::max<int64_t>(time_us - *oldest_us, 0) : 0;
  set->AddGauge(kReleaseAgeOldest, {}, static_cast<double>(age_us) * kMicrosecond);
}

// Regions and groups in order of registration, as many as fit. Returns how many do not.
uint64_t AddRegions(const State& state, size_t series_max, FamilySet* set) {
  const std::vector<GroupView> groups = ViewGroups(state);
  size_t next_group = 0;
  uint64_t omitted = 0;
  for (Index i = state.scalars.first_region; i != kNone; i = state.regions[i].next) {
    const bool fits = set->series() + kSeriesPerRegion <= series_max;
    if (!fits) ++omitted;
    if (state.regions[i].is_group) {
      if (fits) AddGroup(groups[next_group], set);
      ++next_group;
    } else if (fits) {
      AddRegion(ViewRegion(state, i), set);
    }
  }
  return omitted;
}

void AddNodes(const State& state, size_t series_max, FamilySet* set) {
  for (Index i = 0; i < state.nodes.size() && set->series() < series_max; ++i) {
    const NodeRecord& node = state.nodes[i];
    if (node.id == 0 || node.reconciled_at_us == 0) continue;
    set->AddGauge(kNodeReconciled, {{"node", std::string(node.name.view())}},
                  static_cast<double>(node.reconciled_at_us) * 1e-6);
  }
}

bool IsFirst(const State& state, const PoolRecord& pool) {
  return state.regions[pool.region].is_group && state.cgroups[pool.cgroup].depth <= 1;
}

// Up to `count` pools in the order in which they are shown. Only these are sorted.
std::vector<Index> ChoosePools(const State& state, size_t count) {
  std::vector<Index> pools;
  pools.reserve(state.scalars.pools);
  for (Index i = 0; i < state.pools.size(); ++i) {
    if (state.pools[i].cgroup != kNone) pools.push_back(i);
  }
  const auto before = [&state](Index a, Index b) {
    const PoolRecord& pool_a = state.pools[a];
    const PoolRecord& pool_b = state.pools[b];
    const bool first_a = IsFirst(state, pool_a);
    const bool first_b = IsFirst(state, pool_b);
    if (first_a != first_b) return first_a;
    if (pool_a.counter.usage != pool_b.counter.usage) {
      return pool_a.counter.usage > pool_b.counter.usage;
    }
    return a < b;
  };
  count = std::min(count, pools.size());
  std::partial_sort(pools.begin(), pools.begin() + static_cast<ptrdiff_t>(count), pools.end(),
                    before);
  pools.resize(count);
  return pools;
}

}  // namespace

std::vector<prometheus::MetricFamily> CollectObjects(const State& state, int64_t time_us,
                                                     MetricsDetail detail, size_t series_max) {
  FamilySet set(kObjectTable, kObjectFamilies);
  if (detail == MetricsDetail::kAll) series_max = static_cast<size_t>(-1) / 2;
  const uint64_t regions_omitted = AddRegions(state, series_max, &set);
  AddNodes(state, series_max, &set);
  size_t room = (series_max - std::min(series_max, set.series())) / kSeriesPerPool;
  // Regions come before pools, also where a pool would fit and a region does not.
  if (detail == MetricsDetail::kRegions || regions_omitted > 0) room = 0;
  const std::vector<Index> pools = ChoosePools(state, room);
  for (const Index pool : pools) AddPool(state, pool, time_us, &set);
  AddObjectCounts(state.scalars, &set);
  AddSessions(state, time_us, &set);
  AddLifecycles(state, time_us, &set);
  set.AddGauge(kRegionsOmitted, {}, static_cast<double>(regions_omitted));
  set.AddGauge(kPoolsOmitted, {}, static_cast<double>(state.scalars.pools - pools.size()));
  return set.Take();
}

std::vector<prometheus::MetricFamily> CollectService(const RpcMetrics& rpcs,
                                                     const WriterStats& writer,
                                                     const ServiceFacts& facts) {
  constexpr double kMicrosecond = 1e-6;
  FamilySet set(kServiceTable, kServiceFamilies);
  set.AddGauge(kBuildInfo, {{"version", kVersion}}, 1);
  for (size_t m = 0; m < static_cast<size_t>(Method::kCount); ++m) {
    const Method method = static_cast<Method>(m);
    for (int code = 0; code < RpcMetrics::kCodes; ++code) {
      const Histogram& latency = rpcs.Latency(method, code);
      if (latency.Read().count == 0) continue;
      set.AddHistogram(kRpcDuration, {{"method", MethodName(method)}, {"code", CodeName(code)}},
                       latency, kMicrosecond);
    }
  }
  set.AddHistogram(kCommitDuration, {}, writer.commit_us, kMicrosecond);
  set.AddHistogram(kCommitCalls, {}, writer.batch_tasks, 1);
  const uint64_t sequence = writer.committed_sequence.load(std::memory_order_relaxed);
  set.AddGauge(kQueueCalls, {},
               static_cast<double>(writer.unanswered_tasks.load(std::memory_order_relaxed)));
  set.AddCounter(kCommands, {}, static_cast<double>(sequence));
  set.AddGauge(kCheckpointLag, {},
               static_cast<double>(sequence - std::min(sequence, facts.checkpoint_sequence)));
  set.AddGauge(kCheckpointDuration, {}, facts.checkpoint_seconds);
  set.AddGauge(kRecoveryDuration, {}, facts.recovery_seconds);
  set.AddGauge(kAuditViolations, {}, static_cast<double>(rpcs.audit_violations()));
  set.AddGauge(kStoreFailed, {}, facts.store_failed ? 1 : 0);
  set.AddCounter(kTicks, {}, static_cast<double>(facts.ticks));
  set.AddCounter(kRenewals, {}, static_cast<double>(facts.renewals));
  set.AddCounter(kEventsOmitted, {},
                 static_cast<double>(writer.events_omitted.load(std::memory_order_relaxed)));
  set.AddGauge(kKeptRecordsBytes, {}, static_cast<double>(facts.kept_bytes));
  if (facts.oldest_kept_sequence > 0)
    set.AddGauge(kKeptRecordsOldest, {}, static_cast<double>(facts.oldest_kept_sequence));
  if (facts.oldest_kept_time_us > 0)
    set.AddGauge(kKeptRecordsOldestTime, {}, static_cast<double>(facts.oldest_kept_time_us) / 1e6);
  set.AddGauge(kWatchers, {}, static_cast<double>(facts.watchers));
  set.AddCounter(kEventsSent, {}, static_cast<double>(facts.events_sent));
  set.AddCounter(kWatchersTooOld, {}, static_cast<double>(facts.watchers_too_old));
  return set.Take();
}

std::vector<FamilyDescription> AllFamilies() {
  std::vector<FamilyDescription> all(kObjectTable, kObjectTable + kObjectFamilies);
  all.insert(all.end(), kServiceTable, kServiceTable + kServiceFamilies);
  return all;
}

}  // namespace dmem::server
