// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_NVML_LIMIT_JOURNAL_H_
#define DMEMD_CLIENT_AGENT_NVML_LIMIT_JOURNAL_H_

#include <cstdint>
#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace dmem::client {

// Which limits this agent has set, so that it knows its own from those of another program, also
// after it was restarted. A file of one line each, replaced as a whole; not synced, because limits
// end with the machine's run as what is not synced does.
//
// Thread safety: one thread at a time.
class LimitJournal {
 public:
  struct Value {
    uint64_t low_bytes = 0;
    uint64_t max_bytes = 0;

    bool operator==(const Value& other) const {
      return low_bytes == other.low_bytes && max_bytes == other.max_bytes;
    }
  };

  // In memory only where `path` is empty.
  explicit LimitJournal(std::string path) : path_(std::move(path)) {}

  // Reads the file; no file is an empty journal. UNAVAILABLE: it cannot be read, or has lines that
  // make no sense, which are left out.
  absl::Status Load();

  // To be called before the limit is set: from now on both `value` and `before` count as ours,
  // whichever of them a crash leaves. UNAVAILABLE: only this process will know, not its successor.
  absl::Status Record(const std::string& cgroup, const std::string& region, Value value,
                      Value before);

  // What was set for a cgroup and all regions of it that is_gone(cgroup) is forgotten, with the
  // next Record.
  template <typename IsGone>
  void ForgetGone(const IsGone& is_gone) {
    for (auto it = entries_.begin(); it != entries_.end();) {
      it = is_gone(it->first.first) ? entries_.erase(it) : std::next(it);
    }
  }

  // Whether this agent has set the value for exactly this cgroup.
  bool HasSet(const std::string& cgroup, const std::string& region, Value value) const;

  // Whether it has set it for the cgroup, or for one above it.
  bool HasSetAtOrAbove(const std::string& cgroup, const std::string& region, Value value) const;

  size_t size() const { return entries_.size(); }

 private:
  absl::Status Write() const;

  const std::string path_;
  // By cgroup and region: the value set last, and the one before.
  std::map<std::pair<std::string, std::string>, std::pair<Value, Value>> entries_;
};

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_NVML_LIMIT_JOURNAL_H_
