// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// load: the same Charges, unary and in batches, on a running dmemd and on echo_server, in rounds
// that take turns; then one table. See tools/bench-smoke.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "dmem/v1/quota_service.grpc.pb.h"
#include "grpcpp/grpcpp.h"

namespace {

namespace v1 = dmem::v1;
using Clock = std::chrono::steady_clock;

constexpr int kRegions = 8;
constexpr int kTenants = 8;
constexpr int kJobsPerTenant = 32;
constexpr int kBatchCharges = 1000;
constexpr std::chrono::seconds kCallTimeout(30);

struct Flags {
  std::string echo, dmemd;
  int rounds = 5;
  double seconds = 1.2;
  int connections = 1;
  int unary_in_flight = 64;
  int batches_in_flight = 8;
  double unary_bar = 0.5;
  double batch_bar = 0.25;
};

// A server, over some connections: node agents have one each.
struct Target {
  Target(const std::string& address, int connections) {
    for (int i = 0; i < connections; ++i) {
      grpc::ChannelArguments arguments;
      arguments.SetInt("bench.connection", i);  // Equal channels would share one connection.
      stubs.push_back(v1::QuotaService::NewStub(
          grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments)));
    }
  }
  v1::QuotaService::Stub* stub(int caller) const {
    return stubs[static_cast<size_t>(caller) % stubs.size()].get();
  }
  std::vector<std::unique_ptr<v1::QuotaService::Stub>> stubs;
};

[[noreturn]] void Die(const std::string& what) {
  std::fprintf(stderr, "load: %s\n", what.c_str());
  std::exit(1);
}

void DieUnlessOk(const std::string& what, const grpc::Status& status) {
  if (!status.ok()) Die(absl::StrCat(what, ": ", status.error_message()));
}

std::string RegionName(int i) { return absl::StrCat("bench-node/gpu", i % kRegions); }
std::string CgroupPath(int tenant, int job) {
  return absl::StrCat("/bench-", tenant, "/job-", job);
}

// Charges have fresh ids, numbered, so that a round's can be given back by their numbers.
class ChargeNumbers {
 public:
  ChargeNumbers()
      : prefix_(absl::StrCat("load-", absl::Hex(absl::ToUnixNanos(absl::Now())), "-")) {}
  uint64_t Take(uint64_t count) { return next_.fetch_add(count, std::memory_order_relaxed); }
  uint64_t next() const { return next_.load(); }
  std::string IdOf(uint64_t number) const { return absl::StrCat(prefix_, number); }

 private:
  const std::string prefix_;
  std::atomic<uint64_t> next_{100000};
};

void FillCharge(const ChargeNumbers& numbers, uint64_t number, v1::ChargeRequest* request) {
  request->set_charge_id(numbers.IdOf(number));
  const absl::Time now = absl::Now();
  request->mutable_created_at()->set_seconds(absl::ToUnixSeconds(now));
  request->mutable_created_at()->set_nanos(
      static_cast<int32_t>(
          absl::ToInt64Nanoseconds(now - absl::FromUnixSeconds(absl::ToUnixSeconds(now)))) /
      1000 * 1000);
  v1::ChargeItem* const item =
      request->items_size() > 0 ? request->mutable_items(0) : request->add_items();
  const int i = static_cast<int>(number % (uint64_t{kTenants} * kJobsPerTenant));
  item->set_cgroup(CgroupPath(i % kTenants, i / kTenants));
  item->set_region(RegionName(i));
  item->set_bytes(1 << 20);
}

struct Unary {
  using Request = v1::ChargeRequest;
  using Response = v1::ChargeResponse;
  static constexpr uint64_t kCharges = 1;
  static void Fill(const ChargeNumbers& numbers, uint64_t first, Request* request) {
    FillCharge(numbers, first, request);
  }
  static void Send(v1::QuotaService::Stub* stub, grpc::ClientContext* context,
                   const Request* request, Response* response,
                   std::function<void(grpc::Status)> done) {
    stub->async()->Charge(context, request, response, std::move(done));
  }
  static bool IsGranted(const Response& response) { return response.has_charge(); }
};

struct Batched {
  using Request = v1::BatchChargeRequest;
  using Response = v1::BatchChargeResponse;
  static constexpr uint64_t kCharges = kBatchCharges;
  static void Fill(const ChargeNumbers& numbers, uint64_t first, Request* request) {
    for (int i = 0; i < kBatchCharges; ++i) {
      FillCharge(
          numbers, first + static_cast<uint64_t>(i),
          i < request->charges_size() ? request->mutable_charges(i) : request->add_charges());
    }
  }
  static void Send(v1::QuotaService::Stub* stub, grpc::ClientContext* context,
                   const Request* request, Response* response,
                   std::function<void(grpc::Status)> done) {
    stub->async()->BatchCharge(context, request, response, std::move(done));
  }
  static bool IsGranted(const Response& response) {
    return response.results_size() == kBatchCharges &&
           std::none_of(response.results().begin(), response.results().end(),
                        [](const v1::BatchChargeResult& r) { return r.has_error(); });
  }
};

// One round: `in_flight` callers, each sending its next call when the last has been answered, until
// the time is over and all are answered.
template <typename Kind>
class Round {
 public:
  Round(const Target& target, ChargeNumbers* numbers, int in_flight, double seconds)
      : numbers_(numbers),
        started_(Clock::now()),
        end_(started_ +
             std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds))),
        running_(in_flight) {
    for (int i = 0; i < in_flight; ++i) {
      callers_.push_back(std::make_unique<Caller>());
      callers_.back()->stub = target.stub(i);
    }
  }

  // Charges granted per second.
  double Run() {
    for (const std::unique_ptr<Caller>& caller : callers_) SendNext(caller.get());
    std::unique_lock<std::mutex> lock(mutex_);
    all_ended_.wait(lock, [this] { return running_ == 0; });
    const std::chrono::duration<double> took = last_answer_ - started_;
    return static_cast<double>(answered_.load() * Kind::kCharges) / took.count();
  }
  size_t request_bytes() const { return callers_[0]->request.ByteSizeLong(); }
  size_t response_bytes() const { return callers_[0]->response.ByteSizeLong(); }

 private:
  struct Caller {
    v1::QuotaService::Stub* stub = nullptr;
    absl::optional<grpc::ClientContext> context;
    typename Kind::Request request;
    typename Kind::Response response;
  };

  void SendNext(Caller* caller) {
    caller->context.emplace();
    caller->context->set_deadline(std::chrono::system_clock::now() + kCallTimeout);
    Kind::Fill(*numbers_, numbers_->Take(Kind::kCharges), &caller->request);
    Kind::Send(caller->stub, &*caller->context, &caller->request, &caller->response,
               [this, caller](const grpc::Status& status) { OnAnswer(caller, status); });
  }

  void OnAnswer(Caller* caller, const grpc::Status& status) {
    DieUnlessOk("charge", status);
    if (!Kind::IsGranted(caller->response)) Die("a charge was refused");
    answered_.fetch_add(1, std::memory_order_relaxed);
    if (Clock::now() < end_) {
      SendNext(caller);
      return;
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    last_answer_ = Clock::now();
    if (--running_ == 0) all_ended_.notify_one();
  }

  ChargeNumbers* const numbers_;
  const Clock::time_point started_, end_;
  std::vector<std::unique_ptr<Caller>> callers_;
  std::atomic<uint64_t> answered_{0};
  std::mutex mutex_;
  std::condition_variable all_ended_;
  Clock::time_point last_answer_;
  int running_;
};

// Not in any measured time.
void Uncharge(const Target& dmemd, const ChargeNumbers& numbers, uint64_t first, uint64_t end) {
  while (first < end) {
    v1::UnchargeRequest request;
    for (int i = 0; i < 1000 && first < end; ++i) request.add_charge_ids(numbers.IdOf(first++));
    v1::UnchargeResponse response;
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kCallTimeout);
    DieUnlessOk("uncharge", dmemd.stub(0)->Uncharge(&context, request, &response));
  }
}

void SetUp(const Target& dmemd) {
  for (int i = 0; i < kRegions; ++i) {
    v1::RegisterRequest request;
    request.mutable_region()->set_name(RegionName(i));
    request.mutable_region()->set_capacity_bytes(uint64_t{1} << 50);
    v1::RegisterResponse response;
    grpc::ClientContext context;
    context.set_wait_for_ready(true);
    context.set_deadline(std::chrono::system_clock::now() + kCallTimeout);
    DieUnlessOk("register", dmemd.stub(0)->Register(&context, request, &response));
  }
  const auto create = [&](const std::string& path) {
    v1::CreateCgroupRequest request;
    request.set_path(path);
    v1::CreateCgroupResponse response;
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kCallTimeout);
    DieUnlessOk("create cgroup", dmemd.stub(0)->CreateCgroup(&context, request, &response));
  };
  for (int tenant = 0; tenant < kTenants; ++tenant) {
    create(absl::StrCat("/bench-", tenant));
    for (int job = 0; job < kJobsPerTenant; ++job) create(CgroupPath(tenant, job));
  }
}

struct Series {
  std::vector<double> echo, dmemd, ratio;
  size_t request_bytes = 0, echo_response_bytes = 0, dmemd_response_bytes = 0;
};

// A round on each of the two; what dmemd then holds is given back.
template <typename Kind>
void RunPair(const Target& echo, const Target& dmemd, ChargeNumbers* numbers, int in_flight,
             double seconds, Series* series) {
  if (in_flight == 0) return;
  Round<Kind> on_echo(echo, numbers, in_flight, seconds);
  const double echo_rate = on_echo.Run();
  const uint64_t first = numbers->next();
  Round<Kind> on_dmemd(dmemd, numbers, in_flight, seconds);
  const double dmemd_rate = on_dmemd.Run();
  Uncharge(dmemd, *numbers, first, numbers->next());
  if (series == nullptr) return;
  series->echo.push_back(echo_rate);
  series->dmemd.push_back(dmemd_rate);
  series->ratio.push_back(dmemd_rate / echo_rate);
  series->request_bytes = on_dmemd.request_bytes();
  series->echo_response_bytes = on_echo.response_bytes();
  series->dmemd_response_bytes = on_dmemd.response_bytes();
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

std::string Grouped(double value) {
  std::string digits = absl::StrFormat("%.0f", value);
  for (int i = static_cast<int>(digits.size()) - 3; i > 0; i -= 3)
    digits.insert(static_cast<size_t>(i), ",");
  return digits;
}

std::string Rates(const std::vector<double>& values) {
  return absl::StrFormat("%s (%s-%s)", Grouped(Median(values)),
                         Grouped(*std::min_element(values.begin(), values.end())),
                         Grouped(*std::max_element(values.begin(), values.end())));
}

// Prints a line; returns whether the bar is reached.
bool PrintLine(const std::string& what, const Series& series, double bar) {
  if (series.ratio.empty()) return true;
  const double ratio = Median(series.ratio);
  std::printf("%-32s %-32s %-32s %.2f (%.2f-%.2f)    %.2f  %s\n", what.c_str(),
              Rates(series.echo).c_str(), Rates(series.dmemd).c_str(), ratio,
              *std::min_element(series.ratio.begin(), series.ratio.end()),
              *std::max_element(series.ratio.begin(), series.ratio.end()), bar,
              ratio >= bar ? "reached" : "MISSED");
  return ratio >= bar;
}

int Main(const Flags& flags) {
  const Target echo(flags.echo, flags.connections), dmemd(flags.dmemd, flags.connections);
  ChargeNumbers numbers;
  SetUp(dmemd);
  // Connections and caches, unmeasured.
  RunPair<Unary>(echo, dmemd, &numbers, flags.unary_in_flight, flags.seconds / 4, nullptr);
  RunPair<Batched>(echo, dmemd, &numbers, flags.batches_in_flight, flags.seconds / 4, nullptr);
  Series unary, batched;
  for (int round = 0; round < flags.rounds; ++round) {
    RunPair<Unary>(echo, dmemd, &numbers, flags.unary_in_flight, flags.seconds, &unary);
    RunPair<Batched>(echo, dmemd, &numbers, flags.batches_in_flight, flags.seconds, &batched);
  }
  std::printf(
      "Durable charges a second on dmemd (RocksDB), against a no-op gRPC echo of the same messages."
      "\n%d rounds of %.1f s on each in turn: median (smallest-largest); ratios are of "
      "neighbouring "
      "rounds.\nGiving back what was charged, by Uncharge after each round, is not counted.\n\n",
      flags.rounds, flags.seconds);
  std::printf("%-32s %-32s %-32s %-19s %-5s\n", "Charge", "echo", "dmemd", "ratio", "bar");
  bool reached = PrintLine(absl::StrCat("unary, ", flags.unary_in_flight, " in flight"), unary,
                           flags.unary_bar);
  reached &= PrintLine(
      absl::StrCat("batches of ", kBatchCharges, ", ", flags.batches_in_flight, " in flight"),
      batched, flags.batch_bar);
  for (const Series* series : {&unary, &batched}) {
    if (series->ratio.empty()) continue;
    std::printf("%s: request %zu bytes, response %zu (echo) and %zu (dmemd)\n",
                series == &unary ? "\nunary" : "batch", series->request_bytes,
                series->echo_response_bytes, series->dmemd_response_bytes);
  }
  return reached ? 0 : 3;
}

}  // namespace

int main(int argc, char** argv) {
  Flags flags;
  CLI::App app(
      "load: Charges on dmemd and on echo_server in turn. Exit codes: 0 bars reached, 1 error, 3 a "
      "bar missed");
  app.add_option("--echo", flags.echo, "HOST:PORT of echo_server")->required();
  app.add_option("--dmemd", flags.dmemd, "HOST:PORT of an empty dmemd")->required();
  const auto flag = [&app](const char* name, auto& value, const char* help) {
    return app.add_option(name, value, help)->capture_default_str();
  };
  flag("--rounds", flags.rounds, "Measured rounds on each")->check(CLI::Range(1, 1000));
  flag("--seconds", flags.seconds, "Length of a round")->check(CLI::Range(0.05, 600.0));
  flag("--connections", flags.connections, "Connections to each server")
      ->check(CLI::Range(1, 1000));
  flag("--unary-in-flight", flags.unary_in_flight, "Unary calls in flight; 0: none")
      ->check(CLI::Range(0, 10000));
  flag("--batches-in-flight", flags.batches_in_flight, "Batches in flight; 0: none")
      ->check(CLI::Range(0, 1000));
  flag("--unary-bar", flags.unary_bar, "Ratio to reach, unary");
  flag("--batch-bar", flags.batch_bar, "Ratio to reach, batched");
  CLI11_PARSE(app, argc, argv);
  return Main(flags);
}
