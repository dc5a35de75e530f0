// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// The structured log: one JSON object a line on standard error.

#ifndef SERVER_LOG_H_
#define SERVER_LOG_H_

#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "absl/types/variant.h"

namespace dmem::server {

enum class LogLevel { kDebug = 0, kInfo = 1, kWarning = 2, kError = 3 };

// "debug", "info", "warning" or "error"; nullopt for anything else.
absl::optional<LogLevel> ParseLogLevel(absl::string_view name);

// Events below this level are not written. Default: info. Thread-safe.
void SetLogLevel(LogLevel level);

// The value of a field.
class LogValue {
 public:
  LogValue(absl::string_view text) : value_(std::string(text)) {}  // NOLINT: implicit.
  LogValue(const char* text) : value_(std::string(text)) {}        // NOLINT
  LogValue(const std::string& text) : value_(text) {}              // NOLINT
  LogValue(bool value) : value_(value) {}                          // NOLINT
  LogValue(double value) : value_(value) {}                        // NOLINT
  LogValue(int value) : value_(static_cast<int64_t>(value)) {}     // NOLINT
  LogValue(int64_t value) : value_(value) {}                       // NOLINT
  LogValue(uint64_t value) : value_(value) {}                      // NOLINT
  const absl::variant<std::string, bool, double, int64_t, uint64_t>& value() const {
    return value_;
  }

 private:
  absl::variant<std::string, bool, double, int64_t, uint64_t> value_;
};

using LogFields = std::initializer_list<std::pair<absl::string_view, LogValue>>;

// Writes {"time":…,"level":…,"event":EVENT, fields…} as one line. `event` is a constant in
// lower_snake_case. Thread-safe; lines never mix.
void Log(LogLevel level, absl::string_view event, LogFields fields = {});

// The line that Log writes, without the line's end; for tests.
std::string FormatLogLine(absl::string_view time, LogLevel level, absl::string_view event,
                          LogFields fields);

}  // namespace dmem::server

#endif  // SERVER_LOG_H_
