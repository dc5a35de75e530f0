// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_CLI_OPTIONS_H_
#define DMEMD_CLIENT_CLI_OPTIONS_H_

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "google/protobuf/duration.pb.h"

namespace dmem::client {

// The kinds of objects, with the names under which they are accepted.
struct Noun {
  const char* singular;
  const char* plural;
  const char* short_name;
};

inline constexpr Noun kRegion = {"region", "regions", "rg"};
inline constexpr Noun kGroup = {"group", "groups", "gr"};
inline constexpr Noun kCgroup = {"cgroup", "cgroups", "cg"};
inline constexpr Noun kPool = {"pool", "pools", "po"};
inline constexpr Noun kCharge = {"charge", "charges", "ch"};
inline constexpr Noun kSession = {"session", "sessions", "se"};
inline constexpr Noun kNode = {"node", "nodes", "no"};
inline constexpr Noun kOwner = {"owner", "owners", "ow"};
inline constexpr Noun kEvent = {"event", "events", "ev"};
inline constexpr const Noun* kNouns[] = {&kRegion,  &kGroup, &kCgroup, &kPool, &kCharge,
                                         &kSession, &kNode,  &kOwner,  &kEvent};

// The subcommand of `verb` for a kind of object, under all its names.
CLI::App* AddNoun(CLI::App& verb, const Noun& noun, const std::string& description);

// An option or positional that is an amount of memory (byte_size.h). A bad one is a usage error.
CLI::Option* AddByteSize(CLI::App& app, const std::string& name, std::optional<uint64_t>& target,
                         const std::string& description);

// An option that is a decimal number of the target's range; a bad one is a usage error. (The
// parser's own numbers take -1 for 2^64-1 and 010 for 8.)
CLI::Option* AddNumber(CLI::App& app, const std::string& name, std::optional<uint64_t>& target,
                       const std::string& description);
CLI::Option* AddNumber(CLI::App& app, const std::string& name, std::optional<int32_t>& target,
                       const std::string& description);

// The option --limit, a number from 1 to `max`.
CLI::Option* AddLimit(CLI::App& app, uint64_t max, std::optional<uint64_t>& target,
                      const std::string& description);

// An option that is a time of the past (when.h): its text, to be read when the time is known. A bad
// one is a usage error.
CLI::Option* AddWhen(CLI::App& app, const std::string& name, std::string& target,
                     const std::string& description);

// An amount, where the grammar is more than an option. Throws CLI::ValidationError.
uint64_t ByteSizeOrThrow(const std::string& name, const std::string& text);

// A duration such as 90s or 1h30m. Throws CLI::ValidationError.
google::protobuf::Duration DurationOrThrow(const std::string& name, const std::string& text);

// Help text under a command.
void SetExamples(CLI::App& app, const std::string& examples);

// TYPE/NAME is accepted wherever TYPE NAME is, and NAME alone: `get region/n1/gpu0` becomes `get
// region n1/gpu0`, `cordon region/n1/gpu0` becomes `cordon n1/gpu0`, and cgroup/team-a is /team-a.
std::vector<std::string> SplitTypeNames(std::vector<std::string> arguments);

// Index of the first argument, from `from` on, that is not an option or the value of a global
// option; arguments.size() if there is none.
size_t FirstWord(const std::vector<std::string>& arguments, size_t from);

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_CLI_OPTIONS_H_
