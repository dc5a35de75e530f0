// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// The part of Model that is about sessions, nodes and the passing of time.

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "tests/model/model.h"

namespace dmem {
namespace model {
namespace {

constexpr int64_t kTickGapUs = 5000000;

}  // namespace

std::string Model::CheckSession(uint64_t id) const {
  if (id == 0) return "";
  const auto session = s_.sessions.find(id);
  if (session == s_.sessions.end()) return "NOT_FOUND SESSION_NOT_FOUND";
  if (session->second.has_ended()) return absl::StrCat("ABORTED SESSION_", session->second.state);
  return "";
}

Model::Session* Model::SessionOf(const std::string& node) {
  for (auto& [id, session] : s_.sessions) {
    if (!node.empty() && session.node == node && !session.has_ended()) return &session;
  }
  return nullptr;
}
const Model::Session* Model::SessionOf(const std::string& node) const {
  return const_cast<Model*>(this)->SessionOf(node);
}

bool Model::IsHeard(const std::string& node) const {
  const Session* session = SessionOf(node);
  return session != nullptr && session->state == "ACTIVE";
}

void Model::End(Session* session, const char* state, int64_t at_us) {
  if (!session->node.empty() && session->state == "ACTIVE") {
    s_.nodes[session->node].unheard_since_us = at_us;
  }
  session->state = state;
  session->ended_at_us = at_us;
}

void Model::Forget(const std::string& name) {
  const auto node = s_.nodes.find(name);
  if (node == s_.nodes.end()) return;
  const bool has_regions = std::any_of(s_.regions.begin(), s_.regions.end(),
                                       [&](const Region& r) { return r.bound == name; });
  if (SessionOf(name) == nullptr && !has_regions && node->second.fenced == 0 &&
      !node->second.is_not_ready) {
    s_.nodes.erase(node);
  }
}

std::string Model::DropItemsOf(const std::string& node, int64_t time_us) {
  std::vector<std::string> all;
  for (Region& region : s_.regions) {
    if (region.bound != node) continue;
    const std::string dropped = DropMemory(region.id, time_us);
    for (absl::string_view one : absl::StrSplit(dropped, ", ", absl::SkipEmpty())) {
      all.emplace_back(one);
    }
    region.is_unconfirmed = true;
  }
  std::sort(all.begin(), all.end());
  const std::string freed = IdsText(Collect());
  return absl::StrCat(" dropped: ", absl::StrJoin(all, ", "), " freed: ", freed);
}

std::string Model::OpenSession(const Command& c) {
  const std::string request =
      absl::StrCat(c.owner, "|", c.node, "|", c.incarnation, "|", c.ttl_us, "|", c.nonce);
  for (const auto& [id, session] : s_.sessions) {
    if (session.request != request) continue;
    if (session.has_ended()) return CheckSession(id);
    return absl::StrCat("OK replayed ", id);
  }
  const auto known = s_.nodes.find(c.node);
  if (known != s_.nodes.end()) {
    if (c.incarnation <= known->second.fenced) return "ABORTED SESSION_FENCED";
    if (c.incarnation < known->second.incarnation) return "ABORTED STALE_INCARNATION";
  }
  const bool is_new_node = !c.node.empty() && known == s_.nodes.end();
  if (s_.sessions.size() >= s_.bounds.sessions_max ||
      (is_new_node && s_.nodes.size() >= s_.bounds.sessions_max)) {
    return "RESOURCE_EXHAUSTED TOO_MANY";
  }
  Session session;
  session.id = s_.sequence + 1;
  session.request = request;
  session.owner = c.owner;
  session.node = c.node;
  session.incarnation = c.incarnation;
  session.ttl_us = c.ttl_us;
  session.heard_at_us = ServiceTime(c.time_us);
  uint64_t took_over = 0;
  std::string dropped = " dropped:  freed: ";
  if (!c.node.empty()) {
    const uint64_t before = is_new_node ? 0 : s_.nodes[c.node].incarnation;
    if (is_new_node) s_.nodes[c.node].id = session.id;
    Session* old = SessionOf(c.node);
    if (old != nullptr) {
      took_over = old->id;
      End(old, c.incarnation > before ? "FENCED" : "SUPERSEDED", ServiceTime(c.time_us));
    }
    s_.sessions[session.id] = session;
    if (c.incarnation > before) dropped = DropItemsOf(c.node, c.time_us);
    Node& node = s_.nodes[c.node];
    node.incarnation = c.incarnation;
    node.unheard_since_us = 0;
    node.is_lost = false;
  }
  s_.sessions[session.id] = session;
  return absl::StrCat("OK opened ", session.id, " took_over=", took_over, dropped);
}

std::string Model::CloseSession(const Command& c) {
  const auto found = s_.sessions.find(c.session);
  if (found == s_.sessions.end()) return "NOT_FOUND SESSION_NOT_FOUND";
  if (found->second.state == "CLOSED") return "OK";
  if (found->second.has_ended()) return CheckSession(c.session);
  for (const Due& due : AllDue()) {
    if (due.kind == 2 && s_.charges[due.name].session == c.session) GiveBack(due.name, c.time_us);
  }
  Collect();
  End(&found->second, "CLOSED", ServiceTime(c.time_us));
  Forget(found->second.node);
  return "OK";
}

std::string Model::DeclareNotReady(const Command& c) {
  const auto node = s_.nodes.find(c.node);
  if (node == s_.nodes.end()) return "NOT_FOUND NODE_NOT_FOUND";
  if (node->second.is_not_ready == c.flag) return "OK";
  node->second.is_not_ready = c.flag;
  node->second.not_ready_since_us = c.flag ? ServiceTime(c.time_us) : 0;
  Forget(c.node);
  return "OK";
}

std::string Model::Fence(const Command& c) {
  if (s_.nodes.count(c.node) == 0) return "NOT_FOUND NODE_NOT_FOUND";
  const auto answer = [](uint64_t session, uint64_t fenced, size_t regions,
                         const std::string& dropped) {
    return absl::StrCat("OK session=", session, " fenced=", fenced, " regions=", regions, dropped);
  };
  const auto regions_of = [this](const std::string& node) {
    return static_cast<size_t>(std::count_if(s_.regions.begin(), s_.regions.end(),
                                             [&](const Region& r) { return r.bound == node; }));
  };
  const std::string nothing = " dropped:  freed: ";
  const Node before = s_.nodes[c.node];
  const uint64_t up_to = c.fenced_incarnation.value_or(before.incarnation);
  if (up_to < before.incarnation) {
    if (c.flag) return "ABORTED STALE_INCARNATION";
    return answer(0, before.fenced, 0, nothing);
  }
  Session* session = SessionOf(c.node);
  if (session == nullptr && before.fenced >= up_to && !c.flag) {
    return answer(0, before.fenced, regions_of(c.node), nothing);
  }
  const uint64_t session_id = session == nullptr ? 0 : session->id;
  if (session != nullptr) End(session, "FENCED", ServiceTime(c.time_us));
  const uint64_t fenced = std::max(up_to, before.fenced);
  s_.nodes[c.node].fenced = fenced;
  const std::string dropped = DropItemsOf(c.node, c.time_us);
  const size_t regions = regions_of(c.node);
  if (c.flag) {
    while (regions_of(c.node) > 0) {
      for (const Region& region : s_.regions) {
        if (region.bound != c.node) continue;
        RemoveRegion(region.id);
        break;
      }
    }
    s_.nodes.erase(c.node);
    Collect();
  } else {
    for (Region& region : s_.regions) region.is_lost |= region.bound == c.node;
    s_.nodes[c.node].is_lost = true;
  }
  is_changed_ = true;
  return answer(session_id, fenced, regions, dropped);
}

std::string Model::ReportRegionState(const Command& c) {
  if (std::string error = CheckSession(c.session); !error.empty()) return error;
  Region* region = FindRegion(c.name);
  if (region == nullptr) return "NOT_FOUND REGION_NOT_FOUND";
  if (region->is_group) return "FAILED_PRECONDITION WRONG_KIND";
  const std::string node = s_.sessions[c.session].node;
  if (node.empty() || region->bound != node) return "INVALID_ARGUMENT NODE_MISMATCH";
  region->is_failed = c.flag;
  return "OK";
}

std::string Model::StateOf(const Region& region) const {
  if (region.is_gone) return "GONE";
  if (region.is_lost) return "LOST";
  if (region.is_failed) return "FAILED";
  if (region.bound.empty()) return "READY";
  return IsHeard(region.bound) && !region.is_unconfirmed ? "READY" : "STALE";
}

std::string Model::CheckState(const Region& region) const {
  const std::string state = StateOf(region);
  if (state == "READY") return "";
  if (state == "STALE" && !region.is_unconfirmed && !s_.bounds.refuses_stale) return "";
  return absl::StrCat("FAILED_PRECONDITION REGION_", state);
}

// ---- Time ----

std::vector<Model::Due> Model::AllDue() const {
  std::vector<Due> all;
  const auto has_regions = [this](const std::string& node) {
    return std::any_of(s_.regions.begin(), s_.regions.end(),
                       [&](const Region& r) { return !node.empty() && r.bound == node; });
  };
  for (const auto& [id, session] : s_.sessions) {
    const int64_t silent_us = session.heard_at_us + session.ttl_us;
    if (session.has_ended()) {
      all.push_back({session.ended_at_us + s_.bounds.tombstone_window_us, 0, id, ""});
    } else if (session.state == "ACTIVE") {
      all.push_back({silent_us, 0, id, ""});
    } else if (!has_regions(session.node)) {
      all.push_back({silent_us + s_.bounds.lost_after_us, 0, id, ""});
    }
  }
  for (const auto& [name, node] : s_.nodes) {
    if (!node.is_not_ready || node.is_lost || IsHeard(name) || !has_regions(name)) continue;
    all.push_back(
        {std::max(node.not_ready_since_us, node.unheard_since_us) + s_.bounds.lost_after_us, 1,
         node.id, name});
  }
  for (const auto& [id, charge] : s_.charges) {
    if (charge.is_reserved()) all.push_back({charge.expires_at_us, 2, charge.granted_sequence, id});
  }
  std::sort(all.begin(), all.end());
  return all;
}

void Model::Happen(const Due& due, int64_t time_us) {
  if (due.kind == 1) {
    for (Region& region : s_.regions) region.is_lost |= region.bound == due.name;
    s_.nodes[due.name].is_lost = true;
    return;
  }
  if (due.kind == 2) {
    GiveBack(due.name, time_us);
    Collect();
    return;
  }
  Session& session = s_.sessions[due.id];
  const std::string node = session.node;
  if (session.has_ended()) {
    s_.sessions.erase(due.id);
  } else if (session.state == "SILENT") {
    End(&session, "CLOSED", due.at_us);
    Forget(node);
  } else {
    session.state = "SILENT";
    if (!node.empty()) s_.nodes[node].unheard_since_us = due.at_us;
  }
}

std::string Model::Resume(const Command& c) {
  if (AllDue().empty()) return "OK nothing";
  s_.outage_us += c.time_us - s_.changed_at_us;
  s_.ticked_at_us = c.time_us;
  is_changed_ = true;
  return "OK";
}

std::string Model::Tick(const Command& c) {
  const bool was_idle = AllDue().empty();
  if (was_idle && c.renewals.empty()) return "OK nothing";
  const int64_t last_us = was_idle ? c.time_us : s_.ticked_at_us;
  const int64_t since_us = ServiceTime(last_us);
  if (c.time_us - last_us > kTickGapUs) s_.outage_us += c.time_us - last_us - kTickGapUs;
  s_.ticked_at_us = c.time_us;
  const int64_t now_us = ServiceTime(c.time_us);
  for (const auto& [id, age_us] : c.renewals) {
    const auto found = s_.sessions.find(id);
    if (found == s_.sessions.end() || found->second.has_ended()) continue;
    Session& session = found->second;
    const int64_t heard_us = std::min(now_us, std::max(since_us, now_us - age_us));
    if (heard_us < session.heard_at_us) continue;
    session.heard_at_us = heard_us;
    session.state = "ACTIVE";
    if (session.node.empty()) continue;
    s_.nodes[session.node].unheard_since_us = 0;
    s_.nodes[session.node].is_lost = false;
  }
  while (true) {
    const std::vector<Due> all = AllDue();
    if (all.empty() || all[0].at_us > now_us) break;
    Happen(all[0], c.time_us);
  }
  is_changed_ = true;
  return "OK";
}

void Model::LookAtLeases(View* view) const {
  const auto wall = [this](int64_t service_us) {
    return service_us == 0 ? 0 : service_us + s_.outage_us;
  };
  for (const auto& [id, session] : s_.sessions) {
    view->leases.push_back(
        {absl::StrCat("session ", id, " ", session.owner, " of ", session.node, "/",
                      session.incarnation, " ", session.state, " ttl=", session.ttl_us,
                      " heard=", wall(session.heard_at_us), " ended=", wall(session.ended_at_us))});
  }
  std::map<std::string, int64_t> lost_at_us;
  for (const Due& due : AllDue()) {
    if (due.kind == 1) lost_at_us[due.name] = wall(due.at_us);
  }
  for (const auto& [name, node] : s_.nodes) {
    const Session* session = SessionOf(name);
    const bool is_lost = std::any_of(
        s_.regions.begin(), s_.regions.end(),
        [&name = name](const Region& region) { return region.bound == name && region.is_lost; });
    view->leases.push_back({absl::StrCat(
        "node ", name, "/", node.incarnation, " fenced=", node.fenced,
        " session=", session == nullptr ? 0 : session->id,
        " not_ready=", wall(node.not_ready_since_us), " unheard=", wall(node.unheard_since_us),
        " lost=", is_lost, " lost_at=", lost_at_us[name])});
  }
  for (const Region& region : s_.regions) {
    if (region.is_group) continue;
    view->leases.push_back({absl::StrCat("region ", region.id, " ", StateOf(region), " of ",
                                         region.bound, " failed=", region.is_failed, " lost=",
                                         region.is_lost, " unconfirmed=", region.is_unconfirmed)});
  }
  for (const auto& [id, charge] : s_.charges) {
    view->leases.push_back({absl::StrCat("charge ", id, " session=", charge.session)});
  }
  std::sort(view->leases.begin(), view->leases.end(),
            [](const LeaseRow& a, const LeaseRow& b) { return a.text < b.text; });
}

}  // namespace model
}  // namespace dmem
