// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/storm/storm_run.h"

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/client.h"
#include "client/grpc_connection.h"
#include "server/testing/dmemd_process.h"
#include "server/testing/temp_directory.h"
#include "tests/storm/fleet.h"

namespace dmem::storm {
namespace {

using server::DmemdProcess;

// Not where connections come from: an agent that finds nobody listening cannot by chance be given
// the server's own port, and so talk to itself.
constexpr char kListen[] = "127.0.0.2:0";
constexpr int kFilesBeside = 200;  // Of each process, that are no connections.
constexpr int kBatch = 1000;
constexpr int kKeepAlivesInFlight = 64;
constexpr size_t kViolationsMax = 50;

// How many connections the bound on open files allows, after it was raised as far as it goes.
int ConnectionsMax() {
  rlimit files = {};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return 1;
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  const rlim_t most = 1 << 20;
  return std::max(1, static_cast<int>(std::min(files.rlim_cur, most)) - kFilesBeside);
}

class Storm {
 public:
  explicit Storm(const StormOptions& options)
      : options_(options),
        size_{options.sessions, options.devices, options.charges, options.session_ttl} {}

  StormReport Run() {
    const int connections_max = ConnectionsMax();
    if (!Start(kListen)) return report_;
    fleet_ = std::make_unique<Fleet>(process_->grpc_address(), size_, connections_max);
    report_.connections = fleet_->connections();
    if (!SetUp()) return report_;
    const uint64_t before = Sequence();
    process_->Kill();
    options_.progress(absl::StrCat("killed; started again in ",
                                   absl::FormatDuration(size_.session_ttl + absl::Seconds(1))));
    absl::SleepFor(size_.session_ttl + absl::Seconds(1));  // The time that it is away is the point.
    options_.progress("started again");
    ComeBack();
    if (report_.violations.empty()) Judge(before);
    return report_;
  }

 private:
  bool Start(const std::string& listen) {
    DmemdProcess::Options options;
    options.binary = options_.dmemd;
    options.data_dir = absl::StrCat(directory_.path(), "/data");
    options.listen = listen;
    auto process = DmemdProcess::Start(options);
    if (!process.ok()) {
      Violation(process.status().ToString());
      return false;
    }
    process_ = *std::move(process);
    client_ =
        std::make_unique<client::Client>(client::MakeGrpcConnection(process_->grpc_address()));
    return true;
  }

  bool SetUp() {
    v1::RegisterGroupRequest group;
    group.set_name("cluster");
    if (!Expect(client_->RegisterGroup(group).status())) return false;
    Violations(fleet_->Register());
    options_.progress(absl::StrCat(size_.nodes, " sessions on ", report_.connections,
                                   " connections, ", size_.nodes * size_.devices, " devices"));
    v1::BatchChargeRequest batch;
    for (int node = 0; node < size_.nodes; ++node) {
      for (int device = 0; device < size_.devices; ++device) {
        for (int charge = 0; charge < size_.charges; ++charge) {
          *batch.add_charges() = Charge(node, device, charge);
          if (batch.charges_size() == kBatch && !Send(&batch)) return false;
        }
      }
    }
    if (batch.charges_size() > 0 && !Send(&batch)) return false;
    options_.progress(absl::StrCat(size_.charges_total(), " charges"));
    Violations(fleet_->KeepAllAlive(kKeepAlivesInFlight).errors);
    return report_.violations.empty();
  }

  static v1::ChargeRequest Charge(int node, int device, int charge) {
    v1::ChargeRequest request;
    request.set_charge_id(Fleet::ChargeId(node, device, charge));
    request.mutable_created_at()->set_seconds(absl::ToUnixSeconds(absl::Now()));
    v1::ChargeItem* item = request.add_items();
    item->set_cgroup(Fleet::Cgroup(node, device, charge));
    item->set_region(Fleet::Device(node, device));
    item->set_bytes(Fleet::kChargeBytes);
    return request;
  }

  bool Send(v1::BatchChargeRequest* batch) {
    const auto response = client_->BatchCharge(*batch);
    batch->clear_charges();
    if (!Expect(response.status())) return false;
    for (const v1::BatchChargeResult& result : response->results()) {
      if (result.has_error()) Violation(result.ShortDebugString());
    }
    return report_.violations.empty();
  }

  void ComeBack() {
    const std::string address = process_->grpc_address();
    // The agents try from now on; that they find nobody at first is part of it.
    std::vector<std::string> errors;
    std::chrono::steady_clock::time_point reconciled;
    std::atomic<bool> is_reconciled{false};
    std::thread agents([&] {
      errors = fleet_->ComeBack();
      reconciled = std::chrono::steady_clock::now();
      is_reconciled = true;
    });
    const auto began = std::chrono::steady_clock::now();
    const bool is_started = Start(address);
    report_.until_ready = absl::FromChrono(std::chrono::steady_clock::now() - began);
    // All of them at least once, and as long as it takes.
    do {
      const Fleet::Sweep sweep = fleet_->KeepAllAlive(kKeepAlivesInFlight);
      report_.keep_alives += sweep.answered;
      report_.slowest_keep_alive = std::max(report_.slowest_keep_alive, sweep.slowest);
      Violations(sweep.errors);
    } while (is_started && !is_reconciled);
    agents.join();
    report_.until_reconciled = absl::FromChrono(reconciled - began);
    Violations(errors);
    options_.progress("reconciled");
  }

  // All that is there, and all that happened since `before`.
  void Judge(uint64_t before) {
    JudgeAudit();
    JudgeCharges();
    JudgeSessions();
    JudgeEvents(before);
  }

  void JudgeAudit() {
    const auto check = client_->Check(v1::CheckRequest());
    if (!Expect(check.status())) return;
    for (const std::string& violation : check->violations()) Violation(violation);
    ExpectEqual("charges", check->charges(), size_.charges_total());
    ExpectEqual("charge items", check->charge_items(), size_.charges_total());
    ExpectEqual("charged bytes", check->charged_bytes(),
                size_.charges_total() * Fleet::kChargeBytes);
  }

  void JudgeCharges() {
    const auto charges = client_->ListAllCharges(v1::ListChargesRequest());
    if (!Expect(charges.status())) return;
    std::map<std::string, const v1::Charge*> by_id;
    for (const v1::Charge& charge : charges->charges()) {
      if (!by_id.emplace(charge.charge_id(), &charge).second) {
        Violation(absl::StrCat(charge.charge_id(), " is there twice"));
      }
    }
    for (int node = 0; node < size_.nodes; ++node) {
      for (int device = 0; device < size_.devices; ++device) {
        const int first = Fleet::FirstHeld(node, device);
        for (int number = first; number < first + size_.charges; ++number) {
          const auto found = by_id.find(Fleet::ChargeId(node, device, number));
          if (found == by_id.end()) {
            Violation(absl::StrCat(Fleet::ChargeId(node, device, number), " is gone"));
            continue;
          }
          const v1::Charge& charge = *found->second;
          if (charge.state() != v1::CHARGE_STATE_HELD || charge.items_size() != 1 ||
              charge.items(0).region() != Fleet::Device(node, device) ||
              charge.items(0).cgroup() != Fleet::Cgroup(node, device, number) ||
              charge.items(0).bytes() != Fleet::kChargeBytes) {
            Violation(charge.ShortDebugString());
          }
        }
      }
    }
    ExpectEqual("ids", by_id.size(), size_.charges_total());
  }

  void JudgeSessions() {
    v1::ListSessionsRequest request;
    request.set_all(true);
    const auto sessions = client_->ListAllSessions(request);
    if (!Expect(sessions.status())) return;
    for (const v1::Session& session : sessions->sessions()) {
      if (session.state() != v1::SESSION_STATE_ACTIVE) Violation(session.ShortDebugString());
    }
    ExpectEqual("sessions", static_cast<uint64_t>(sessions->sessions_size()),
                static_cast<uint64_t>(size_.nodes));
  }

  // Each agent's list was taken, what had changed was put right by it, and nothing else happened.
  void JudgeEvents(uint64_t before) {
    uint64_t lists = 0;
    std::set<std::string> changed, put_right;
    for (int node = 0; node < size_.nodes; ++node) {
      if (!Fleet::HasChanged(node)) continue;
      changed.insert(Fleet::ChargeId(node, 0, 0));
      changed.insert(Fleet::ChargeId(node, 0, size_.charges));
    }
    v1::ListEventsRequest request;
    request.set_newest_first(true);
    request.set_page_size(1000);
    for (;;) {
      const auto page = client_->ListEvents(request);
      if (!Expect(page.status())) return;
      for (const v1::Event& event : page->events()) {
        if (event.sequence() <= before) {
          ExpectEqual("charges put right", put_right.size(), changed.size());
          return ExpectEqual("lists", lists, static_cast<uint64_t>(size_.nodes));
        }
        const std::string& id = event.has_charge_granted() ? event.charge_granted().charge_id()
                                                           : event.charge_changed().charge_id();
        if (event.has_reconcile_ended()) {
          ++lists;
          JudgeList(event.reconcile_ended());
        } else if (changed.count(id) == 0 || !put_right.insert(id).second) {
          Violation(event.ShortDebugString());
        }
      }
      request.set_page_token(page->next_page_token());
      if (request.page_token().empty()) return Violation("the events from before are gone");
    }
  }

  void JudgeList(const v1::ReconcileEnded& ended) {
    int node = 0;
    const bool is_node = absl::SimpleAtoi(ended.node().substr(1), &node);
    const uint64_t expected = is_node && Fleet::HasChanged(node) ? 1 : 0;
    if (ended.recorded_items() != expected || ended.released_items() != expected ||
        ended.resized_items() + ended.differing_items() != 0)
      Violation(ended.ShortDebugString());
  }

  uint64_t Sequence() {
    const auto info = client_->GetServerInfo(v1::GetServerInfoRequest());
    return Expect(info.status()) ? info->sequence() : 0;
  }
  bool Expect(const absl::Status& status) {
    if (!status.ok()) Violation(status.ToString());
    return status.ok();
  }
  void ExpectEqual(absl::string_view what, uint64_t got, uint64_t expected) {
    if (got != expected) Violation(absl::StrCat(got, " ", what, " instead of ", expected));
  }
  void Violations(const std::vector<std::string>& all) {
    for (const std::string& violation : all) Violation(violation);
  }
  void Violation(const std::string& violation) {
    if (report_.violations.size() < kViolationsMax) report_.violations.push_back(violation);
  }

  const StormOptions options_;
  const Fleet::Size size_;
  StormReport report_;
  server::TempDirectory directory_;
  std::unique_ptr<DmemdProcess> process_;
  std::unique_ptr<client::Client> client_;
  std::unique_ptr<Fleet> fleet_;
};

}  // namespace

StormReport RunStorm(const StormOptions& options) { return Storm(options).Run(); }

}  // namespace dmem::storm
