// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// report usage: byte-seconds of a time, for chargeback.

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "client/cli/commands.h"
#include "client/cli/options.h"
#include "client/cli/table.h"
#include "client/cli/when.h"

namespace dmem::client {
namespace {

constexpr uint32_t kPageSize = 10000;

struct Options {
  std::string from, to, cgroup, region;
  std::vector<v1::UsageKey> by = {v1::USAGE_KEY_CGROUP};
  std::optional<uint64_t> depth;
};

v1::UsageKey KeyOrThrow(const std::string& word) {
  if (word == "cgroup") return v1::USAGE_KEY_CGROUP;
  if (word == "region") return v1::USAGE_KEY_REGION;
  if (word == "group") return v1::USAGE_KEY_GROUP;
  if (word == "owner") return v1::USAGE_KEY_OWNER;
  throw CLI::ValidationError(
      "--by", absl::StrCat("\"", word, "\" is not one of cgroup, region, group, owner"));
}

// Byte-seconds, a decimal number, as GiB-hours with three digits, cut off. 128 bits hold a thousand
// times what the server can count.
std::string GibHours(const std::string& byte_seconds) {
  unsigned __int128 whole = 0;
  for (const char c : byte_seconds) {
    if (c < '0' || c > '9') break;
    whole = whole * 10 + static_cast<unsigned>(c - '0');
  }
  constexpr uint64_t kBytesPerGibHour = (uint64_t{1} << 30) * 3600;
  const auto hours = static_cast<uint64_t>(whole / kBytesPerGibHour);
  const auto thousandths =
      static_cast<uint64_t>(whole % kBytesPerGibHour * 1000 / kBytesPerGibHour);
  return absl::StrFormat("%d.%03d", hours, thousandths);
}

// RFC 4180.
std::string CsvField(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  return absl::StrCat("\"", absl::StrReplaceAll(text, {{"\"", "\"\""}}), "\"");
}

// The columns that `by` asks for, of a row or, without one, their names.
std::vector<std::string> Columns(const Options& options, const v1::UsageRow* row, bool is_csv) {
  std::vector<std::string> columns;
  for (const v1::UsageKey key : options.by) {
    switch (key) {
      case v1::USAGE_KEY_CGROUP:
        columns.push_back(row == nullptr ? "cgroup" : row->cgroup());
        break;
      case v1::USAGE_KEY_REGION:
        columns.push_back(row == nullptr ? "region" : row->region());
        break;
      case v1::USAGE_KEY_GROUP:
        columns.push_back(row == nullptr ? "group" : row->group());
        break;
      default:
        if (is_csv) {
          columns.push_back(row == nullptr ? "owner_kind" : row->owner().kind());
          columns.push_back(row == nullptr ? "owner_namespace" : row->owner().namespace_());
          columns.push_back(row == nullptr ? "owner_name" : row->owner().name());
        } else if (row == nullptr) {
          columns.push_back("owner");
        } else {
          std::vector<std::string> parts;
          for (const std::string& part :
               {row->owner().kind(), row->owner().namespace_(), row->owner().name()}) {
            if (!part.empty()) parts.push_back(part);
          }
          columns.push_back(absl::StrJoin(parts, "/"));
        }
    }
  }
  return columns;
}

std::string ToCsv(const Options& options, const v1::ReportUsageResponse& report, bool headers) {
  std::string csv;
  const auto add = [&csv](std::vector<std::string> columns, const std::string& booked,
                          const std::string& measured) {
    columns.push_back(booked);
    columns.push_back(measured);
    for (std::string& column : columns) column = CsvField(column);
    absl::StrAppend(&csv, absl::StrJoin(columns, ","), "\n");
  };
  if (headers) add(Columns(options, nullptr, true), "booked_byte_seconds", "measured_byte_seconds");
  for (const v1::UsageRow& row : report.rows())
    add(Columns(options, &row, true), row.booked_byte_seconds(), row.measured_byte_seconds());
  return csv;
}

std::string ToTable(const Options& options, const v1::ReportUsageResponse& report, bool headers) {
  std::vector<std::string> names = Columns(options, nullptr, false);
  for (std::string& name : names) name = absl::AsciiStrToUpper(name);
  names.emplace_back("BOOKED-GIB-HOURS");
  names.emplace_back("MEASURED-GIB-HOURS");
  Table table(names);
  const auto add = [&table](std::vector<std::string> cells, const v1::UsageRow& row) {
    for (std::string& cell : cells) cell = Cell(cell);
    cells.push_back(GibHours(row.booked_byte_seconds()));
    cells.push_back(GibHours(row.measured_byte_seconds()));
    table.AddRow(std::move(cells));
  };
  for (const v1::UsageRow& row : report.rows()) add(Columns(options, &row, false), row);
  if (!options.by.empty()) {
    std::vector<std::string> total(names.size() - 2, "-");
    total[0] = "(total)";
    add(std::move(total), report.total());
  }
  return table.Render(headers);
}

absl::Status ReportUsage(Session& session, const Options& options) {
  v1::ReportUsageRequest request;
  const absl::StatusOr<absl::Time> from = ParseWhen(options.from, session.Now());
  if (!from.ok()) return from.status();
  *request.mutable_from() = ToProto(*from);
  if (!options.to.empty()) {
    const absl::StatusOr<absl::Time> to = ParseWhen(options.to, session.Now());
    if (!to.ok()) return to.status();
    *request.mutable_to() = ToProto(*to);
  }
  for (const v1::UsageKey key : options.by) request.add_by(key);
  request.set_cgroup(options.cgroup);
  request.set_region(options.region);
  request.set_cgroup_depth(static_cast<uint32_t>(options.depth.value_or(0)));
  request.set_page_size(kPageSize);
  const auto report = session.client().ReportAllUsage(request);
  if (!report.ok()) return report.status();
  const bool headers = session.flags().headers;
  session.PrintResult(*report, session.flags().csv ? ToCsv(options, *report, headers)
                                                   : ToTable(options, *report, headers));
  if (report->omitted_items() > 0) {
    session.Warn(absl::StrCat(report->omitted_items(),
                              " changes in that time were too many for their records: the sums "
                              "are wrong by what they changed"));
  }
  return absl::OkStatus();
}

}  // namespace

void AddReportCommand(CLI::App& app, Command& command) {
  CLI::App* report = app.add_subcommand("report", "What was used over a time, for chargeback");
  report->require_subcommand(1);
  CLI::App* usage =
      report->add_subcommand("usage", "Byte-seconds, booked and measured; -o csv has them exact");
  SetExamples(*usage,
              "  dmemctl report usage --from 24h\n"
              "  dmemctl report usage --from 2026-11-01 --to 2026-11-08 --by cgroup,group "
              "--depth 1 -o csv\n"
              "  dmemctl report usage --from 14:00 --by owner --region model/h100");
  auto options = std::make_shared<Options>();
  AddWhen(*usage, "--from", options->from, "From then on: 2026-11-01, 14:00, or how long ago, 24h")
      ->required();
  AddWhen(*usage, "--to", options->to, "Up to then (default now)");
  usage
      ->add_option_function<std::string>(
          "--by",
          [options](const std::string& words) {
            options->by.clear();
            for (const absl::string_view word : absl::StrSplit(words, ',', absl::SkipEmpty()))
              options->by.push_back(KeyOrThrow(std::string(word)));
          },
          "Added up by these, of cgroup, region, group, owner (default cgroup)")
      ->type_name("KEY,...");
  AddNumber(*usage, "--depth", options->depth,
            "By the first so many components of cgroups' paths: 1 is by first-level cgroup");
  usage->add_option("--cgroup", options->cgroup, "Only of this cgroup and those below it");
  usage->add_option("--region", options->region, "Only in this region, or below this group");
  usage->callback([options, &command] {
    if (options->depth.value_or(0) > 32)
      throw CLI::ValidationError("--depth", "cgroups have 32 components at most");
    command = [options](Session& session) { return ReportUsage(session, *options); };
  });
}

}  // namespace dmem::client
