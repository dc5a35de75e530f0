// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <prometheus/text_serializer.h>
#include <unistd.h>

#include <cmath>
#include <future>
#include <iterator>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "nlohmann/json.hpp"
#include "server/base/batch_scheduling.h"
#include "server/clock.h"
#include "server/errors.h"
#include "server/file.h"
#include "server/id_generator.h"
#include "server/log.h"
#include "server/metrics.h"
#include "server/quota_service.h"
#include "server/record.h"
#include "server/validation.h"
#include "server/watch.h"

namespace dmem::server {

namespace {

constexpr char kServiceName[] = "dmem.v1.QuotaService";
constexpr char kText[] = "text/plain; charset=utf-8";
constexpr size_t kLongReadsMax = 256;
// Reads of the past are rare and long, and each keeps what it has found so far: up to some hundred
// MiB, over millions of ended charges.
constexpr size_t kPastReaderThreads = 1;
constexpr size_t kPastReadsMax = 4;
constexpr absl::Duration kDrainTime = absl::Seconds(10);

std::function<int64_t()> ClockOf(const Config& config) {
  if (config.now_us != nullptr) return config.now_us;
  return [clock = SteadyWallClock()] { return clock.NowMicroseconds(); };
}

// Makes the state's settings those of the flags, if they differ.
class ConfigureTask final : public WriterTask {
 public:
  ConfigureTask(const Settings& settings, std::shared_ptr<std::promise<absl::Status>> done)
      : settings_(settings), done_(std::move(done)) {}

  size_t record_bytes() const override { return kEntryOverheadBytes; }
  size_t queued_bytes() const override { return sizeof(*this); }
  bool Run(Turn* turn) override {
    if (turn->state().scalars.settings == settings_) return true;
    CommandInput input;
    input.time_us = turn->NextCommandTime();
    input.actor = kServerActor;
    const store::v1::Configure configure = ToProto(settings_);
    Apply(input, configure, turn->ledger());
    AppendEntry(input, absl::OkStatus(), configure, turn);
    return true;
  }
  void Complete(const absl::Status& commit) override { done_->set_value(commit); }

 private:
  const Settings settings_;
  const std::shared_ptr<std::promise<absl::Status>> done_;
};

}  // namespace

Server::Server(const Config& config, std::unique_ptr<Store> store)
    : config_(config), now_us_(ClockOf(config)), store_(std::move(store)), events_(store_.get()) {}

Server::~Server() {
  if (absl::Status status = Shutdown(); !status.ok()) {
    Log(LogLevel::kError, "shutdown_failed", {{"error", status.ToString()}});
  }
}

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const Config& config,
                                                      std::unique_ptr<Store> store) {
  std::unique_ptr<Server> server(new Server(config, std::move(store)));
  absl::Status status = server->RecoverAndConfigure();
  if (status.ok()) status = server->StartHttp();
  if (status.ok()) status = server->StartGrpc();
  if (status.ok()) status = server->WriteEndpoints();
  if (!status.ok()) return status;
  server->serving_.store(true);
  Log(LogLevel::kInfo, "ready",
      {{"grpc", server->grpc_address()},
       {"http", server->http_address()},
       {"pid", static_cast<int64_t>(getpid())},
       {"version", kVersion},
       {"store", config.store},
       {"data_dir", config.data_dir},
       {"sequence", server->writer_->stats().committed_sequence.load()}});
  return server;
}

absl::Status Server::RecoverAndConfigure() {
  absl::StatusOr<Recovered> recovered = Recover(store_.get(), &ledger_);
  if (!recovered.ok()) return recovered.status();
  recovered_ = *std::move(recovered);
  std::unique_ptr<Snapshot> checkpoint = std::move(recovered_.checkpoint);
  if (!recovered_.dropped_tail.empty()) {
    Log(LogLevel::kWarning, "log_tail_dropped", {{"tail", recovered_.dropped_tail}});
  }
  const StateScalars& scalars = ledger_.state().scalars;
  Log(LogLevel::kInfo, "recovered",
      {{"sequence", scalars.sequence},
       {"checkpoint_sequence", recovered_.checkpoint_sequence},
       {"objects", recovered_.objects},
       {"records", recovered_.records},
       {"charges", scalars.charges},
       {"pools", scalars.pools},
       {"audit", "passed"},
       {"seconds", recovered_.seconds}});
  ledger_.SetLayout(recovered_.epoch);
  ledger_.KeepChanges(true);
  writer_ = std::make_unique<Writer>(WriterOptions(), &ledger_, store_.get(), recovered_.epoch,
                                     IdGenerator(), now_us_,
                                     [this](const absl::Status& error) { OnCommitFailure(error); });
  checkpointer_ = std::make_unique<Checkpointer>(
      CheckpointerOptions{absl::Seconds(config_.checkpoint_interval_seconds),
                          config_.checkpoint_sequences,
                          [this](uint64_t sequence) { return OldestWanted(sequence); }},
      writer_.get(), store_.get(),
      checkpoint == nullptr ? nullptr : writer_->Adopt(std::move(checkpoint)),
      recovered_.checkpoint_hash);
  writer_->Start();
  // What an earlier server left: who waits for this one must not read it.
  unlink(EndpointsPath().c_str());
  keeper_ = std::make_unique<SessionKeeper>(writer_.get());
  if (config_.ticks) {
    if (absl::Status status = keeper_->Resume(); !status.ok()) return status;
  }
  return Configure();
}

absl::StatusOr<bool> Server::Tick() {
  DMEM_CHECK(!config_.ticks);
  return keeper_->Tick();
}

uint64_t Server::OldestWanted(uint64_t sequence) const {
  const int64_t kept_us = std::llround(config_.keep_records_seconds * 1e6);
  const absl::StatusOr<uint64_t> oldest = events_.SequenceAt(now_us_() - kept_us, sequence);
  // What cannot be read is not dropped for its age.
  return oldest.ok() ? *oldest : 0;
}

absl::Status Server::Configure() {
  auto done = std::make_shared<std::promise<absl::Status>>();
  std::unique_ptr<WriterTask> task = std::make_unique<ConfigureTask>(SettingsOf(config_), done);
  if (absl::Status refused = writer_->Enqueue(task); !refused.ok()) return refused;
  return done->get_future().get();
}

absl::Status Server::StartHttp() {
  readers_ = std::make_unique<ReaderPool>(config_.reader_threads, kLongReadsMax);
  past_readers_ = std::make_unique<ReaderPool>(kPastReaderThreads, kPastReadsMax);
  absl::StatusOr<std::unique_ptr<HttpServer>> http = HttpServer::Start(
      config_.http, {
                        {"/metrics", [this] { return Scrape(); }},
                        {"/healthz",
                         [] {
                           return HttpResponse{200, kText, "ok\n"};
                         }},
                        {"/readyz",
                         [this] {
                           return ready() ? HttpResponse{200, kText, "ready\n"}
                                          : HttpResponse{503, kText, "not serving\n"};
                         }},
                    });
  if (!http.ok()) return http.status();
  http_ = *std::move(http);
  return absl::OkStatus();
}

HttpResponse Server::Scrape() {
  ServiceFacts facts;
  facts.recovery_seconds = recovered_.seconds;
  facts.checkpoint_seconds = static_cast<double>(checkpointer_->last_duration_us()) / 1e6;
  facts.checkpoint_sequence = checkpointer_->last_sequence();
  facts.store_failed = writer_->failed();
  facts.ticks = keeper_->stats().ticks.load(std::memory_order_relaxed);
  facts.renewals = keeper_->stats().renewals.load(std::memory_order_relaxed);
  if (const absl::StatusOr<KeptRecords> kept = store_->Kept(); kept.ok()) {
    facts.kept_bytes = kept->bytes;
    facts.oldest_kept_sequence = kept->oldest_sequence;
    const absl::StatusOr<int64_t> time = events_.TimeOf(kept->oldest_sequence);
    if (kept->oldest_sequence > 0 && time.ok()) facts.oldest_kept_time_us = *time;
  }
  if (const WatchStats* watches = watch_stats_.load(); watches != nullptr) {
    facts.watchers = watches->watchers.load();
    facts.events_sent = watches->events_sent.load();
    facts.watchers_too_old = watches->ended_too_old.load();
  }
  std::vector<prometheus::MetricFamily> families =
      CollectService(rpc_metrics_, writer_->stats(), facts);
  // What cannot be read now, because a commit failed or too many read, is left out; the rest says
  // why.
  absl::StatusOr<std::vector<prometheus::MetricFamily>> objects = CollectObjectsOnReader();
  if (objects.ok()) {
    std::move(objects->begin(), objects->end(), std::back_inserter(families));
  }
  return {200, "text/plain; version=0.0.4; charset=utf-8",
          prometheus::TextSerializer().Serialize(families)};
}

absl::StatusOr<std::vector<prometheus::MetricFamily>> Server::CollectObjectsOnReader() {
  if (!readers_->Reserve()) return Overloaded("long reads", readers_->queue_max());
  using Families = absl::StatusOr<std::vector<prometheus::MetricFamily>>;
  auto done = std::make_shared<std::promise<Families>>();
  writer_->RequestView([this, done](absl::StatusOr<ReadView> view) {
    if (!view.ok()) {
      readers_->Cancel();
      done->set_value(view.status());
      return;
    }
    readers_->Submit([this, done, view = *std::move(view)] {
      done->set_value(CollectObjects(view.state(), view.time_us, MetricsDetailOf(config_)));
    });
  });
  return done->get_future().get();
}

absl::Status Server::StartGrpc() {
  watchers_ = std::make_unique<WatchHub>(WatchOptions(), &events_, writer_.get());
  watch_stats_.store(&watchers_->stats());
  service_ = std::make_unique<QuotaService>(writer_.get(), readers_.get(), past_readers_.get(),
                                            keeper_.get(), &events_, watchers_.get(), &rpc_metrics_,
                                            kVersion, config_.store);
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(config_.listen, grpc::InsecureServerCredentials(), &port);
  builder.SetMaxReceiveMessageSize(kMessageBytesMax);
  // Two servers on one port would share its calls and not their state.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.RegisterService(service_.get());
  {
    const ScopedBatchScheduling for_grpc_threads;
    grpc_ = builder.BuildAndStart();
  }
  if (grpc_ == nullptr || port == 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", config_.listen, " for gRPC: is the port in use?"));
  }
  grpc_address_ = absl::StrCat(config_.listen.substr(0, config_.listen.rfind(':')), ":", port);
  SetHealth(true);
  checkpointer_->Start();
  if (config_.ticks) keeper_->Start();
  return absl::OkStatus();
}

absl::Status Server::WriteEndpoints() const {
  nlohmann::ordered_json endpoints;
  endpoints["grpc"] = grpc_address();
  endpoints["http"] = http_address();
  endpoints["pid"] = getpid();
  endpoints["version"] = kVersion;
  return WriteFileAtomically(EndpointsPath(), endpoints.dump() + "\n");
}

std::string Server::EndpointsPath() const {
  return absl::StrCat(config_.data_dir, "/endpoints.json");
}

void Server::SetHealth(bool serving) {
  grpc::HealthCheckServiceInterface* health =
      grpc_ == nullptr ? nullptr : grpc_->GetHealthCheckService();
  if (health == nullptr) return;
  health->SetServingStatus(serving);
  health->SetServingStatus(kServiceName, serving);
}

void Server::OnCommitFailure(const absl::Status& error) {
  Log(LogLevel::kError, "commit_failed",
      {{"error", error.ToString()}, {"effect", "nothing is served until a restart"}});
  SetHealth(false);
}

bool Server::ready() const { return serving_.load() && !writer_->failed(); }

absl::Status Server::Shutdown() {
  if (shut_down_) return absl::OkStatus();
  shut_down_ = true;
  const bool was_serving = serving_.exchange(false);
  if (was_serving) {
    Log(LogLevel::kInfo, "draining", {{"sequence", writer_->stats().committed_sequence.load()}});
    unlink(EndpointsPath().c_str());
  }
  SetHealth(false);
  if (watchers_ != nullptr) watchers_->Drain();
  if (was_serving) service_->Drain();
  // Calls under way are answered; the writer and the readers still run for them. Those that take
  // longer (none of ours waits for anything) are cut off.
  if (grpc_ != nullptr) grpc_->Shutdown(absl::ToChronoTime(WallClockNow() + kDrainTime));
  if (watchers_ != nullptr) watchers_->Stop();
  http_ = nullptr;
  if (keeper_ != nullptr) keeper_->Stop();
  absl::Status status;
  if (checkpointer_ != nullptr && was_serving) status = checkpointer_->Stop();
  checkpointer_ = nullptr;
  if (past_readers_ != nullptr) past_readers_->Stop();
  if (readers_ != nullptr) readers_->Stop();
  const bool failed = writer_ != nullptr && writer_->failed();
  if (writer_ != nullptr) writer_->Stop();
  const uint64_t sequence = ledger_.state().scalars.sequence;
  writer_ = nullptr;  // Gives the last snapshots back to the ledger.
  if (was_serving) Log(LogLevel::kInfo, "stopped", {{"sequence", sequence}});
  if (failed) return absl::UnavailableError("a commit had failed");
  return status;
}

}  // namespace dmem::server
