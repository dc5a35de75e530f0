// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// What a command changed, as it stands in its record entry.

#ifndef SERVER_EFFECTS_H_
#define SERVER_EFFECTS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "core/changes.h"
#include "dmem/v1/events.pb.h"

namespace dmem::server {

// The changes of a command as encoded dmem.store.v1.Effects: what its request does not say. Keeps
// its memory from one command to the next.
//
// Thread-compatible.
class EffectsEncoder {
 public:
  EffectsEncoder();
  ~EffectsEncoder();

  // Appends to `out` at most `bytes_max` bytes; nothing if there is nothing to tell. What does not
  // fit is counted in an EventsOmitted at the end, what was measured before as one event; returns
  // that count. A function of its arguments.
  // REQUIRES: bytes_max >= 64.
  uint64_t Encode(const Changes& changes, size_t bytes_max, std::string* out);

 private:
  const std::unique_ptr<v1::Event> event_;
};

}  // namespace dmem::server

#endif  // SERVER_EFFECTS_H_
