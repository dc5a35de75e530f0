// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_BACKEND_OPTIONS_H_
#define DMEMD_CLIENT_AGENT_BACKEND_OPTIONS_H_

#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/agent/device_backend.h"

namespace dmem::client {

// Reads the options of one backend: each method stores the value of `key` where it is there and
// valid, and leaves `target` alone otherwise. Then Finish says everything that was wrong at once.
class OptionReader {
 public:
  // `options` outlives this.
  OptionReader(absl::string_view backend, const BackendOptions& options);

  // true or false.
  void Bool(absl::string_view key, bool& target);
  // An absolute path.
  void Path(absl::string_view key, std::string& target);
  // Anything but the empty string.
  void Text(absl::string_view key, std::string& target);
  // Separated by white space; at least one.
  void Words(absl::string_view key, std::vector<std::string>& target);
  // Such as 500ms or 5s, between `least` and `most`.
  void Duration(absl::string_view key, absl::Duration least, absl::Duration most,
                absl::Duration& target);

  // Says that the option is wrong, beyond what its type says.
  void Wrong(absl::string_view key, absl::string_view why);

  // OK if all options were asked for and valid. INVALID_ARGUMENT otherwise, naming for each the
  // backend, the key, the value and why, separated by "; ".
  absl::Status Finish();

 private:
  // The value of `key`, from now on known; null if it is not there.
  const std::string* Find(absl::string_view key);

  const std::string backend_;
  const BackendOptions& options_;
  std::set<std::string> known_;
  std::vector<std::string> errors_;
};

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_BACKEND_OPTIONS_H_
