// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// What AuthorityLink asks of the authority: charges, commits, resizes and what gives back.

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/agent/loop/authority_link.h"
#include "client/charge_holder.h"
#include "client/cli/byte_size.h"
#include "client/error_facts.h"

namespace dmem::client {
namespace {

// A commit that was refused is asked for again after this: there is no way to ask what it would
// come to.
constexpr absl::Duration kCommitAgainAfter = absl::Seconds(10);
// Who was refused asks in earnest again after this, so that the authority's record of why it waits
// does not end before the waiting does.
constexpr absl::Duration kInEarnestAgainAfter = absl::Hours(1);

// The device does not take it now, whatever is asked; otherwise a commit that is refused says that
// there is nothing to commit there.
bool IsNotTaken(const absl::Status& status) {
  const std::string reason = FactsOf(status).reason;
  return absl::IsResourceExhausted(status) || reason == "REGION_CORDONED" ||
         reason == "REGION_STALE" || reason == "REGION_LOST" || reason == "REGION_FAILED";
}

// What a charge is for.
std::string BaseOf(const v1::ChargeRequest& request) {
  return request.charge_id().substr(0, request.charge_id().find('~'));
}

std::string AskedOf(const v1::ChargeRequest& request) {
  std::string asked;
  for (const v1::ChargeItem& item : request.items())
    absl::StrAppend(&asked, item.cgroup(), " ", item.region(), " ", item.bytes(), "\n");
  return asked;
}

bool SharesARegion(const v1::ChargeRequest& a, const v1::ChargeRequest& b) {
  return std::any_of(a.items().begin(), a.items().end(), [&b](const v1::ChargeItem& item) {
    return std::any_of(b.items().begin(), b.items().end(), [&item](const v1::ChargeItem& other) {
      return item.region() == other.region();
    });
  });
}

// Keys of WaitingList.
std::string KeyOfPod(absl::string_view uid) { return absl::StrCat("pod ", uid); }

std::string KeyOfCommit(absl::string_view charge_id, absl::string_view cgroup) {
  return absl::StrCat("commit ", charge_id, " ", cgroup);
}

std::string KeyOfItem(absl::string_view charge_id, absl::string_view cgroup,
                      absl::string_view region, absl::string_view uid) {
  return absl::StrCat("item ", charge_id, " ", cgroup, " ", region, " of ", uid);
}

}  // namespace

std::string AuthorityLink::WaitingKeyOf(const Holding& holding) {
  if (holding.IsHeld())
    return KeyOfItem(holding.charge_id, holding.cgroup, holding.region, holding.pod_uid);
  if (!holding.charge_id.empty()) return KeyOfCommit(holding.charge_id, holding.cgroup);
  return KeyOfPod(holding.pod_uid);
}

void AuthorityLink::Forget(const std::string& charge_id) {
  known_.erase(std::remove_if(known_.begin(), known_.end(),
                              [&](const KnownItem& item) { return item.charge_id == charge_id; }),
               known_.end());
}

void AuthorityLink::TakeSteps(const Steps& steps) {
  for (const Steps::Free& free : steps.free) {
    if (!Free(free)) return;
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
  for (const Steps::Resize& resize : steps.resizes) {
    if (!Resize(resize)) return;
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
    if (!Charge(charge)) return;
  }
}

// Empty: all are. That one is not is a problem already.
template <typename Items>
std::string AuthorityLink::NotRegisteredOf(const Items& items) const {
  for (const auto& item : items) {
    if (registered_.count(item.region()) == 0)
      return absl::StrCat("region ", item.region(), " is not registered");
  }
  return "";
}

// A charge may have items on other nodes, if a scheduler made it: they are given back node by node
// once its release is asked for.
bool AuthorityLink::Free(const Steps::Free& free) {
  if (!free.is_releasing) {
    v1::RequestReleaseRequest request;
    request.add_charge_ids(free.charge_id);
    request.set_requested_by(absl::StrCat(kAgentName, " on ", config_.node_name));
    request.set_reason("its pod is gone");
    if (!Take("RequestRelease", client_->RequestRelease(request).status())) return false;
  }
  v1::UnchargeItemsRequest request;
  request.set_session(session_id_);
  request.set_charge_id(free.charge_id);
  request.set_evidence(free.evidence);
  for (const std::string& region : free.regions) request.add_regions(region);
  const absl::Status status = client_->UnchargeItems(request).status();
  if (!Take("UnchargeItems", status)) return false;
  if (status.ok()) Forget(free.charge_id);
  return true;
}

bool AuthorityLink::Commit(const Steps::Commit& commit) {
  const v1::CommitRequest& request = commit.request;
  const std::string asked = request.SerializeAsString();
  const std::string key = KeyOfCommit(request.charge_id(), request.placements(0).cgroup());
  const WaitingList::Refused* before = waiting_.Before(key, asked);
  // Once the pod is gone, nothing else says whose the charge is.
  if (const absl::Status& kept = reservations_.status(); !kept.ok()) {
    waiting_.Add(key, {asked, monotonic_now_(), kNotKept, std::string(kept.message())});
    return true;
  }
  if (const std::string why_not = NotRegisteredOf(request.placements()); !why_not.empty()) {
    waiting_.Add(key, {asked, monotonic_now_(), kNotRegistered, why_not});
    return true;
  }
  if (before != nullptr && monotonic_now_() - before->at < kCommitAgainAfter) {
    waiting_.Add(key, *before);
    return true;
  }
  const absl::StatusOr<v1::CommitResponse> response = client_->Commit(request);
  // What waits at the gate waits. What runs is recorded by a list, which takes it from what is
  // reserved; a charge of its own would count beside that until the ttl ends.
  if (IsNotTaken(response.status())) {
    waiting_.Add(key, WaitingList::Refused::By(response.status(), asked, monotonic_now_()));
    return true;
  }
  const std::string what =
      absl::StrCat("Commit of ", request.charge_id(), " for ", absl::StrJoin(commit.pods, ", "));
  if (!Take(what, response.status())) return false;
  if (!response.ok()) {
    // The reservation has ended, or is not for these devices: what runs is charged on its own.
    reservations_.End(request.charge_id(), request.placements(0).cgroup());
    return true;
  }
  Forget(request.charge_id());
  AddKnown(response->charge());
  return true;
}

// Whether to ask in earnest: always at first; of what was refused before only if it would be
// granted now. `check` asks that.
template <typename Check>
bool AuthorityLink::AsksInEarnest(const WaitingList::Refused* before, const Check& check,
                                  absl::Status* refused) {
  const bool is_new = before == nullptr || monotonic_now_() - before->at >= kInEarnestAgainAfter;
  if (!is_new) *refused = check();
  return refused->ok();
}

// What is only wanted may be refused: then all stays as it is charged.
bool AuthorityLink::Resize(const Steps::Resize& resize) {
  v1::ResizeRequest request = resize.request;
  const v1::ResizeItem& item = request.items(0);
  const std::string key = KeyOfItem(item.charge_id(), item.cgroup(), item.region(), resize.pod_uid);
  const std::string asked = absl::StrCat(item.bytes());
  const bool is_strict = request.mode() == v1::CHARGE_MODE_STRICT;
  const WaitingList::Refused* before = is_strict ? waiting_.Before(key, asked) : nullptr;
  absl::Status status;
  const auto check = [&] {
    v1::ResizeRequest checked = request;
    checked.set_mode(v1::CHARGE_MODE_CHECK_ONLY);
    return client_->Resize(checked).status();
  };
  const bool is_in_earnest = AsksInEarnest(before, check, &status);
  if (is_in_earnest) status = client_->Resize(request).status();
  if (is_strict && IsNotTaken(status)) {
    // By how much it is short changes all the time; that it is short is one problem.
    auto refused =
        WaitingList::Refused::By(status, asked, is_in_earnest ? monotonic_now_() : before->at);
    if (before != nullptr) refused.why = before->why;
    waiting_.Add(key, refused);
    if (!resize.is_waiting) {
      report_.problems.push_back(absl::ResourceExhaustedError(
          absl::StrCat("pod ", resize.pod, " keeps what is charged for it in ", item.region(),
                       " and does not get ", FormatByteSize(item.bytes()), ": ", refused.why)));
    }
    return true;
  }
  if (!Take(absl::StrCat("Resize for ", resize.pod), status)) return false;
  if (!status.ok()) return true;
  for (KnownItem& known : known_) {
    if (known.charge_id == item.charge_id() && known.region == item.region() &&
        known.cgroup == item.cgroup())
      known.bytes = item.bytes();
  }
  return true;
}

// Who was refused leave to start asks what the answer would be first.
bool AuthorityLink::Charge(const v1::ChargeRequest& request) {
  const bool is_waiting = request.mode() == v1::CHARGE_MODE_STRICT;
  const std::string key = KeyOfPod(request.owner().uid());
  const std::string asked = AskedOf(request);
  if (const std::string why_not = NotRegisteredOf(request.items()); !why_not.empty()) {
    if (is_waiting) waiting_.Add(key, {asked, monotonic_now_(), kNotRegistered, why_not});
    return true;
  }
  const WaitingList::Refused* before = is_waiting ? waiting_.Before(key, asked) : nullptr;
  absl::Status status;
  const auto check = [&] {
    v1::ChargeRequest checked = request;
    checked.set_mode(v1::CHARGE_MODE_CHECK_ONLY);
    return client_->Charge(checked).status();
  };
  const bool is_in_earnest = AsksInEarnest(before, check, &status);
  if (is_in_earnest) status = ChargeInEarnest(request);
  const bool is_refused = !status.ok() && !IsUnanswered(status);
  if (is_waiting && is_refused) {
    waiting_.Add(key, WaitingList::Refused::By(status, asked,
                                               is_in_earnest ? monotonic_now_() : before->at));
    // That a pod at the gate waits is no problem of the agent's.
    if (IsNotTaken(status)) return true;
  }
  return Take("Charge", status);
}

absl::Status AuthorityLink::ChargeInEarnest(const v1::ChargeRequest& request) {
  v1::ChargeRequest sent = request;
  if (admissions_.IsUnheard(request.owner().uid()))
    (*sent.mutable_labels())[kRecordedLateLabel] = "true";
  if (absl::Status status = SettleUnanswered(&sent); !status.ok()) return status;
  sent.set_session(session_id_);
  const std::string base = BaseOf(sent);
  unanswered_[base] = sent;
  const absl::StatusOr<v1::ChargeResponse> response = client_->Charge(sent);
  if (IsUnanswered(response.status())) return response.status();
  unanswered_.erase(base);
  if (response.ok()) {
    AddKnown(response->charge());
  } else if (IsNotTaken(response.status()) && sent.mode() == v1::CHARGE_MODE_FORCE) {
    refused_[base] = sent.charge_id();
  }
  return response.status();
}

// What was sent before for the same pod and not answered: the same is sent again, should it have
// arrived; something else is cancelled first.
absl::Status AuthorityLink::SettleUnanswered(v1::ChargeRequest* request) {
  const std::string base = BaseOf(*request);
  for (auto it = unanswered_.begin(); it != unanswered_.end();) {
    const v1::ChargeRequest& other = it->second;
    if (it->first == base && other.mode() == request->mode() &&
        AskedOf(other) == AskedOf(*request)) {
      *request = other;
      return absl::OkStatus();
    }
    const bool is_of_pod = other.owner().uid() == request->owner().uid();
    if (it->first != base && !(is_of_pod && SharesARegion(other, *request))) {
      ++it;
      continue;
    }
    v1::UnchargeRequest cancel;  // Spends the id, whether it arrived or not.
    cancel.add_charge_ids(other.charge_id());
    cancel.set_session(session_id_);
    if (absl::Status status = client_->Uncharge(cancel).status(); !status.ok()) return status;
    it = unanswered_.erase(it);
  }
  return absl::OkStatus();
}

}  // namespace dmem::client
