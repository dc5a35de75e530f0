// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/loop/authority_link.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "client/agent/loop/make_groups.h"
#include "client/agent/loop/node_list.h"
#include "client/agent/region_groups.h"
#include "client/charge_holder.h"
#include "client/error_facts.h"

namespace dmem::client {
namespace {

constexpr size_t kItemsOfCallMax = 1000;
constexpr char kAgentName[] = "dmem-agent";
constexpr absl::string_view kNotAnswered =
    "the authority does not answer, or not this node (the log of dmem-agent says why)";
// A commit that was refused is asked for again after this: there is no way to ask what it would
// come to.
constexpr absl::Duration kCommitAgainAfter = absl::Seconds(10);

// The device does not take it now, whatever is asked; otherwise a commit that is refused says that
// there is nothing to commit there.
bool IsNotTaken(const absl::Status& status) {
  const std::string reason = FactsOf(status).reason;
  return absl::IsResourceExhausted(status) || reason == "REGION_CORDONED" ||
         reason == "REGION_STALE" || reason == "REGION_LOST" || reason == "REGION_FAILED";
}

// The region that this session has not registered, for which a list was refused; empty: it was
// refused for something else. No list judges what such a region holds.
std::string UnregisteredIn(const absl::Status& status) {
  const ErrorFacts facts = FactsOf(status);
  const bool is_unregistered = facts.reason == "REGION_NOT_FOUND" ||
                               facts.reason == "REGION_GONE" || facts.reason == "REGION_STALE" ||
                               facts.reason == "NODE_MISMATCH";
  return is_unregistered ? facts.Get("region") : "";
}

// Of WaitingList: what a charge of its own is for; of a reservation it is the charge's id.
std::string WaitingKey(absl::string_view id_base, absl::string_view region) {
  return absl::StrCat(id_base, "~ in ", region);
}

// The id base and the region.
std::pair<std::string, std::string> PurposeOf(const v1::ChargeRequest& request) {
  return {request.charge_id().substr(0, request.charge_id().find('~')), request.items(0).region()};
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
                             Incarnations* incarnations, std::function<absl::Time()> now,
                             const LinkParts& parts)
    : config_(*config),
      client_(client),
      incarnations_(incarnations),
      now_(std::move(now)),
      parts_(parts),
      session_(client, {kAgentName, config->node_name, incarnations->node(), config->session_ttl}),
      reservations_(config->state_dir) {}

bool AuthorityLink::Take(const char* what, const absl::Status& status) {
  if (status.ok()) return true;
  report_.problems.push_back(
      absl::Status(status.code(), absl::StrCat(what, ": ", status.message())));
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
  if (!is_known_current_) ListKnown();
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
        if (item.region() != region.first) continue;
        known.push_back(KnownItemOf(charge, item));
      }
    }
  }
  known_ = std::move(known);
  is_known_current_ = true;
}

std::string AuthorityLink::RegionName(const std::string& local) const {
  return absl::StrCat(config_.node_name, "/", local);
}

void AuthorityLink::Fill(NodeSight* sight) const {
  sight->known = known_;
  sight->remembered_ids = reservations_.ids();
  sight->ended_ids = reservations_.ended_ids();
}

// A file of state_dir that is not as it should be.
void AuthorityLink::NoteKept(const char* what, const absl::Status& status) {
  if (status.ok()) return;
  report_.problems.push_back(
      absl::Status(status.code(), absl::StrCat("state_dir, ", what, ": ", status.message())));
}

LinkReport AuthorityLink::Sync(NodeSight sight, NodeBooks* books) {
  NoteKept("reservations", reservations_.status());
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
  NoteKept("incarnations", incarnations_->status());
  Fill(&sight);
  *books = MakeNodeBooks(sight);
  for (const absl::Status& problem : books->problems) report_.problems.push_back(problem);
  for (Holding& holding : books->holdings) {
    const auto refused = refused_.find({holding.id_base, holding.region});
    if (holding.charge_id.empty() && refused != refused_.end()) holding.charge_id = refused->second;
  }
  ForgetIds(sight);
  const bool is_list_due =
      now_() - reconciled_at_ >= config_.reconcile_interval || HasUnplaced(*books, known_);
  if (report_.is_connected && is_known_current_ && is_list_due && Reconcile(*books)) {
    reconciled_at_ = now_();
    reconciled_as_of_ = looked_at_;
  }
  if (report_.is_connected && now_() - reported_at_ >= config_.report_interval &&
      ReportMeasured(sight, *books)) {
    reported_at_ = now_();
    reported_as_of_ = looked_at_;
  }
  admissions_.Update(sight, *books, known_, report_.is_connected, config_.when_unreachable);
  if (session_.id() == 0) report_.is_connected = false;
  report_.admitted = admissions_.pods();
  ReportWaiting(*books);
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

KnownItem* AuthorityLink::FindKnown(const std::string& charge_id, const std::string& region) {
  for (KnownItem& item : known_) {
    if (item.charge_id == charge_id && item.region == region) return &item;
  }
  return nullptr;
}

void AuthorityLink::Forget(const std::string& charge_id) {
  known_.erase(std::remove_if(known_.begin(), known_.end(),
                              [&](const KnownItem& item) { return item.charge_id == charge_id; }),
               known_.end());
}

void AuthorityLink::TakeSteps(const Steps& steps) {
  for (const NodeBooks::Freed& freed : steps.free) {
    if (!Free(freed)) return;
  }
  for (const auto& commit : steps.commits) {
    if (!Commit(commit.second)) return;
  }
  for (const v1::MoveChargeRequest& move : steps.moves) {
    const absl::Status status = client_->MoveCharge(move).status();
    if (!Take("MoveCharge", status)) return;
    if (!status.ok()) continue;
    for (KnownItem& item : known_) {
      if (item.charge_id == move.charge_id() && item.cgroup == move.from_cgroup())
        item.cgroup = move.to_cgroup();
    }
  }
  for (const v1::ResizeItem& item : steps.resizes) {
    v1::ResizeRequest request;
    *request.add_items() = item;
    request.set_mode(v1::CHARGE_MODE_FORCE);
    const absl::Status status = client_->Resize(request).status();
    if (!Take("Resize", status)) return;
    KnownItem* known = FindKnown(item.charge_id(), item.region());
    if (status.ok() && known != nullptr) known->bytes = item.bytes();
  }
  for (const std::string& id : steps.releases) {
    v1::RequestReleaseRequest request;
    request.add_charge_ids(id);
    request.set_requested_by(absl::StrCat(kAgentName, " on ", config_.node_name));
    request.set_reason("its pod is gone or going");
    const absl::Status status = client_->RequestRelease(request).status();
    if (!Take("RequestRelease", status)) return;
    if (!status.ok()) continue;
    for (KnownItem& item : known_) item.is_releasing |= item.charge_id == id;
  }
  for (const v1::ChargeRequest& charge : steps.charges) {
    // That a device is not registered is a problem already.
    if (registered_.count(charge.items(0).region()) > 0 && !Charge(charge)) return;
  }
}

// A charge of this agent's has one item; one of a scheduler's may have others on other nodes, and
// its items are given back node by node once its release is asked for.
bool AuthorityLink::Free(const NodeBooks::Freed& freed) {
  const KnownItem& item = freed.item;
  if (!item.is_releasing) {
    v1::RequestReleaseRequest request;
    request.add_charge_ids(item.charge_id);
    request.set_requested_by(absl::StrCat(kAgentName, " on ", config_.node_name));
    request.set_reason("its pod is gone");
    if (!Take("RequestRelease", client_->RequestRelease(request).status())) return false;
  }
  v1::UnchargeItemsRequest request;
  request.set_session(session_id_);
  request.set_charge_id(item.charge_id);
  request.set_evidence(freed.evidence);
  const absl::Status status = client_->UnchargeItems(request).status();
  if (!Take("UnchargeItems", status)) return false;
  if (status.ok()) Forget(item.charge_id);
  return true;
}

bool AuthorityLink::Commit(const v1::CommitRequest& request) {
  const std::string asked = request.SerializeAsString();
  const WaitingList::Refused* before = waiting_.Before(request.charge_id(), asked);
  if (before != nullptr && now_() - before->at < kCommitAgainAfter) {
    waiting_.Add(request.charge_id(), *before);
    return true;
  }
  const absl::StatusOr<v1::CommitResponse> response = client_->Commit(request);
  // What waits at the gate waits. What runs is recorded by a list, which takes it from what is
  // reserved; a charge of its own would count beside that until the ttl ends.
  if (IsNotTaken(response.status())) {
    waiting_.Add(request.charge_id(), {asked, now_(), std::string(response.status().message())});
    return true;
  }
  if (!Take("Commit", response.status())) return false;
  if (!response.ok()) {
    // The reservation has ended, or is not for these devices: what runs is charged on its own.
    reservations_.End(request.charge_id());
    return true;
  }
  Forget(request.charge_id());
  for (const v1::ChargeItem& item : response->charge().items()) {
    if (registered_.count(item.region()) == 0) continue;
    known_.push_back(KnownItemOf(response->charge(), item));
  }
  return true;
}

// Who was refused leave to start asks what the answer would be first.
bool AuthorityLink::Charge(const v1::ChargeRequest& request) {
  const auto [base, region] = PurposeOf(request);
  const std::string key = WaitingKey(base, region);
  const std::string asked = request.items(0).SerializeAsString();
  const WaitingList::Refused* before = waiting_.Before(key, asked);
  if (before == nullptr || request.mode() == v1::CHARGE_MODE_FORCE) return ChargeInEarnest(request);
  v1::ChargeRequest check = request;
  check.set_mode(v1::CHARGE_MODE_CHECK_ONLY);
  check.set_session(session_id_);
  const absl::Status status = client_->Charge(check).status();
  if (status.ok()) return ChargeInEarnest(request);
  if (!IsNotTaken(status)) return Take("Charge", status);
  waiting_.Add(key, {asked, before->at, std::string(status.message())});
  return true;
}

bool AuthorityLink::ChargeInEarnest(const v1::ChargeRequest& request) {
  const std::string asked = request.items(0).SerializeAsString();
  const auto key = PurposeOf(request);
  // The same again, should the last one have arrived; unless it asks for something else now.
  v1::ChargeRequest sent = request;
  const auto unanswered = unanswered_.find(key);
  if (unanswered != unanswered_.end() && unanswered->second.mode() == request.mode() &&
      unanswered->second.items(0).SerializeAsString() == asked) {
    sent = unanswered->second;
  } else if (unanswered != unanswered_.end()) {
    v1::UnchargeRequest cancel;  // Spends the id, whether it arrived or not.
    cancel.add_charge_ids(unanswered->second.charge_id());
    cancel.set_session(session_id_);
    if (!Take("Uncharge", client_->Uncharge(cancel).status())) return false;
    unanswered_.erase(key);
  }
  if (admissions_.IsUnheard(request.owner().uid()))
    (*sent.mutable_labels())[kRecordedLateLabel] = "true";
  sent.set_session(session_id_);
  unanswered_[key] = sent;
  const absl::StatusOr<v1::ChargeResponse> response = client_->Charge(sent);
  // That a pod at the gate waits is no problem of the agent's.
  if (IsNotTaken(response.status()) && sent.mode() != v1::CHARGE_MODE_FORCE) {
    unanswered_.erase(key);
    waiting_.Add(WaitingKey(key.first, key.second),
                 {asked, now_(), std::string(response.status().message())});
    return true;
  }
  if (!Take("Charge", response.status())) return false;
  unanswered_.erase(key);
  if (response.ok()) {
    known_.push_back(KnownItemOf(response->charge(), response->charge().items(0)));
  } else if (IsNotTaken(response.status())) {
    refused_[key] = sent.charge_id();
  }
  return true;
}

// A device that cannot be registered must not keep the list of the others back. What is left out is
// found out anew each time: of a region that is judged, nothing may be missing.
bool AuthorityLink::Reconcile(const NodeBooks& books) {
  if (!parts_.reconciles) return true;
  std::vector<v1::HeldItem> items = HeldItems(books, known_);
  while (true) {
    uint64_t differences = 0;
    const absl::Status status =
        SendNodeList(client_.get(), session_id_, as_of_, items, &differences);
    report_.reconciled_differences += differences;
    if (differences > 0) is_known_current_ = false;
    if (status.ok()) return true;
    const std::string region = UnregisteredIn(status);
    const auto left_out = std::remove_if(items.begin(), items.end(), [&](const v1::HeldItem& item) {
      return item.region() == region;
    });
    if (left_out == items.end()) {
      Take("Reconcile", status);
      return false;
    }
    items.erase(left_out, items.end());
  }
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

// What is charged to pods that are gone must all be known: also on devices that did not answer yet.
void AuthorityLink::ForgetIds(const NodeSight& sight) {
  if (!sight.pods_are_complete || sight.has_unscanned_devices || !is_known_current_) return;
  for (const Device& device : sight.devices) {
    if (device.capacity_bytes > 0 && registered_.count(RegionName(device.region)) == 0) return;
  }
  reservations_.Forget(sight.pods, known_);
}

void AuthorityLink::ReportWaiting(const NodeBooks& books) {
  for (const Holding& holding : books.holdings) {
    if (holding.state != HoldingState::kPending || report_.admitted.count(holding.pod_uid) > 0)
      continue;
    const WaitingList::Refused* refused =
        waiting_.Now(holding.charge_id.empty() ? WaitingKey(holding.id_base, holding.region)
                                               : holding.charge_id);
    if (refused == nullptr && report_.is_connected) continue;
    LinkReport::Waiting& waiting = report_.waiting[holding.pod_uid];
    waiting.pod = absl::StrCat(holding.pod_namespace, "/", holding.pod_name);
    absl::StrAppend(&waiting.why, waiting.why.empty() ? "" : "; ", holding.region, ": ",
                    refused != nullptr ? absl::string_view(refused->why) : kNotAnswered);
  }
}

}  // namespace dmem::client
