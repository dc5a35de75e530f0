// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Replays a cluster's tasks as //bench:trace_replay does, asking with CHECK_ONLY before each
// charge, and writes down what it was told: a JSON object a line, for observed_replay_test.py to
// judge. Before the call --enforce-at, every max of "cluster" that is observed is enforced.

#include <CLI/CLI.hpp>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "bench/replay/dmemd_authority.h"
#include "bench/replay/openb_trace.h"
#include "bench/replay/replay.h"
#include "bench/replay/report.h"
#include "client/client.h"
#include "client/error_facts.h"
#include "client/grpc_connection.h"
#include "nlohmann/json.hpp"

namespace dmem::replay {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kCluster[] = "cluster";

struct Flags {
  std::string server, openb_nodes, openb_pods, calls;
  absl::optional<size_t> take_nodes;
  int64_t enforce_at = -1;
};

Json ToJson(const v1::WouldRefuse& refusal) {
  return {{"cgroup", refusal.cgroup()},
          {"region", refusal.region()},
          {"item", refusal.item()},
          {"usage_bytes", refusal.usage_bytes()},
          {"max_bytes", refusal.max_bytes()},
          {"requested_bytes", refusal.requested_bytes()},
          {"short_bytes", refusal.short_bytes()},
          {"largest_grantable_bytes", refusal.largest_grantable_bytes()}};
}

Json ToJson(const client::Refusal& refusal) {
  return {{"cgroup", refusal.counter_cgroup},
          {"region", refusal.counter_region},
          {"item", std::stoi(refusal.item)},
          {"usage_bytes", refusal.usage_bytes},
          {"max_bytes", refusal.max_bytes},
          {"requested_bytes", refusal.requested_bytes},
          {"short_bytes", refusal.short_bytes},
          {"largest_grantable_bytes", refusal.largest_grantable_bytes}};
}

// What a charge was answered: granted or why not, and the refusals, observed or not.
Json ToJson(const absl::StatusOr<v1::ChargeResponse>& answer) {
  Json json;
  json["granted"] = answer.ok();
  json["refusals"] = Json::array();
  if (answer.ok()) {
    for (const v1::WouldRefuse& refusal : answer->would_refuse()) {
      json["refusals"].push_back(ToJson(refusal));
    }
    return json;
  }
  const client::ErrorFacts facts = client::FactsOf(answer.status());
  json["reason"] = facts.reason;
  if (const auto refusal = client::RefusalOf(facts)) json["refusals"].push_back(ToJson(*refusal));
  return json;
}

class ObservedAuthority final : public DmemdAuthority {
 public:
  ObservedAuthority(client::Client* client, int64_t enforce_at, std::ostream* calls)
      : DmemdAuthority(client, absl::Now),
        client_(*client),
        enforce_at_(enforce_at),
        calls_(*calls) {}

  absl::StatusOr<Verdict> Charge(const ChargeOrder& charge) override {
    if (sent_++ == enforce_at_) {
      if (absl::Status status = Enforce(); !status.ok()) return status;
    }
    v1::ChargeRequest request;
    request.set_charge_id(charge.charge_id);
    request.mutable_created_at()->set_seconds(absl::ToUnixSeconds(absl::Now()));
    Json line;
    for (const ItemOrder& order : charge.items) {
      v1::ChargeItem* item = request.add_items();
      item->set_cgroup(order.cgroup);
      item->set_region(order.region);
      item->set_bytes(order.bytes);
      line["cgroup"] = order.cgroup;
      line["items"].push_back({order.region, order.bytes});
    }
    request.set_mode(v1::CHARGE_MODE_CHECK_ONLY);
    line["checked"] = ToJson(client_.Charge(request));
    request.set_mode(v1::CHARGE_MODE_STRICT);
    const absl::StatusOr<v1::ChargeResponse> answer = client_.Charge(request);
    line["charged"] = ToJson(answer);
    calls_ << line.dump() << "\n";
    if (answer.ok()) return Verdict{};
    if (client::FactsOf(answer.status()).reason != "MAX_EXCEEDED") return answer.status();
    return Verdict{false, std::string(answer.status().message())};
  }

 private:
  // All charges, and the usage and peak of all pools.
  absl::StatusOr<std::map<std::string, std::string>> Running() {
    std::map<std::string, std::string> rows;
    const absl::StatusOr<v1::ListChargesResponse> charges =
        client_.ListAllCharges(v1::ListChargesRequest());
    if (!charges.ok()) return charges.status();
    for (const v1::Charge& charge : charges->charges()) {
      rows[charge.charge_id()] = charge.ShortDebugString();
    }
    const absl::StatusOr<v1::ListPoolsResponse> pools =
        client_.ListAllPools(v1::ListPoolsRequest());
    if (!pools.ok()) return pools.status();
    for (const v1::Pool& pool : pools->pools()) {
      rows[absl::StrCat(pool.cgroup(), " ", pool.region())] =
          absl::StrCat(pool.usage_bytes(), " ", pool.peak_bytes());
    }
    return rows;
  }

  absl::Status Enforce() {
    const absl::StatusOr<std::map<std::string, std::string>> before = Running();
    if (!before.ok()) return before.status();
    v1::ListPoolsRequest in_cluster;
    in_cluster.set_region(kCluster);
    const absl::StatusOr<v1::ListPoolsResponse> pools = client_.ListAllPools(in_cluster);
    if (!pools.ok()) return pools.status();
    v1::SetLimitsRequest request;
    Json line;
    for (const v1::Pool& pool : pools->pools()) {
      if (pool.enforcement() != v1::ENFORCEMENT_OBSERVE) continue;
      v1::LimitsUpdate* update = request.add_updates();
      update->set_cgroup(pool.cgroup());
      update->set_region(pool.region());
      update->set_enforcement(v1::ENFORCEMENT_ENFORCE);
      line["enforced"].push_back(pool.cgroup());
    }
    if (absl::Status status = client_.SetLimits(request).status(); !status.ok()) return status;
    const absl::StatusOr<std::map<std::string, std::string>> after = Running();
    if (!after.ok()) return after.status();
    line["rows"] = after->size();
    line["same"] = *before == *after;
    calls_ << line.dump() << "\n";
    return absl::OkStatus();
  }

  client::Client& client_;
  const int64_t enforce_at_;
  std::ostream& calls_;
  int64_t sent_ = 0;
};

absl::StatusOr<Totals> Replay(const Flags& flags, Authority* authority) {
  absl::StatusOr<std::vector<GpuNode>> nodes = ReadGpuNodes(flags.openb_nodes, flags.take_nodes);
  if (!nodes.ok()) return nodes.status();
  absl::StatusOr<std::vector<GpuTask>> tasks = ReadGpuTasks(flags.openb_pods);
  if (!tasks.ok()) return tasks.status();
  ReplayOptions options;
  options.run = "observed";
  return ReplayTasks(*nodes, *tasks, options, authority);
}

int Main(int argc, char** argv) {
  Flags flags;
  CLI::App app("Replays tasks with limits that are observed.", "observed_replay");
  app.add_option("--server", flags.server)->required();
  app.add_option("--openb-nodes", flags.openb_nodes)->required();
  app.add_option("--openb-pods", flags.openb_pods)->required();
  app.add_option("--take-nodes", flags.take_nodes);
  app.add_option("--enforce-at", flags.enforce_at);
  app.add_option("--calls", flags.calls)->required();
  CLI11_PARSE(app, argc, argv);
  client::Client client(client::MakeGrpcConnection(flags.server));
  std::ofstream calls(flags.calls);
  ObservedAuthority authority(&client, flags.enforce_at, &calls);
  const absl::Time began = absl::Now();
  const absl::StatusOr<Totals> totals = Replay(flags, &authority);
  if (!totals.ok() || !calls.flush()) {
    std::cerr << "observed_replay: " << totals.status() << "\n";
    return 1;
  }
  std::cout << JsonReport(*totals, absl::Now() - began);
  return 0;
}

}  // namespace
}  // namespace dmem::replay

int main(int argc, char** argv) { return dmem::replay::Main(argc, argv); }
