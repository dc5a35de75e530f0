// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// The part of StateEditor that is about sessions, nodes and whose regions are whose.

#include "core/check.h"
#include "core/free_list.h"
#include "core/state_editor.h"
#include "core/state_indexes.h"

namespace dmem {

// ---- Nodes ----

Index StateEditor::AddNode(uint64_t id, absl::string_view name) {
  const Index i = TakeRecord(state_.nodes, state_.scalars.free_node, &NodeRecord::hash_next);
  NodeRecord& node = state_.nodes.Mutable(i);
  node.id = id;
  node.name = Blob::Make(name);
  node.name_hash = HashName(name);
  state_.node_names.Insert(node.name_hash, i, AccessTo<NodeAccess>(state_.nodes));
  ++state_.scalars.nodes;
  return i;
}

void StateEditor::CollectNode(Index i) {
  const NodeRecord& node = state_.nodes[i];
  if (node.session == kNone && node.regions == 0 && node.fenced_incarnation == 0 &&
      !node.is_not_ready) {
    RemoveNode(i);
  }
}

void StateEditor::RemoveNode(Index i) {
  DMEM_CHECK(state_.nodes[i].session == kNone && state_.nodes[i].regions == 0);
  deadlines_->Set(DeadlineKind::kNode, state_.nodes[i].id, i, absl::nullopt);
  state_.node_names.Erase(state_.nodes[i].name_hash, i, AccessTo<NodeAccess>(state_.nodes));
  NodeRecord& node = state_.nodes.Mutable(i);
  node.name.Retire(epochs_);
  node.why.Retire(epochs_);
  --state_.scalars.nodes;
  FreeRecord(state_.nodes, i, state_.scalars.free_node, &NodeRecord::hash_next);
}

void StateEditor::SetNotReady(Index i, bool not_ready, absl::string_view why, int64_t since_us) {
  NodeRecord& node = state_.nodes.Mutable(i);
  node.is_not_ready = not_ready;
  node.not_ready_since_us = not_ready ? since_us : 0;
  node.why.Retire(epochs_);
  node.why = Blob::Make(why);
  UpdateDeadlinesOfNode(i);
}

void StateEditor::UpdateDeadlinesOfNode(Index i) {
  const NodeRecord& node = state_.nodes[i];
  deadlines_->Set(DeadlineKind::kNode, node.id, i, DeadlineOfNode(state_, i));
  if (node.session != kNone) UpdateDeadlineOfSession(node.session);
}

// ---- Sessions ----

Index StateEditor::AddSession(uint64_t id, const Hash128& fingerprint, absl::string_view owner,
                              absl::string_view node_name) {
  const Index i = TakeRecord(state_.sessions, state_.scalars.free_session, &SessionRecord::id_next);
  SessionRecord& session = state_.sessions.Mutable(i);
  session.id = id;
  session.fingerprint_high = fingerprint.high;
  session.fingerprint_low = fingerprint.low;
  session.owner = Blob::Make(owner);
  session.node_name = Blob::Make(node_name);
  state_.session_ids.Insert(HashId(id), i, AccessTo<SessionIdAccess>(state_.sessions));
  state_.session_fingerprints.Insert(static_cast<uint32_t>(fingerprint.low), i,
                                     AccessTo<SessionFingerprintAccess>(state_.sessions));
  ++state_.scalars.sessions;
  return i;
}

void StateEditor::UpdateDeadlineOfSession(Index i) {
  deadlines_->Set(DeadlineKind::kSession, state_.sessions[i].id, i, DeadlineOfSession(state_, i));
}

void StateEditor::EndSession(Index i, SessionState how, absl::string_view why, int64_t at_us) {
  SessionRecord& session = state_.sessions.Mutable(i);
  const Index node = session.node;
  const bool was_active = session.state == SessionState::kActive;
  DMEM_CHECK(!session.has_ended());
  session.state = how;
  session.why.Retire(epochs_);
  session.why = Blob::Make(why);
  session.ended_at_us = at_us;
  session.node = kNone;
  UpdateDeadlineOfSession(i);
  if (node == kNone) return;
  NodeRecord& record = state_.nodes.Mutable(node);
  record.session = kNone;
  if (was_active) record.unheard_since_us = at_us;
  UpdateDeadlinesOfNode(node);
}

void StateEditor::RemoveSession(Index i) {
  DMEM_CHECK(state_.sessions[i].node == kNone);
  deadlines_->Set(DeadlineKind::kSession, state_.sessions[i].id, i, absl::nullopt);
  state_.session_ids.Erase(HashId(state_.sessions[i].id), i,
                           AccessTo<SessionIdAccess>(state_.sessions));
  state_.session_fingerprints.Erase(static_cast<uint32_t>(state_.sessions[i].fingerprint_low), i,
                                    AccessTo<SessionFingerprintAccess>(state_.sessions));
  SessionRecord& session = state_.sessions.Mutable(i);
  session.owner.Retire(epochs_);
  session.node_name.Retire(epochs_);
  session.why.Retire(epochs_);
  session.reconcile_id.Retire(epochs_);
  --state_.scalars.sessions;
  FreeRecord(state_.sessions, i, state_.scalars.free_session, &SessionRecord::id_next);
}

void StateEditor::SetReconcile(Index i, const ReconcileProgress& progress, absl::string_view id) {
  SessionRecord& session = state_.sessions.Mutable(i);
  session.reconcile = progress;
  if (session.reconcile_id.view() == id) return;
  session.reconcile_id.Retire(epochs_);
  session.reconcile_id = Blob::Make(id);
}

// ---- Regions of nodes ----

void StateEditor::BindRegion(Index r, Index node) {
  const Index old = state_.regions[r].node;
  if (old == node) return;
  RegionRecord& region = state_.regions.Mutable(r);
  if (old != kNone) {
    const Index prev = region.prev_of_node, next = region.next_of_node;
    if (prev == kNone) {
      state_.nodes.Mutable(old).first_region = next;
    } else {
      state_.regions.Mutable(prev).next_of_node = next;
    }
    if (next != kNone) state_.regions.Mutable(next).prev_of_node = prev;
    --state_.nodes.Mutable(old).regions;
  }
  region.node = node;
  region.prev_of_node = kNone;
  region.next_of_node = kNone;
  if (node != kNone) {
    NodeRecord& record = state_.nodes.Mutable(node);
    region.next_of_node = record.first_region;
    if (record.first_region != kNone) state_.regions.Mutable(record.first_region).prev_of_node = r;
    record.first_region = r;
    ++record.regions;
    UpdateDeadlinesOfNode(node);
  }
  if (old == kNone) return;
  UpdateDeadlinesOfNode(old);
  CollectNode(old);
}

void StateEditor::SetFailed(Index r, bool failed, absl::string_view why) {
  RegionRecord& region = state_.regions.Mutable(r);
  region.is_failed = failed;
  region.failure.Retire(epochs_);
  region.failure = Blob::Make(why);
}

void StateEditor::DetachRegion(Index r, int64_t time_us) {
  if (state_.regions[r].is_lost) return;
  const Index root = state_.regions[r].root_pool;
  for (Index pool = root; pool != kNone; pool = state_.NextInSubtree(pool, root)) {
    const ByteCount own = state_.pools[pool].own;
    const Index group_pool = state_.pools[pool].group_pool;
    SubtractUsage(group_pool, own, time_us);
    state_.pools.Mutable(pool).group_pool = kNone;
  }
  state_.regions.Mutable(r).is_lost = true;
}

void StateEditor::AttachRegion(Index r, int64_t time_us) {
  if (!state_.regions[r].is_lost) return;
  state_.regions.Mutable(r).is_lost = false;
  LinkPoolsToGroup(r);
  const Index root = state_.regions[r].root_pool;
  for (Index pool = root; pool != kNone; pool = state_.NextInSubtree(pool, root)) {
    AddUsage(state_.pools[pool].group_pool, state_.pools[pool].own, time_us);
  }
}

}  // namespace dmem
