// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/nvml/limit_journal.h"

#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/agent/write_file.h"

namespace dmem::client {
namespace {

constexpr char kHeader[] = "dmem-agent limits 1";

}  // namespace

absl::Status LimitJournal::Load() {
  entries_.clear();
  std::error_code error;
  if (path_.empty() || !std::filesystem::exists(path_, error)) {
    if (!error) return absl::OkStatus();
    return absl::UnavailableError(absl::StrCat("cannot read ", path_, ": ", error.message()));
  }
  std::ifstream file(path_, std::ios::binary);
  std::string line;
  if (!std::getline(file, line) || line != kHeader) {
    return absl::UnavailableError(
        absl::StrCat(path_, " does not begin with \"", kHeader, "\": not used"));
  }
  size_t bad_lines = 0;
  while (std::getline(file, line)) {
    // The cgroup last: it may have blanks.
    const std::vector<std::string> fields = absl::StrSplit(line, absl::MaxSplits(' ', 5));
    Value value;
    Value before;
    std::string cgroup;
    if (fields.size() == 6 && absl::SimpleAtoi(fields[1], &value.low_bytes) &&
        absl::SimpleAtoi(fields[2], &value.max_bytes) &&
        absl::SimpleAtoi(fields[3], &before.low_bytes) &&
        absl::SimpleAtoi(fields[4], &before.max_bytes) && absl::CUnescape(fields[5], &cgroup)) {
      entries_[{cgroup, fields[0]}] = {value, before};
    } else {
      ++bad_lines;
    }
  }
  if (bad_lines == 0) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat(path_, " has ", bad_lines, " lines that make no sense: not used"));
}

absl::Status LimitJournal::Record(const std::string& cgroup, const std::string& region, Value value,
                                  Value before) {
  entries_[{cgroup, region}] = {value, before};
  return Write();
}

absl::Status LimitJournal::Write() const {
  if (path_.empty()) return absl::OkStatus();
  std::string text = absl::StrCat(kHeader, "\n");
  for (const auto& [key, values] : entries_) {
    absl::StrAppend(&text, key.second, " ", values.first.low_bytes, " ", values.first.max_bytes,
                    " ", values.second.low_bytes, " ", values.second.max_bytes, " ",
                    absl::CEscape(key.first), "\n");
  }
  return WriteWholeFile(path_, text);
}

bool LimitJournal::HasSet(const std::string& cgroup, const std::string& region, Value value) const {
  const auto it = entries_.find({cgroup, region});
  return it != entries_.end() && (it->second.first == value || it->second.second == value);
}

bool LimitJournal::HasSetAtOrAbove(const std::string& cgroup, const std::string& region,
                                   Value value) const {
  for (std::string at = cgroup; !at.empty(); at.resize(at.rfind('/'))) {
    if (HasSet(at, region, value)) return true;
  }
  return false;
}

}  // namespace dmem::client
