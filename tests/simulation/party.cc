// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/simulation/party.h"

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/error_facts.h"

namespace dmem::simulation {
namespace {

constexpr int64_t kPauseUsMax = 2'000'000;
constexpr int64_t kDeadUsMax = 20'000'000;
constexpr size_t kUnsureMax = 4;

client::RetryEnvironment EnvironmentOf(World* world, Waiter* waiter) {
  client::RetryEnvironment environment;
  environment.now = [world] { return absl::FromUnixMicros(world->now_us()); };
  environment.sleep = [waiter](absl::Duration time) {
    waiter->Sleep(absl::ToInt64Microseconds(time));
  };
  environment.chance = [world] {
    return static_cast<double>(world->rng().Between(0, 999'999)) / 1e6;
  };
  return environment;
}

std::string ErrorText(const absl::Status& status) {
  return model::ErrorAnswer(absl::StatusCodeToString(status.code()), client::FactsOf(status).reason,
                            {});
}

}  // namespace

Party::Party(World* world, Oracle* oracle, SimulatedServer* server, int number, int calls)
    : world_(world),
      oracle_(oracle),
      name_(absl::StrCat("party ", number)),
      calls_(calls),
      generator_(world->rng().Next()),
      waiter_(world, &body_),
      connection_(std::make_shared<SimulatedConnection>(world, oracle, server, &waiter_, name_)),
      client_(connection_, client::RetryPolicy(), EnvironmentOf(world, &waiter_)),
      stub_(&client_),
      runner_(&stub_),
      coroutine_(std::make_unique<Coroutine>([this] { Live(); })) {
  body_ = coroutine_.get();
}

void Party::Begin() {
  world_->After(0, [this] { coroutine_->Resume(); });
}

void Party::Live() {
  for (int i = 0; i < calls_; ++i) {
    waiter_.Sleep(world_->rng().Between(0, kPauseUsMax));
    if (waiter_.is_dead()) BeReborn();
    if (world_->rng().Chance(world_->faults().die)) {
      world_->After(world_->rng().Between(0, 3 * world_->faults().network_us_max), [this] {
        world_->Note(absl::StrCat(name_, " dies"));
        ++world_->counts().deaths;
        waiter_.Die();
      });
    }
    Call();
  }
  if (waiter_.is_dead()) BeReborn();
}

void Party::BeReborn() {
  waiter_.Revive();
  if (world_->rng().Chance(500)) unsure_.clear();
  waiter_.Sleep(world_->rng().Between(0, kDeadUsMax));
  if (waiter_.is_dead()) waiter_.Revive();
  world_->Note(absl::StrCat(name_, " is back, unsure of ", unsure_.size()));
}

void Party::Call() {
  ++world_->counts().calls;
  if (world_->rng().Chance(world_->faults().read_pool)) {
    ReadPool();
  } else if (world_->rng().Chance(world_->faults().keep_alive)) {
    KeepAlive();
  } else {
    Command();
  }
}

void Party::Command() {
  model::Command command;
  if (!unsure_.empty() && world_->rng().Chance(500)) {
    command = unsure_.back();
    unsure_.pop_back();
  } else {
    command = NextCommand();
  }
  connection_->Ask({command, absl::nullopt, "", ""});
  if (!Learn(runner_.Apply(command)) && unsure_.size() < kUnsureMax) unsure_.push_back(command);
}

// The generator's times are its own: what it created at one time is created at one time here.
model::Command Party::NextCommand() {
  model::Command command;
  do {
    command = generator_.Next(oracle_->view());
  } while (command.kind == model::Kind::kConfigure || command.kind == model::Kind::kTick ||
           command.kind == model::Kind::kResume);
  const auto key = std::make_pair(command.charge_id, command.created_at_us);
  const int64_t age_us = command.time_us - command.created_at_us;
  command.created_at_us = created_at_us_.try_emplace(key, world_->now_us() - age_us).first->second;
  for (model::HeldItem& held : command.held) {
    held.created_at_us = world_->now_us() - (command.time_us - held.created_at_us);
  }
  return command;
}

void Party::ReadPool() {
  ++world_->counts().reads;
  v1::GetPoolRequest request;
  const model::View& view = oracle_->view();
  const auto one_of = [this](const auto& rows) -> const std::string& {
    return rows[static_cast<size_t>(
                    world_->rng().Between(0, static_cast<int64_t>(rows.size()) - 1))]
        .name;
  };
  request.set_cgroup(one_of(view.cgroups));
  request.set_region(view.regions.empty() ? "r1" : one_of(view.regions));
  connection_->Ask({absl::nullopt, absl::nullopt, request.cgroup(), request.region()});
  const absl::StatusOr<v1::GetPoolResponse> answer = client_.GetPool(request);
  if (!answer.ok()) {
    Learn(ErrorText(answer.status()));
    return;
  }
  const v1::Pool& pool = answer->pool();
  model::PoolRow row;
  row.usage = pool.usage_bytes();
  row.own = pool.own_bytes();
  row.peak = pool.peak_bytes();
  row.min = pool.min_bytes();
  row.low = pool.low_bytes();
  row.etag = pool.etag();
  row.refusals = pool.refusals();
  Learn(PoolAnswer(row, answer->sequence()));
}

void Party::KeepAlive() {
  v1::KeepAliveRequest request;
  std::vector<uint64_t> sessions;
  for (const model::LeaseRow& row : oracle_->view().leases) {
    const std::vector<absl::string_view> words = absl::StrSplit(row.text, ' ');
    uint64_t id = 0;
    if (words[0] == "session" && absl::SimpleAtoi(words[1], &id)) sessions.push_back(id);
  }
  sessions.push_back(1);  // Perhaps there is none.
  request.set_session(sessions[static_cast<size_t>(
      world_->rng().Between(0, static_cast<int64_t>(sessions.size()) - 1))]);
  connection_->Ask({absl::nullopt, request.session(), "", ""});
  const absl::StatusOr<v1::KeepAliveResponse> answer = client_.KeepAlive(request);
  if (!answer.ok()) {
    Learn(ErrorText(answer.status()));
    return;
  }
  // Without "SESSION_STATE_".
  Learn(absl::StrCat("OK ", answer->session(), " ",
                     v1::SessionState_Name(answer->state()).substr(14), " at ",
                     answer->sequence()));
}

bool Party::Learn(const std::string& text) {
  const absl::optional<Witness>& witness = connection_->witness();
  if (!witness.has_value()) {
    ++world_->counts().unknown;
    if (!absl::StartsWith(text, "UNAVAILABLE") && !absl::StartsWith(text, "DEADLINE_EXCEEDED") &&
        !absl::StartsWith(text, "CANCELLED")) {
      world_->Violate(absl::StrCat(name_, " got an answer that came from no state: ", text));
    }
    return false;
  }
  if (absl::StrContains(text, "replayed")) ++world_->counts().replayed;
  if (absl::StartsWith(text, "RESOURCE_EXHAUSTED")) ++world_->counts().refused;
  if (text != witness->expected) {
    world_->Violate(absl::StrCat(name_, " got at place ", witness->place, "\n  ", text,
                                 "\nwhere it had to be\n  ", witness->expected));
  }
  return true;
}

}  // namespace dmem::simulation
