// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef TESTS_STORM_FLEET_H_
#define TESTS_STORM_FLEET_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace dmem::storm {

// Simulated node agents. A node's devices are "nNODE/gpuDEVICE", in the group "cluster", and hold
// charges "nNODE/gpuDEVICE/cCHARGE" of kChargeBytes in the tenant cgroup "/ns/team-TEAM".
//
// Thread safety: one thread, but for what says otherwise.
class Fleet {
 public:
  static constexpr uint64_t kChargeBytes = uint64_t{1} << 30;
  static constexpr uint64_t kDeviceBytes = uint64_t{80} << 30;
  static constexpr int kTeams = 200;

  // The shape of the fleet.
  struct Size {
    int nodes = 0, devices = 0, charges = 0;
    absl::Duration session_ttl = absl::Seconds(60);
    uint64_t charges_total() const { return uint64_t{1} * nodes * devices * charges; }
  };

  // As many connections as nodes, if `connections_max` allows.
  Fleet(const std::string& server, const Size& size, int connections_max);
  ~Fleet();
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;

  static std::string Device(int node, int device);
  static std::string ChargeId(int node, int device, int charge);
  static std::string Cgroup(int node, int device, int charge);
  // Whether a node's pods have changed while the server was away: of its first device what was the
  // first charge has ended, and there is one more, which the ledger does not know. One in a
  // hundred.
  static bool HasChanged(int node) { return node % 100 == 37; }
  // The number of the first charge that the node holds on the device when agents come back.
  static int FirstHeld(int node, int device) { return HasChanged(node) && device == 0 ? 1 : 0; }

  // All agents at once: each opens its session, and registers its devices. Returns what went wrong.
  std::vector<std::string> Register();

  // All agents at once: each keeps its session alive, as soon as the server is there, and then says
  // what its node holds. Returns what went wrong, another number of differences than there must be
  // being wrong, too.
  std::vector<std::string> ComeBack();

  // Every session is kept alive once, at most so many calls under way. Thread safe.
  struct Sweep {
    uint64_t answered = 0;
    absl::Duration slowest;
    std::vector<std::string> errors;
  };
  Sweep KeepAllAlive(int in_flight_max);

  int connections() const { return static_cast<int>(stubs_.size()); }

 private:
  class Agents;
  struct Stub;

  Stub& StubOf(int node) { return *stubs_[static_cast<size_t>(node) % stubs_.size()]; }

  const Size size_;
  std::vector<std::unique_ptr<Stub>> stubs_;
  std::vector<uint64_t> sessions_;  // By node.
};

}  // namespace dmem::storm

#endif  // TESTS_STORM_FLEET_H_
