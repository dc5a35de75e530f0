// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_LOOP_INCARNATIONS_H_
#define DMEMD_CLIENT_AGENT_LOOP_INCARNATIONS_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/agent/device_backend.h"

namespace dmem::client {

// Numbers that grow whenever memory was lost: the node's with each boot, a region's also when its
// device was reset or swapped. The node's is its boot time in seconds since 1970, as the clock was
// when it was first asked for in this boot; a region's is that times 1,000, plus the resets that
// were seen since. They are kept in a file, which may be lost: then the node's is what the clock
// says now, and of regions the authority's number is taken on (AtLeast). One thread at a time.
class Incarnations {
 public:
  // Reads `proc_root`/stat for the boot time, `proc_root`/sys/kernel/random/boot_id for which boot
  // this is (the boot time moves when the clock is set) and `state_dir`/incarnations. Writes
  // nothing. Errors, naming the file: the boot time cannot be read.
  static absl::StatusOr<Incarnations> Load(const std::string& proc_root,
                                           const std::string& state_dir);

  uint64_t node() const { return boot_seconds_; }

  // The region's, of the device as it is now. A device that failed has not been reset yet.
  uint64_t Of(const Device& device);

  // The authority has this one for the region already; not after it, if it is of this boot.
  void AtLeast(const std::string& region, uint64_t incarnation);

  // Makes the file, and its directory, say what is known, unless it does.
  void Keep();

  // Of the last Keep, Of or AtLeast: whether the file says what is known.
  const absl::Status& status() const { return status_; }

 private:
  struct Seen {
    std::string token;
    uint64_t resets = 0;
    bool has_failed = false;
  };

  Incarnations(uint64_t boot_seconds, std::string boot_id, std::string file)
      : boot_seconds_(boot_seconds), boot_id_(std::move(boot_id)), file_(std::move(file)) {}
  void Read();
  void ReadBoot(absl::string_view id, uint64_t seconds);
  absl::Status Write() const;

  uint64_t boot_seconds_;
  std::string boot_id_;  // "-": the kernel does not say; then it is the boot time.
  std::string file_;
  std::map<std::string, Seen> seen_;
  bool is_kept_ = false;
  absl::Status status_;
};

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_LOOP_INCARNATIONS_H_
