// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/cli/options.h"

#include <algorithm>
#include <iterator>
#include <limits>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/cli/byte_size.h"
#include "client/cli/when.h"

namespace dmem::client {
namespace {

bool IsNameOf(const Noun& noun, absl::string_view text) {
  return text == noun.singular || text == noun.plural || text == noun.short_name;
}

// Splits "TYPE/NAME" where TYPE is a kind of object.
const Noun* SplitTypeName(const std::string& text, std::string& name) {
  const size_t slash = text.find('/');
  if (slash == std::string::npos || slash == 0) return nullptr;
  const absl::string_view type = absl::string_view(text).substr(0, slash);
  for (const Noun* noun : kNouns) {
    if (!IsNameOf(*noun, type)) continue;
    name = text.substr(slash + 1);
    // A cgroup's own slash serves as the separator: "cgroup/team-a" is "/team-a".
    const bool path = noun == &kCgroup || noun == &kPool;
    if (path && !absl::StartsWith(name, "/") && !absl::StartsWith(name, "@")) {
      name = absl::StrCat("/", name);
    }
    return noun;
  }
  return nullptr;
}

template <typename Number>
CLI::Option* AddNumberOf(CLI::App& app, const std::string& name, std::optional<Number>& target,
                         const std::string& description) {
  return app
      .add_option_function<std::string>(
          name,
          [&target, name](const std::string& text) {
            Number number = 0;
            if (!absl::SimpleAtoi(text, &number)) {
              throw CLI::ValidationError(name,
                                         absl::StrCat("\"", text, "\" is not a number from ",
                                                      std::numeric_limits<Number>::min(), " to ",
                                                      std::numeric_limits<Number>::max()));
            }
            target = number;
          },
          description)
      ->type_name("NUMBER");
}

}  // namespace

CLI::App* AddNoun(CLI::App& verb, const Noun& noun, const std::string& description) {
  return verb.add_subcommand(noun.singular, description)
      ->alias(noun.plural)
      ->alias(noun.short_name);
}

CLI::Option* AddByteSize(CLI::App& app, const std::string& name, std::optional<uint64_t>& target,
                         const std::string& description) {
  return app
      .add_option_function<std::string>(
          name, [&target, name](const std::string& text) { target = ByteSizeOrThrow(name, text); },
          description)
      ->type_name("SIZE");
}

CLI::Option* AddNumber(CLI::App& app, const std::string& name, std::optional<uint64_t>& target,
                       const std::string& description) {
  return AddNumberOf(app, name, target, description);
}

CLI::Option* AddNumber(CLI::App& app, const std::string& name, std::optional<int32_t>& target,
                       const std::string& description) {
  return AddNumberOf(app, name, target, description);
}

CLI::Option* AddLimit(CLI::App& app, uint64_t max, std::optional<uint64_t>& target,
                      const std::string& description) {
  return AddNumber(app, "--limit", target, description)
      ->check([max](const std::string& text) -> std::string {
        uint64_t number = 0;
        if (absl::SimpleAtoi(text, &number) && number >= 1 && number <= max) return "";
        return absl::StrCat("\"", text, "\" is not a number from 1 to ", max);
      });
}

CLI::Option* AddWhen(CLI::App& app, const std::string& name, std::string& target,
                     const std::string& description) {
  return app
      .add_option_function<std::string>(
          name,
          [&target, name](const std::string& text) {
            const absl::StatusOr<absl::Time> when = ParseWhen(text, absl::UnixEpoch());
            if (!when.ok()) throw CLI::ValidationError(name, std::string(when.status().message()));
            target = text;
          },
          description)
      ->type_name("TIME");
}

uint64_t ByteSizeOrThrow(const std::string& name, const std::string& text) {
  const absl::StatusOr<uint64_t> bytes = ParseByteSize(text);
  if (!bytes.ok()) throw CLI::ValidationError(name, std::string(bytes.status().message()));
  return *bytes;
}

google::protobuf::Duration DurationOrThrow(const std::string& name, const std::string& text) {
  absl::Duration duration;
  if (!absl::ParseDuration(text, &duration) || duration == absl::InfiniteDuration() ||
      duration < absl::ZeroDuration()) {
    throw CLI::ValidationError(name,
                               absl::StrCat("\"", text, "\" is not a duration such as 90s or 5m"));
  }
  google::protobuf::Duration out;
  out.set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &duration));
  out.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(duration)));
  return out;
}

void SetExamples(CLI::App& app, const std::string& examples) {
  app.footer(absl::StrCat(
      "Options of every command, such as -o json: dmemctl --help\n\nExamples:\n", examples));
}

size_t FirstWord(const std::vector<std::string>& arguments, size_t from) {
  for (size_t i = from; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument == "--server" || argument == "--timeout" || argument == "--output" ||
        argument == "-o") {
      ++i;
      continue;
    }
    if (!absl::StartsWith(argument, "-")) return i;
  }
  return arguments.size();
}

std::vector<std::string> SplitTypeNames(std::vector<std::string> arguments) {
  const size_t verb = FirstWord(arguments, 0);
  if (verb == arguments.size()) return arguments;
  static constexpr absl::string_view kVerbsWithNoun[] = {
      "get", "describe", "register", "unregister", "create", "delete", "history"};
  // Verbs of one kind of object, and to how many of their arguments that applies.
  static const struct {
    absl::string_view verb;
    const Noun& noun;
    size_t names;
  } kVerbsOfOne[] = {{"cordon", kRegion, 1},
                     {"uncordon", kRegion, 1},
                     {"fence", kNode, 1},
                     {"not-ready", kNode, 1},
                     {"ready", kNode, 1},
                     {"uncharge", kCharge, SIZE_MAX},
                     {"resize", kCharge, 1},
                     {"commit", kCharge, 1},
                     {"cancel", kCharge, 1},
                     {"renew", kCharge, 1},
                     {"release", kCharge, SIZE_MAX},
                     {"move", kCharge, 1},
                     {"why", kCharge, 1},
                     {"who", kRegion, 1}};

  size_t names_left = 0;
  const Noun* noun = nullptr;
  size_t next = FirstWord(arguments, verb + 1);
  if (std::find(std::begin(kVerbsWithNoun), std::end(kVerbsWithNoun), arguments[verb]) !=
      std::end(kVerbsWithNoun)) {
    if (next == arguments.size()) return arguments;
    std::string name;
    noun = SplitTypeName(arguments[next], name);
    if (noun == nullptr) return arguments;
    arguments[next] = noun->singular;
    arguments.insert(arguments.begin() + static_cast<std::ptrdiff_t>(next) + 1, name);
    next += 2;
    names_left = SIZE_MAX;
  }
  for (const auto& entry : kVerbsOfOne) {
    if (arguments[verb] != entry.verb) continue;
    noun = &entry.noun;
    names_left = entry.names;
  }
  for (; next < arguments.size() && names_left > 0; ++next, --names_left) {
    std::string name;
    if (SplitTypeName(arguments[next], name) == noun && noun != nullptr) arguments[next] = name;
  }
  return arguments;
}

}  // namespace dmem::client
