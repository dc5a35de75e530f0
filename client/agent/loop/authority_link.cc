// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/loop/authority_link.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/agent/config/about_key.h"
#include "client/agent/loop/error_in_units.h"
#include "client/agent/loop/make_groups.h"
#include "client/agent/loop/node_list.h"
#include "client/agent/region_groups.h"
#include "client/error_facts.h"

namespace dmem::client {
namespace {

constexpr size_t kItemsOfCallMax = 1000;
constexpr absl::Duration kAskOfIdsAgainAfter = absl::Minutes(1);

// The region that this session has not registered, for which a list was refused; empty: it was
// refused for something else. No list judges what such a region holds.
std::string UnregisteredIn(const absl::Status& status) {
  const ErrorFacts facts = FactsOf(status);
  const bool is_unregistered = facts.reason == "REGION_NOT_FOUND" ||
                               facts.reason == "REGION_GONE" || facts.reason == "REGION_STALE" ||
                               facts.reason == "NODE_MISMATCH";
  return is_unregistered ? facts.Get("region") : "";
}

KnownItem KnownItemOf(const v1::Charge& charge, const v1::ChargeItem& item) {
  KnownItem known;
  known.charge_id = charge.charge_id();
  known.cgroup = item.cgroup();
  known.region = item.region();
  known.bytes = item.bytes();
  known.is_measured_basis = charge.basis() == v1::BASIS_MEASURED;
  known.is_reserved = item.reserved();
  known.is_releasing = charge.state() == v1::CHARGE_STATE_RELEASING;
  return known;
}

}  // namespace

AuthorityLink::AuthorityLink(const AgentConfig* config, const std::shared_ptr<Client>& client,
                             Incarnations* incarnations, AgentClocks clocks, const LinkParts& parts)
    : config_(*config),
      client_(client),
      incarnations_(incarnations),
      now_(std::move(clocks.now)),
      monotonic_now_(std::move(clocks.monotonic_now)),
      parts_(parts),
      session_(client, {kAgentName, config->node_name, incarnations->node(), config->session_ttl}),
      reservations_(config->state_dir) {}

bool AuthorityLink::Take(absl::string_view what, const absl::Status& status) {
  if (status.ok()) return true;
  report_.problems.push_back(
      absl::Status(status.code(), absl::StrCat(what, ": ", ErrorInUnits(status))));
  // What was believed of the authority may be wrong.
  is_known_current_ = false;
  if (!IsUnanswered(status)) return true;
  report_.is_connected = false;
  return false;
}

void AuthorityLink::Connect() {
  report_ = LinkReport();
  report_.is_connected = true;
  looked_at_ = now_();
  refused_.clear();
  waiting_.BeginPass();
  incarnations_->Keep();
  const absl::StatusOr<uint64_t> session = session_.Open();
  if (!Take("OpenSession", session.status())) return;
  if (!session.ok()) {
    report_.is_connected = false;
    return;
  }
  if (session_id_ != *session) {
    session_id_ = *session;
    registered_.clear();
    failed_.clear();
    is_known_current_ = false;
    reconciled_at_ = absl::InfinitePast();
  }
  // Before any region is registered nothing can be listed: that would say that nothing is charged.
  if (!is_known_current_ && !registered_.empty()) ListKnown();
  as_of_ = std::max({as_of_, session_.sequence(), listed_sequence_});
}

// All items of charges in this node's regions.
void AuthorityLink::ListKnown() {
  std::vector<KnownItem> known;
  for (const auto& region : registered_) {
    v1::ListChargesRequest request;
    request.set_region(region.first);
    const absl::StatusOr<v1::ListChargesResponse> charges = client_->ListAllCharges(request);
    if (!charges.ok()) {
      Take("ListCharges", charges.status());
      // The next pass registers it again.
      if (absl::IsNotFound(charges.status())) registered_.erase(request.region());
      return;
    }
    // Not as_of_: this may be after the node was looked at.
    listed_sequence_ = std::max(listed_sequence_, charges->sequence());
    for (const v1::Charge& charge : charges->charges()) {
      for (const v1::ChargeItem& item : charge.items()) {
        if (item.region() == region.first) known.push_back(KnownItemOf(charge, item));
      }
    }
  }
  known_ = std::move(known);
  is_known_current_ = has_listed_ = true;
  // What arrived needs not be sent again.
  for (auto it = unanswered_.begin(); it != unanswered_.end();) {
    const std::string& id = it->second.charge_id();
    const bool has_arrived =
        std::any_of(known_.begin(), known_.end(),
                    [&id](const KnownItem& item) { return item.charge_id == id; });
    it = has_arrived ? unanswered_.erase(it) : std::next(it);
  }
}

// Its items in this node's regions.
void AuthorityLink::AddKnown(const v1::Charge& charge) {
  for (const v1::ChargeItem& item : charge.items()) {
    if (registered_.count(item.region()) > 0) known_.push_back(KnownItemOf(charge, item));
  }
}

std::string AuthorityLink::RegionName(const std::string& local) const {
  return absl::StrCat(config_.node_name, "/", local);
}

void AuthorityLink::Fill(NodeSight* sight) const {
  sight->known = known_;
  sight->remembered_ids = reservations_.ids();
  sight->ended_ids = reservations_.ended_ids();
  sight->admitted = admissions_.pods();
  sight->charged_before = charged_before_;
}

// A file of state_dir that is not as it should be.
void AuthorityLink::NoteKept(const absl::Status& status) {
  if (status.ok()) return;
  const absl::Status about = AboutKey("state_dir", config_.state_dir, status);
  const char* const remedy =
      absl::IsUnavailable(status) ? " (make it a directory that dmem-agent can write)" : "";
  report_.problems.push_back(absl::Status(about.code(), absl::StrCat(about.message(), remedy)));
}

LinkReport AuthorityLink::Sync(NodeSight sight, NodeBooks* books) {
  NoteKept(reservations_.status());
  reservations_.Remember(sight.pods);
  if (report_.is_connected && RegisterDevices(sight.devices)) {
    if (!is_known_current_) ListKnown();
    Fill(&sight);
    if (is_known_current_) {
      StepOptions options;
      options.now = now_();
      options.session = session_id_;
      TakeSteps(MakeSteps(MakeNodeBooks(sight), known_, options));
      // A step that was refused must not keep the list for Reconcile back, which may be what it
      // takes for the next one to be taken.
      if (report_.is_connected && !is_known_current_) ListKnown();
    }
  }
  NoteKept(incarnations_->status());
  Fill(&sight);
  *books = MakeNodeBooks(sight);
  for (const absl::Status& problem : books->problems) report_.problems.push_back(problem);
  for (Holding& holding : books->holdings) {
    const auto refused = refused_.find(holding.id_base);
    if (holding.charge_id.empty() && refused != refused_.end()) holding.charge_id = refused->second;
  }
  ForgetIds(sight);
  NoteCharged(*books);
  const absl::Time now = monotonic_now_();
  const bool is_list_due =
      now - reconciled_at_ >= config_.reconcile_interval || HasUnplaced(*books);
  if (report_.is_connected && is_known_current_ && is_list_due && Reconcile(sight, *books)) {
    reconciled_at_ = now;
    reconciled_as_of_ = looked_at_;
  }
  if (report_.is_connected && now - reported_at_ >= config_.report_interval &&
      ReportMeasured(sight, *books)) {
    reported_at_ = now;
    reported_as_of_ = looked_at_;
  }
  admissions_.Update(sight, *books, report_.is_connected,
                     {config_.when_unreachable, config_.unreachable_grace}, now);
  if (session_.id() == 0) report_.is_connected = false;
  report_.has_listed = has_listed_;
  report_.admitted = admissions_.pods();
  report_.let_in = admissions_.newly_unheard();
  report_.waiting =
      WaitingPods(sight, *books, report_.admitted, report_.is_connected,
                  [this](const Holding& holding) { return waiting_.Now(WaitingKeyOf(holding)); });
  report_.reconciled_as_of = reconciled_as_of_;
  report_.reported_as_of = reported_as_of_;
  return report_;
}

bool AuthorityLink::RegisterDevices(const std::vector<Device>& devices) {
  for (const Device& device : devices) {
    if (device.capacity_bytes == 0) {
      report_.problems.push_back(absl::FailedPreconditionError(
          absl::StrCat("device ", device.region,
                       " is not registered: its capacity is neither reported nor configured")));
      continue;
    }
    if (!RegisterDevice(device)) return false;
  }
  return true;
}

bool AuthorityLink::RegisterDevice(const Device& device) {
  v1::RegisterRequest request;
  v1::Region* region = request.mutable_region();
  region->set_name(RegionName(device.region));
  region->set_capacity_bytes(device.capacity_bytes);
  region->set_reserved_bytes(std::min(
      device.capacity_bytes, device.reserved_bytes.value_or(config_.reserved_bytes.value_or(0))));
  region->set_incarnation(incarnations_->Of(device));
  region->mutable_attributes()->set_node(config_.node_name);
  region->mutable_attributes()->set_model(device.model);
  region->mutable_attributes()->set_uuid(device.uuid);
  region->mutable_attributes()->set_pci(device.pci);
  const std::vector<std::string> groups = GroupsOf(config_.groups, device);
  if (!groups.empty()) region->set_parent(groups.front());
  request.set_session(session_id_);
  request.set_keep_policy(true);
  const std::string sent = request.SerializeAsString();
  const auto last = registered_.find(region->name());
  if (last == registered_.end() || last->second != sent) {
    absl::Status status = client_->Register(request).status();
    if (FactsOf(status).reason == "PARENT_NOT_FOUND") {
      status = MakeGroups(client_.get(), groups);
      if (status.ok()) status = client_->Register(request).status();
    }
    if (!Take("Register", status)) return false;
    const ErrorFacts facts = FactsOf(status);
    if (facts.reason == "STALE_INCARNATION") {
      // This agent's file was lost: the next pass takes on the authority's number.
      incarnations_->AtLeast(device.region, facts.GetNumber("current").value_or(0));
    }
    if (!status.ok()) return true;
    registered_[region->name()] = sent;
    is_known_current_ = false;
  }
  const auto reported = failed_.find(device.region);
  if (reported == failed_.end() ? device.failed : reported->second != device.failed) {
    v1::ReportRegionStateRequest state;
    state.set_session(session_id_);
    state.set_region(region->name());
    state.set_failed(device.failed);
    state.set_why(device.failure);
    const absl::Status status = client_->ReportRegionState(state).status();
    if (!Take("ReportRegionState", status)) return false;
    if (status.ok()) failed_[device.region] = device.failed;
  }
  return true;
}

// What of reservations' items is whose: what a pod has had whole, or had when this agent began.
void AuthorityLink::NoteCharged(const NodeBooks& books) {
  if (!has_listed_) return;
  std::map<std::pair<std::string, std::string>, uint64_t> charged;
  for (const Holding& holding : books.holdings) {
    // One that no source knows yet has said nothing of what it is to have.
    if (holding.pod_name.empty() || !holding.charged_bytes.has_value()) continue;
    const auto key = std::make_pair(holding.pod_uid, holding.region);
    if (!charged_before_.has_value() || charged_before_->count(key) > 0 ||
        *holding.charged_bytes >= holding.booked_bytes)
      charged[key] = *holding.charged_bytes;
  }
  charged_before_ = std::move(charged);
}

// Of the devices that are seen and registered: what others hold nobody says, and a device that
// cannot be registered must not keep the list of the others back.
bool AuthorityLink::Reconcile(const NodeSight& sight, const NodeBooks& books) {
  if (!parts_.reconciles) return true;
  std::set<std::string> regions;
  for (const Device& device : sight.devices) {
    if (registered_.count(RegionName(device.region)) > 0) regions.insert(RegionName(device.region));
  }
  std::vector<v1::HeldItem> items = HeldItems(books);
  while (!regions.empty()) {
    items.erase(
        std::remove_if(items.begin(), items.end(),
                       [&](const v1::HeldItem& item) { return regions.count(item.region()) == 0; }),
        items.end());
    uint64_t differences = 0;
    const absl::Status status =
        SendNodeList(client_.get(), session_id_, as_of_, regions, items, &differences);
    report_.reconciled_differences += differences;
    if (differences > 0) is_known_current_ = false;
    if (status.ok()) return true;
    // Found out anew each time.
    if (regions.erase(UnregisteredIn(status)) == 0) {
      Take("Reconcile", status);
      return false;
    }
  }
  return true;
}

bool AuthorityLink::ReportMeasured(const NodeSight& sight, const NodeBooks& books) {
  std::vector<v1::MeasuredItem> items = MeasuredItems(books);
  size_t next = 0;
  bool is_first = true;
  while (is_first || next < items.size()) {
    v1::ReportMeasuredRequest request;
    request.set_session(session_id_);
    for (const Device& device : sight.devices) {
      if (!is_first || !device.used_bytes.has_value() ||
          registered_.count(RegionName(device.region)) == 0)
        continue;
      v1::MeasuredRegion* region = request.add_regions();
      region->set_region(RegionName(device.region));
      region->set_used_bytes(*device.used_bytes);
      region->set_items_measured(sight.listed_regions.count(device.region) > 0);
    }
    for (; next < items.size() && static_cast<size_t>(request.items_size()) < kItemsOfCallMax;
         ++next) {
      *request.add_items() = std::move(items[next]);
    }
    is_first = false;
    if (request.regions().empty() && request.items().empty()) break;
    const absl::Status status = client_->ReportMeasured(request).status();
    if (!Take("ReportMeasured", status) || !status.ok()) return false;
  }
  return true;
}

// Whether the charge has an item in a region of this node, also in one that is not seen now.
absl::StatusOr<bool> AuthorityLink::IsChargedHere(const std::string& charge_id) {
  v1::ListChargesRequest request;
  request.set_charge_id(charge_id);
  const absl::StatusOr<v1::ListChargesResponse> charges = client_->ListAllCharges(request);
  if (!charges.ok()) return charges.status();
  const std::string prefix = RegionName("");
  for (const v1::Charge& charge : charges->charges()) {
    for (const v1::ChargeItem& item : charge.items()) {
      if (absl::StartsWith(item.region(), prefix)) return true;
    }
  }
  return false;
}

// Known items are of devices that were seen: of others the authority is asked, now and then while
// the answer is that they are charged still.
void AuthorityLink::ForgetIds(const NodeSight& sight) {
  if (!sight.pods_are_complete || !report_.is_connected) return;
  std::set<std::string> charged, others;
  for (const KnownItem& item : known_) charged.insert(item.charge_id);
  for (const std::string& id : reservations_.IdsOfOthers(sight.pods)) {
    if (charged.count(id) == 0) others.insert(id);
  }
  if (others == asked_ids_ && monotonic_now_() - asked_ids_at_ < kAskOfIdsAgainAfter) return;
  for (const std::string& id : others) {
    const absl::StatusOr<bool> is_charged = IsChargedHere(id);
    if (!is_charged.ok()) {
      Take("ListCharges", is_charged.status());
      return;
    }
    if (*is_charged) charged.insert(id);
  }
  reservations_.Forget(sight.pods, charged);
  asked_ids_ = std::move(others);
  asked_ids_at_ = monotonic_now_();
}

}  // namespace dmem::client
