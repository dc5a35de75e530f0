// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_LOOP_AUTHORITY_LINK_H_
#define DMEMD_CLIENT_AGENT_LOOP_AUTHORITY_LINK_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/agent/books/node_books.h"
#include "client/agent/books/steps.h"
#include "client/agent/config/agent_config.h"
#include "client/agent/loop/admissions.h"
#include "client/agent/loop/agent_clocks.h"
#include "client/agent/loop/incarnations.h"
#include "client/agent/loop/pod_reservations.h"
#include "client/agent/loop/waiting_list.h"
#include "client/agent/loop/waiting_pods.h"
#include "client/client.h"
#include "client/kept_session.h"

namespace dmem::client {

// What one pass came to.
struct LinkReport {
  bool is_connected = false;  // The authority answered every call.
  bool has_listed = false;    // It has ever told this agent what is charged on the node.
  // Pods, by Pod::cgroup_uid, that may start: all that they hold is charged; or, by policy, nobody
  // answered.
  std::set<std::string> admitted;
  uint64_t reconciled_differences = 0;
  // Since when the authority has had the last complete list, and the last report, of what the node
  // was seen to hold; InfinitePast: never.
  absl::Time reconciled_as_of = absl::InfinitePast();
  absl::Time reported_as_of = absl::InfinitePast();
  // Pods, NAMESPACE/NAME, that may start since this pass, and for which nothing is charged: nobody
  // answered for the grace.
  std::set<std::string> let_in;
  // Pods that have no leave to start, by Pod::cgroup_uid.
  std::map<std::string, WaitingPod> waiting;
  std::vector<absl::Status> problems;
};

// What a test may leave out, to show that it is missed. The agent that people run has all of it.
struct LinkParts {
  bool reconciles = true;
};

// Keeps the authority in step with the node: opens the session, registers devices, charges what
// runs, gives back what is gone, reconciles and reports. After an error of one call the others go
// on; after an answer that does not come it stops until the next pass. One thread at a time.
class AuthorityLink {
 public:
  // Reads and writes what it must remember in the configuration's state_dir. `config` and
  // `incarnations` must outlive it.
  AuthorityLink(const AgentConfig* config, const std::shared_ptr<Client>& client,
                Incarnations* incarnations, AgentClocks clocks, const LinkParts& parts = {});

  // These pods, by Pod::cgroup_uid, have leave to start of an agent before.
  void Admit(const std::set<std::string>& uids) { admissions_.Admit(uids); }

  // Before the node is looked at: so that what is granted later is not taken for a leak.
  void Connect();

  // After: brings the authority in step with `sight`, and fills in what of it the authority knows.
  // `books` gets what the node holds as the authority has it then.
  LinkReport Sync(NodeSight sight, NodeBooks* books);

 private:
  // Whether to go on: false after an answer that did not come.
  bool Take(absl::string_view what, const absl::Status& status);
  void ListKnown();
  bool RegisterDevices(const std::vector<Device>& devices);
  bool RegisterDevice(const Device& device);
  void TakeSteps(const Steps& steps);
  bool Free(const Steps::Free& free);
  bool Commit(const Steps::Commit& commit);
  bool Resize(const Steps::Resize& resize);
  bool Charge(const v1::ChargeRequest& request);
  absl::Status ChargeInEarnest(const v1::ChargeRequest& request);
  absl::Status SettleUnanswered(v1::ChargeRequest* request);
  template <typename Check>
  bool AsksInEarnest(const WaitingList::Refused* before, const Check& check, absl::Status* refused);
  template <typename Items>
  std::string NotRegisteredOf(const Items& items) const;
  bool Reconcile(const NodeSight& sight, const NodeBooks& books);
  void NoteCharged(const NodeBooks& books);
  bool ReportMeasured(const NodeSight& sight, const NodeBooks& books);
  absl::StatusOr<bool> IsChargedHere(const std::string& charge_id);
  void ForgetIds(const NodeSight& sight);
  void NoteKept(const absl::Status& status);
  void Fill(NodeSight* sight) const;
  void AddKnown(const v1::Charge& charge);
  static std::string WaitingKeyOf(const Holding& holding);
  void Forget(const std::string& charge_id);
  std::string RegionName(const std::string& local) const;

  static constexpr char kAgentName[] = "dmem-agent";

  const AgentConfig& config_;
  const std::shared_ptr<Client> client_;
  Incarnations* const incarnations_;
  const std::function<absl::Time()> now_;
  const std::function<absl::Time()> monotonic_now_;
  const LinkParts parts_;
  KeptSession session_;

  uint64_t session_id_ = 0;                        // That the state below is of; 0: none.
  std::map<std::string, std::string> registered_;  // By region: what was sent, in full.
  std::map<std::string, bool> failed_;             // By region, as reported.
  bool is_known_current_ = false;
  uint64_t listed_sequence_ = 0;  // That the last list was of.
  // Seen before the node was looked at: what was granted later is not taken for a leak.
  uint64_t as_of_ = 0;
  std::vector<KnownItem> known_;
  bool has_listed_ = false;
  // NodeSight has what it is.
  std::optional<std::map<std::pair<std::string, std::string>, uint64_t>> charged_before_;
  // Charges that were sent and not answered, as they were sent, by what they are for.
  std::map<std::string, v1::ChargeRequest> unanswered_;
  // Ids of charges, of what runs, that were refused in this pass, by what they are for.
  std::map<std::string, std::string> refused_;
  PodReservations reservations_;
  // Of pods that are gone: what the authority was last asked of, and when.
  std::set<std::string> asked_ids_;
  absl::Time asked_ids_at_ = absl::InfinitePast();
  WaitingList waiting_;
  Admissions admissions_;
  absl::Time looked_at_ = absl::InfinitePast();  // When this pass began.
  absl::Time reconciled_at_ = absl::InfinitePast();
  absl::Time reported_at_ = absl::InfinitePast();
  // Kept from pass to pass: LinkReport has what they are.
  absl::Time reconciled_as_of_ = absl::InfinitePast();
  absl::Time reported_as_of_ = absl::InfinitePast();
  LinkReport report_;
};

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_LOOP_AUTHORITY_LINK_H_
