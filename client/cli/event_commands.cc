// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// get events: what happened, a line each.

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/time.h"
#include "client/cli/commands.h"
#include "client/cli/event_text.h"
#include "client/cli/explain.h"
#include "client/cli/options.h"
#include "client/cli/when.h"

namespace dmem::client {
namespace {

constexpr int kPageSize = 1000;

struct Options {
  std::string cgroup, region, charge;
  std::string since;
  std::vector<v1::EventKind> kinds;
  bool watch = false;
};

// "limits-changed" of EVENT_KIND_LIMITS_CHANGED.
v1::EventKind KindOrThrow(const std::string& word) {
  v1::EventKind kind = v1::EVENT_KIND_UNSPECIFIED;
  const std::string name =
      absl::StrCat("EVENT_KIND_", absl::AsciiStrToUpper(absl::StrReplaceAll(word, {{"-", "_"}})));
  if (!v1::EventKind_Parse(name, &kind) || kind == v1::EVENT_KIND_UNSPECIFIED)
    throw CLI::ValidationError("--kind", absl::StrCat("\"", word, "\" is no kind of event"));
  return kind;
}

v1::EventFilter FilterOf(const Options& options) {
  v1::EventFilter filter;
  filter.set_cgroup(options.cgroup);
  filter.set_region(options.region);
  filter.set_charge_id(options.charge);
  for (const v1::EventKind kind : options.kinds) filter.add_kinds(kind);
  return filter;
}

void Print(Session& session, const v1::Event& event) {
  session.PrintResult(event, absl::StrCat(EventLine(event), "\n"));
}

// Prints the kept events since `since`. Returns the sequence up to which all have been printed.
absl::StatusOr<uint64_t> PrintKept(Session& session, const Options& options,
                                   absl::optional<absl::Duration> since) {
  v1::ListEventsRequest request;
  *request.mutable_filter() = FilterOf(options);
  request.set_page_size(kPageSize);
  if (since.has_value()) *request.mutable_since() = ToProto(session.Now() - *since);
  for (;;) {
    const auto page = session.client().ListEvents(request);
    if (!page.ok()) return page.status();
    for (const v1::Event& event : page->events()) Print(session, event);
    if (page->next_page_token().empty()) return page->sequence();
    request.set_page_token(page->next_page_token());
  }
}

// Until the user ends it, however long the server is away once it has answered.
absl::Status PrintNew(Session& session, const Options& options, absl::optional<uint64_t> after) {
  v1::WatchRequest request;
  *request.mutable_filter() = FilterOf(options);
  if (after.has_value()) request.mutable_from()->set_sequence(*after + 1);
  bool has_answered = false;
  for (;;) {
    absl::Status end = session.client().Watch(request, [&](const v1::WatchResponse& response) {
      has_answered = true;
      *request.mutable_from() = response.progress();
      request.set_after(true);
      for (const v1::Event& event : response.events()) Print(session, event);
      return true;
    });
    if (!has_answered || !absl::IsUnavailable(end)) return end;
    session.Warn(absl::StrCat("what happens is shown once the server is back: ", end.message()));
  }
}

absl::Status GetEvents(Session& session, const Options& options) {
  absl::optional<absl::Duration> since;
  if (!options.since.empty()) {
    absl::Duration parsed;
    if (!absl::ParseDuration(options.since, &parsed) || parsed < absl::ZeroDuration()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--since ", options.since, ": must be a time like 90s, 10m or 24h"));
    }
    since = parsed;
  }
  absl::optional<uint64_t> last;
  if (!options.watch || since.has_value()) {
    const absl::StatusOr<uint64_t> printed = PrintKept(session, options, since);
    if (!printed.ok()) return printed.status();
    last = *printed;
  }
  return options.watch ? PrintNew(session, options, last) : absl::OkStatus();
}

}  // namespace

void AddEventCommands(CLI::App& get, Command& command) {
  auto options = std::make_shared<Options>();
  CLI::App* app = AddNoun(get, kEvent, "What happened, oldest first");
  app->add_flag("-w,--watch", options->watch,
                "Then what happens from now on, until interrupted; without --since only that");
  app->add_option("--since", options->since, "Only what is not older: 90s, 10m, 24h");
  app->add_option("--cgroup", options->cgroup, "Only of this cgroup and those below it");
  app->add_option("--region", options->region, "Only of this region, or of this group and below");
  app->add_option("--charge", options->charge, "Only of this charge");
  app->add_option_function<std::vector<std::string>>(
         "--kind",
         [options](const std::vector<std::string>& words) {
           for (const std::string& word : words) options->kinds.push_back(KindOrThrow(word));
         },
         "Only of these kinds, such as charged, refused or limits-changed; measured only so")
      ->type_name("KIND")
      ->delimiter(',');
  app->callback([options, &command] {
    command = [options](Session& session) { return GetEvents(session, *options); };
  });
}

}  // namespace dmem::client
