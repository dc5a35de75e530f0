// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/backend_options.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace dmem::client {

OptionReader::OptionReader(absl::string_view backend, const BackendOptions& options)
    : backend_(backend), options_(options) {}

const std::string* OptionReader::Find(absl::string_view key) {
  known_.emplace(key);
  const auto it = options_.find(std::string(key));
  return it == options_.end() ? nullptr : &it->second;
}

void OptionReader::Wrong(absl::string_view key, absl::string_view why) {
  const std::string* value = Find(key);
  errors_.push_back(
      absl::StrCat(backend_, ": option ", key, " \"", value ? *value : "", "\" ", why));
}

void OptionReader::Bool(absl::string_view key, bool& target) {
  const std::string* value = Find(key);
  if (value == nullptr) return;
  if (*value != "true" && *value != "false") return Wrong(key, "is neither true nor false");
  target = *value == "true";
}

void OptionReader::Path(absl::string_view key, std::string& target) {
  const std::string* value = Find(key);
  if (value == nullptr) return;
  if (value->empty() || value->front() != '/') return Wrong(key, "is no absolute path");
  target = *value;
}

void OptionReader::Text(absl::string_view key, std::string& target) {
  const std::string* value = Find(key);
  if (value == nullptr) return;
  if (value->empty()) return Wrong(key, "is empty");
  target = *value;
}

void OptionReader::Words(absl::string_view key, std::vector<std::string>& target) {
  const std::string* value = Find(key);
  if (value == nullptr) return;
  std::vector<std::string> words =
      absl::StrSplit(*value, absl::ByAnyChar(" \t\n"), absl::SkipEmpty());
  if (words.empty()) return Wrong(key, "has no word");
  target = std::move(words);
}

void OptionReader::Duration(absl::string_view key, absl::Duration least, absl::Duration most,
                            absl::Duration& target) {
  const std::string* value = Find(key);
  if (value == nullptr) return;
  absl::Duration duration;
  if (!absl::ParseDuration(*value, &duration))
    return Wrong(key, "is no duration such as 500ms or 5s");
  if (duration < least || duration > most) {
    return Wrong(key, absl::StrCat("is not between ", absl::FormatDuration(least), " and ",
                                   absl::FormatDuration(most)));
  }
  target = duration;
}

absl::Status OptionReader::Finish() {
  for (const auto& [key, value] : options_) {
    if (known_.count(key) != 0) continue;
    errors_.push_back(absl::StrCat(backend_, ": there is no option ", key, "; there are ",
                                   absl::StrJoin(known_, ", ")));
  }
  if (errors_.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrJoin(errors_, "; "));
}

}  // namespace dmem::client
