// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/log.h"

#include <unistd.h>

#include <atomic>

#include "absl/time/time.h"
#include "nlohmann/json.hpp"
#include "server/clock.h"

namespace dmem::server {

namespace {

constexpr const char* kLevelNames[] = {"debug", "info", "warning", "error"};

std::atomic<int> g_level{static_cast<int>(LogLevel::kInfo)};

}  // namespace

absl::optional<LogLevel> ParseLogLevel(absl::string_view name) {
  for (int i = 0; i < 4; ++i) {
    if (name == kLevelNames[i]) return static_cast<LogLevel>(i);
  }
  return absl::nullopt;
}

void SetLogLevel(LogLevel level) { g_level.store(static_cast<int>(level)); }

std::string FormatLogLine(absl::string_view time, LogLevel level, absl::string_view event,
                          LogFields fields) {
  nlohmann::ordered_json line;
  line["time"] = std::string(time);
  line["level"] = kLevelNames[static_cast<int>(level)];
  line["event"] = std::string(event);
  for (const auto& field : fields) {
    nlohmann::ordered_json& member = line[std::string(field.first)];
    absl::visit([&member](const auto& value) { member = value; }, field.second.value());
  }
  // What is not UTF-8 is replaced, so that a line is always valid JSON.
  return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

void Log(LogLevel level, absl::string_view event, LogFields fields) {
  if (static_cast<int>(level) < g_level.load(std::memory_order_relaxed)) return;
  std::string line =
      FormatLogLine(absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", WallClockNow(), absl::UTCTimeZone()),
                    level, event, fields);
  line.push_back('\n');
  // One write a line, so that lines of several threads do not mix. A log that cannot be written
  // stops nothing.
  const ssize_t written = write(STDERR_FILENO, line.data(), line.size());
  static_cast<void>(written);
}

}  // namespace dmem::server
