// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// From what a node holds and what the authority has: what to tell it. A pure function.

#ifndef DMEMD_CLIENT_AGENT_BOOKS_STEPS_H_
#define DMEMD_CLIENT_AGENT_BOOKS_STEPS_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "client/agent/books/node_books.h"
#include "dmem/v1/quota_service.pb.h"

namespace dmem::client {

struct StepOptions {
  absl::Time now;
  uint64_t session = 0;
  // A charge of basis MEASURED is resized when it is off by more than this.
  uint64_t resize_threshold_bytes = uint64_t{16} << 20;
};

// In the order in which they are to be taken. Each is independent of the others.
struct Steps {
  // Charges of which every item that is known is in NodeBooks::freed, by UnchargeItems. Others wait
  // for the rest, or for Reconcile.
  struct Free {
    std::string charge_id;
    bool is_releasing = false;
    std::set<std::string> regions;  // With the node. What it has in others may be used.
    std::string evidence;
  };
  std::vector<Free> free;
  struct Commit {
    v1::CommitRequest request;
    std::set<std::string> pods;  // PodNameOf them, for people.
  };
  // Pods' reservations, by charge id and tenant: committed onto the regions that they have.
  std::map<std::pair<std::string, std::string>, Commit> commits;
  std::vector<v1::MoveChargeRequest> moves;
  struct Resize {
    v1::ResizeRequest request;  // Of one item.
    std::string pod_uid;        // Of the one for which it is.
    std::string pod;            // PodNameOf it, for people.
    bool is_waiting = false;    // It waits for leave to start.
  };
  // FORCE for what runs anyway: what is used, and who has joined an item. STRICT for what is only
  // wanted: by a pod that waits, or by an annotation that has changed.
  std::vector<Resize> resizes;
  // Charges whose pod is gone or going: RequestRelease.
  std::vector<std::string> releases;
  // What runs is recorded whatever the limits say (FORCE), each device on its own; what waits at
  // the gate asks (STRICT), for all of its devices or none.
  std::vector<v1::ChargeRequest> charges;
};

// NAMESPACE/NAME, or its uid if no source has said more.
std::string PodNameOf(const Holding& holding);

// REQUIRES: `books` was made with `known` as NodeSight::known.
Steps MakeSteps(const NodeBooks& books, const std::vector<KnownItem>& known,
                const StepOptions& options);

// The node's list for Reconcile: every holding that has a charge, those of a charge together. Not
// what waits for leave to start, unless the authority has it as held: by the list it would get it.
// Of an item that is held, no more than it has and what runs: a list is taken by FORCE.
std::vector<v1::HeldItem> HeldItems(const NodeBooks& books);

// Whether something runs under the id of a charge that does not hold it: a reservation that had no
// room on the device. What runs is never refused; Reconcile records it.
bool HasUnplaced(const NodeBooks& books);

// What the authority should know of measured bytes.
std::vector<v1::MeasuredItem> MeasuredItems(const NodeBooks& books);

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_BOOKS_STEPS_H_
