// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// etcd_load: charges on etcd, each in a transaction that compares the counters with what the
// decision was made on. Those of a call that are on one device share a transaction.

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "bench/peers/peer.h"
#include "etcd/rpc.grpc.pb.h"
#include "grpcpp/grpcpp.h"

namespace dmem::bench {
namespace {

namespace etcd = etcdserverpb;

// A key of its own for each counter: "c/REGION PATH" is "USAGE PEAK MAX". One for each charge, too:
// "i/ID" is "REGION PATH BYTES".
struct Counter {
  int64_t usage = 0;
  int64_t peak = 0;
  int64_t max = 0;
  int64_t revision = 0;  // Of its last change; 0: the key is not there.
};
using Counters = std::map<std::string, Counter>;

std::string CounterKey(const std::string& region, const std::string& path) {
  return absl::StrCat("c/", region, " ", path);
}

// What was last seen of a device's counters. It is only a guess that a transaction confirms, so it
// saves reading them first. Callers of one program take turns at a device: without that most of
// their transactions would fail because of each other, and be sent again.
struct Device {
  std::mutex mutex;
  Counters counters;
};

class Devices {
 public:
  Device* Find(const std::string& region) {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::unique_ptr<Device>& device = devices_[region];
    if (device == nullptr) device = std::make_unique<Device>();
    return device.get();
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::unique_ptr<Device>> devices_;
};

void AddPut(const std::string& key, const std::string& value, etcd::TxnRequest* request) {
  etcd::PutRequest* const put = request->add_success()->mutable_request_put();
  put->set_key(key);
  put->set_value(value);
}

void AddRange(const std::string& key, etcd::TxnRequest* request) {
  request->add_success()->mutable_request_range()->set_key(key);
}

std::string ValueOf(const Counter& counter) {
  return absl::StrCat(counter.usage, " ", counter.peak, " ", counter.max);
}

class EtcdConnection final : public PeerConnection {
 public:
  EtcdConnection(const std::string& address, std::shared_ptr<Devices> devices)
      : stub_(etcd::KV::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()))),
        devices_(std::move(devices)) {}

  void SetUp(int64_t max) override {
    for (uint64_t number = 0; number < 256; ++number) {
      const PeerCharge charge = ChargeOf("", number);
      for (const std::string& path : charge.paths) {
        // Counters that are there keep their usage.
        etcd::TxnRequest request;
        const std::string key = CounterKey(charge.region, path);
        AddCompare(key, 0, etcd::Compare::CREATE, &request);
        AddPut(key, ValueOf({0, 0, max, 0}), &request);
        Send(request);
      }
    }
  }

  std::vector<Answer> Charge(const std::vector<PeerCharge>& charges) override {
    std::map<std::string, std::vector<size_t>> of_region;
    for (size_t i = 0; i < charges.size(); ++i) of_region[charges[i].region].push_back(i);
    std::vector<Answer> answers(charges.size());
    for (const auto& [region, indexes] : of_region) {
      Device* const device = devices_->Find(region);
      const std::lock_guard<std::mutex> lock(device->mutex);
      std::vector<bool> is_known(charges.size());  // That its id is there.
      while (!TryToCharge(charges, indexes, &device->counters, &is_known, &answers)) {
      }
    }
    return answers;
  }

  std::array<int64_t, 2> Read(const std::string& region, const std::string& path) override {
    Counters counters;
    Refresh({CounterKey(region, path)}, &counters);
    const Counter& counter = counters.begin()->second;
    return {counter.usage, counter.peak};
  }

 private:
  // Decides on `guess` and has that confirmed. False if it was not: then `guess` and `is_known` are
  // as they are now.
  bool TryToCharge(const std::vector<PeerCharge>& charges, const std::vector<size_t>& indexes,
                   Counters* guess, std::vector<bool>* is_known, std::vector<Answer>* answers) {
    etcd::TxnRequest request;
    Counters changed;  // Every counter that something was decided on.
    for (const size_t i : indexes) {
      const PeerCharge& charge = charges[i];
      if ((*is_known)[i]) {
        (*answers)[i] = {Verdict::kReplayed, -1};
        continue;
      }
      std::array<Counter*, kLevels> counters{};
      for (size_t level = 0; level < kLevels; ++level) {
        const std::string key = CounterKey(charge.region, charge.paths[level]);
        counters[level] = &changed.emplace(key, (*guess)[key]).first->second;
      }
      (*answers)[i] = Decide(charge, counters);
      AddCompare("i/" + charge.id, 0, etcd::Compare::CREATE, &request);
      if ((*answers)[i].verdict == Verdict::kGranted) {
        AddPut("i/" + charge.id,
               absl::StrCat(charge.region, " ", charge.paths.back(), " ", charge.bytes), &request);
      }
    }
    if (changed.empty()) return true;
    for (auto& [key, counter] : changed) {
      AddCompare(key, counter.revision, etcd::Compare::MOD, &request);
      if (counter.usage != (*guess)[key].usage) AddPut(key, ValueOf(counter), &request);
    }
    const etcd::TxnResponse response = Send(request);
    if (response.succeeded()) {
      for (auto& [key, counter] : changed) {
        Counter& known = (*guess)[key];
        if (counter.usage != known.usage) counter.revision = response.header().revision();
        known = counter;
      }
      return true;
    }
    std::vector<std::string> keys;
    for (const auto& [key, counter] : changed) keys.push_back(key);
    Refresh(keys, guess);
    RefreshIds(charges, indexes, is_known);
    return false;
  }

  // Counts the charge, if each counter has room for it.
  static Answer Decide(const PeerCharge& charge, const std::array<Counter*, kLevels>& counters) {
    for (int level = kLevels - 1; level >= 0; --level) {
      const Counter& counter = *counters[static_cast<size_t>(level)];
      if (counter.usage + charge.bytes > counter.max) return {Verdict::kRefused, level};
    }
    for (Counter* const counter : counters) {
      counter->usage += charge.bytes;
      counter->peak = std::max(counter->peak, counter->usage);
    }
    return {Verdict::kGranted, -1};
  }

  void Refresh(const std::vector<std::string>& keys, Counters* counters) {
    etcd::TxnRequest request;
    for (const std::string& key : keys) AddRange(key, &request);
    const etcd::TxnResponse response = Send(request);
    for (size_t i = 0; i < keys.size(); ++i) {
      const etcd::RangeResponse& range = response.responses(static_cast<int>(i)).response_range();
      if (range.kvs().empty()) PeerDie("a counter is missing");
      Counter& counter = (*counters)[keys[i]];
      const std::vector<std::string> numbers = absl::StrSplit(range.kvs(0).value(), ' ');
      if (numbers.size() != 3 || !absl::SimpleAtoi(numbers[0], &counter.usage) ||
          !absl::SimpleAtoi(numbers[1], &counter.peak) ||
          !absl::SimpleAtoi(numbers[2], &counter.max)) {
        PeerDie("a counter has no three numbers");
      }
      counter.revision = range.kvs(0).mod_revision();
    }
  }

  void RefreshIds(const std::vector<PeerCharge>& charges, const std::vector<size_t>& indexes,
                  std::vector<bool>* is_known) {
    etcd::TxnRequest request;
    for (const size_t i : indexes) AddRange("i/" + charges[i].id, &request);
    const etcd::TxnResponse response = Send(request);
    for (size_t k = 0; k < indexes.size(); ++k) {
      (*is_known)[indexes[k]] =
          !response.responses(static_cast<int>(k)).response_range().kvs().empty();
    }
  }

  static void AddCompare(const std::string& key, int64_t revision,
                         etcd::Compare::CompareTarget target, etcd::TxnRequest* request) {
    etcd::Compare* const compare = request->add_compare();
    compare->set_result(etcd::Compare::EQUAL);
    compare->set_target(target);
    compare->set_key(key);
    if (target == etcd::Compare::MOD) {
      compare->set_mod_revision(revision);
    } else {
      compare->set_create_revision(revision);
    }
  }

  etcd::TxnResponse Send(const etcd::TxnRequest& request) {
    grpc::ClientContext context;
    etcd::TxnResponse response;
    const grpc::Status status = stub_->Txn(&context, request, &response);
    if (!status.ok()) PeerDie(status.error_message());
    return response;
  }

  const std::unique_ptr<etcd::KV::Stub> stub_;
  const std::shared_ptr<Devices> devices_;
};

}  // namespace
}  // namespace dmem::bench

int main(int argc, char** argv) {
  const auto devices = std::make_shared<dmem::bench::Devices>();
  return dmem::bench::PeerMain("etcd_load: charges on etcd, in transactions", argc, argv,
                               [&devices](const dmem::bench::PeerFlags& flags) {
                                 return std::make_unique<dmem::bench::EtcdConnection>(flags.address,
                                                                                      devices);
                               });
}
