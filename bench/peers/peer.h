// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// What a load on a peer of dmemd is made of: the same charges as bench/load sends, an authority
// that decides them, and a closed loop of callers.

#ifndef BENCH_PEERS_PEER_H_
#define BENCH_PEERS_PEER_H_

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace dmem::bench {

// From the root down: "/", the tenant, the job, the leaf.
inline constexpr int kLevels = 4;

struct PeerCharge {
  std::string id;
  std::string region;
  std::array<std::string, kLevels> paths;
  int64_t bytes = 1 << 20;
};

// The number-th charge: of 8 tenants of 32 jobs, on 8 devices.
PeerCharge ChargeOf(const std::string& id_prefix, uint64_t number);

enum class Verdict { kGranted, kReplayed, kRefused };

struct Answer {
  Verdict verdict = Verdict::kGranted;
  int refusing_level = -1;  // Of a refusal.
};

// One connection to a peer. Every call is durable when it returns. Not thread-safe.
class PeerConnection {
 public:
  virtual ~PeerConnection() = default;
  // Makes what the load needs; max at every counter is `max`.
  virtual void SetUp(int64_t max) = 0;
  // Decides the charges, each by itself, in one call of the kind that the connection was made for.
  virtual std::vector<Answer> Charge(const std::vector<PeerCharge>& charges) = 0;
  // Usage and peak of a counter.
  virtual std::array<int64_t, 2> Read(const std::string& region, const std::string& path) = 0;
};

struct PeerFlags {
  std::string address;
  int callers = 64;
  int batch = 1;  // Charges a call.
  double seconds = 1;
  double warm_up_seconds = 0.2;
  bool check = false;  // That charges are granted, replayed and refused as they must be; no load.
  bool check_kept = false;  // That what `check` was answered is there after a crash; no load.
};

// Parses the flags, runs the check or the load, prints a JSON object. Returns the exit code.
int PeerMain(const std::string& about, int argc, char** argv,
             const std::function<std::unique_ptr<PeerConnection>(const PeerFlags&)>& connect);

// Ends the process with exit code 1 and the text on stderr.
[[noreturn]] void PeerDie(const std::string& what);

}  // namespace dmem::bench

#endif  // BENCH_PEERS_PEER_H_
