// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/loop/gate.h"

#include <dirent.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/agent/read_file.h"
#include "client/agent/write_file.h"

namespace dmem::client {
namespace {

constexpr char kWhySuffix[] = ".why";
constexpr char kNextSuffix[] = ".new";  // What is to be in a file's place, before it is.
// In a file of a pod that may start: it tells an agent's from other people's, which stay.
constexpr char kOpen[] = "dmem-agent: may start\n";
constexpr size_t kWhyBytesMax = size_t{1} << 16;
constexpr absl::string_view kStopped =
    "dmem-agent of this node is stopped, and nobody is let in until it runs again; before: ";

std::string WhyName(absl::string_view uid) { return absl::StrCat(".", uid, kWhySuffix); }

}  // namespace

std::string WhyClosed(const std::string& directory, absl::string_view uid) {
  if (!IsGateName(uid)) return "";
  const absl::StatusOr<std::string> why =
      ReadSmallFile(absl::StrCat(directory, "/", WhyName(uid)), kWhyBytesMax);
  return std::string(absl::StripAsciiWhitespace(why.value_or("")));
}

bool IsGateName(absl::string_view uid) {
  return !uid.empty() && uid.front() != '.' && !absl::StrContains(uid, '/');
}

std::string Gate::Path(absl::string_view name) const { return absl::StrCat(directory_, "/", name); }

absl::Status Gate::List(std::set<std::string>* names) const {
  DIR* const directory = opendir(directory_.c_str());
  if (directory == nullptr) {
    // To make it could hide that something is not mounted there: pods would look elsewhere.
    return absl::ErrnoToStatus(errno,
                               "cannot be listed, and pods wait (make it, or mount it: the agent "
                               "does not)");
  }
  while (const dirent* const entry = readdir(directory)) names->insert(entry->d_name);
  closedir(directory);
  return absl::OkStatus();
}

absl::Status Gate::Replace(const std::string& name, absl::string_view text) const {
  const absl::string_view dot = name.front() == '.' ? "" : ".";
  return ReplaceFile(Path(name), Path(absl::StrCat(dot, name, kNextSuffix)), text);
}

bool Gate::IsOurs(const std::string& name) const {
  return ReadSmallFile(Path(name), kWhyBytesMax).value_or("") == kOpen;
}

absl::Status Gate::Set(const GateState& state) {
  if (directory_.empty()) return absl::OkStatus();
  opened_.clear();
  std::set<std::string> names;
  absl::Status first = List(&names);
  if (!first.ok()) return first;
  first.Update(SetOpen(state, names));
  first.Update(SetClosed(state.closed, names));
  return first;
}

absl::Status Gate::SetOpen(const GateState& state, const std::set<std::string>& names) {
  absl::Status first;
  for (const std::string& uid : state.open) {
    if (!IsGateName(uid)) continue;
    const absl::Status status = names.count(uid) > 0 ? absl::OkStatus() : Replace(uid, kOpen);
    first.Update(status);
    if (status.ok()) opened_.insert(uid);
  }
  for (const std::string& name : names) {
    if (!IsGateName(name) || opened_.count(name) > 0) continue;
    const bool is_gone = state.present.has_value() && state.present->count(name) == 0;
    if (is_gone && IsOurs(name) && unlink(Path(name).c_str()) != 0 && errno != ENOENT) {
      first.Update(absl::ErrnoToStatus(errno, absl::StrCat("cannot remove ", Path(name))));
    } else if (!is_gone) {
      opened_.insert(name);
    }
  }
  return first;
}

absl::Status Gate::SetClosed(const std::map<std::string, std::string>& closed,
                             const std::set<std::string>& names) {
  absl::Status first;
  std::map<std::string, std::string> said;
  std::set<std::string> kept;
  for (const auto& [uid, why] : closed) {
    if (!IsGateName(uid) || opened_.count(uid) > 0) continue;
    const std::string name = WhyName(uid);
    kept.insert(name);
    const auto before = said_.find(uid);
    const bool is_said = names.count(name) > 0 && before != said_.end() && before->second == why;
    const absl::Status status = is_said ? absl::OkStatus() : Replace(name, why + "\n");
    first.Update(status);
    if (status.ok()) said[uid] = why;
  }
  said_ = std::move(said);
  for (const std::string& name : names) {
    const bool is_ours = name.front() == '.' &&
                         (absl::EndsWith(name, kWhySuffix) || absl::EndsWith(name, kNextSuffix));
    if (!is_ours || kept.count(name) > 0) continue;
    if (unlink(Path(name).c_str()) != 0 && errno != ENOENT)
      first.Update(absl::ErrnoToStatus(errno, absl::StrCat("cannot remove ", Path(name))));
  }
  return first;
}

absl::Status Gate::Stop() {
  absl::Status first;
  for (const auto& [uid, why] : said_)
    first.Update(Replace(WhyName(uid), absl::StrCat(kStopped, why, "\n")));
  said_.clear();
  return first;
}

}  // namespace dmem::client
