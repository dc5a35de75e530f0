// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/conformance/replayer.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"
#include "tests/conformance/interpreter.h"
#include "tests/conformance/vector_file.h"

namespace dmem {
namespace conformance {
namespace {

using nlohmann::json;

absl::Status Lost(const std::string& where, const std::string& what) {
  return absl::UnavailableError(absl::StrCat(where, ": dmemd does not answer: ", what));
}

absl::Status CheckEmpty(const std::string& where, Backend* backend) {
  const Reply<Inventory> reply = backend->List();
  if (!reply.ok()) return Lost(where, reply.failure->text);
  const Inventory& inventory = reply.value;
  if (inventory.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(where, ": dmemd is not empty: it has ", inventory.regions.size(), " regions, ",
                   inventory.cgroups.size(), " cgroups, ", inventory.charges.size(),
                   " charges; a replay needs one of its own"));
}

// Uncharges everything, deletes every cgroup, children first, and unregisters every region.
absl::Status CleanUp(const std::string& where, Backend* backend) {
  const Reply<Inventory> charged = backend->List();
  if (!charged.ok()) return Lost(where, charged.failure->text);
  for (const std::string& charge : charged.value.charges) backend->Uncharge(charge);
  // Only now: dying cgroups and regions that are gone went with their last charge.
  Reply<Inventory> left = backend->List();
  if (!left.ok()) return Lost(where, left.failure->text);
  // A path sorts before those below it.
  std::sort(left.value.cgroups.rbegin(), left.value.cgroups.rend());
  for (const std::string& cgroup : left.value.cgroups) backend->DeleteCgroup(cgroup);
  for (const std::string& region : left.value.regions) backend->Unregister(region, /*force=*/true);
  return CheckEmpty(where, backend);
}

void Report(const std::string& text, const ReplayOptions& options, ReplaySummary* summary) {
  ++summary->mismatches;
  options.on_mismatch(text);
}

absl::Status Audit(const std::string& where, Backend* backend, const ReplayOptions& options,
                   ReplaySummary* summary) {
  const Reply<std::vector<std::string>> reply = backend->Audit();
  if (!reply.ok()) return Lost(where, reply.failure->text);
  if (!reply.value.empty()) {
    Report(absl::StrCat(where, ": audit: expected no violation, got ",
                        absl::StrJoin(reply.value, "; ")),
           options, summary);
  }
  return absl::OkStatus();
}

absl::Status ReplayLines(const std::string& path, const VectorFile& file, Backend* backend,
                         const ReplayOptions& options, ReplaySummary* summary) {
  Interpreter interpreter(backend, absl::StrCat(options.charge_id_prefix, "-", summary->files));
  for (const VectorLine& line : file.lines) {
    const std::string where = absl::StrCat(path, ":", line.number);
    ++summary->ops;
    json got;
    try {
      got = interpreter.Execute(line.json);
    } catch (const json::exception& error) {
      return absl::InvalidArgumentError(absl::StrCat(where, ": ", error.what()));
    }
    if (interpreter.lost()) return Lost(where, got.dump());
    const json expected = Interpreter::Expected(line.json);
    if (got != expected) {
      json arguments = line.json;
      for (const char* key : {"op", "expect", "note"}) arguments.erase(key);
      Report(absl::StrCat(where, ": op ", line.json["op"].get<std::string>(), " ", arguments.dump(),
                          ": expected ", expected.dump(), ", got ", got.dump()),
             options, summary);
    }
    if (options.audit_every_line) {
      absl::Status status = Audit(where, backend, options, summary);
      if (!status.ok()) return status;
    }
  }
  return Audit(path, backend, options, summary);
}

}  // namespace

std::string ReplaySummary::ToString() const {
  return absl::StrCat(files, " files, ", ops, " ops, ", mismatches, " mismatches, ", skipped,
                      " skipped");
}

absl::StatusOr<std::vector<std::string>> FindVectorFiles(const std::vector<std::string>& paths) {
  namespace fs = std::filesystem;
  std::vector<std::string> files;
  for (const std::string& path : paths) {
    std::error_code error;
    if (!fs::is_directory(path, error)) {
      if (!fs::exists(path, error)) return absl::NotFoundError(absl::StrCat(path, ": not found"));
      files.push_back(path);
      continue;
    }
    std::vector<std::string> found;
    for (fs::recursive_directory_iterator
             i(path, fs::directory_options::follow_directory_symlink, error),
         end;
         !error && i != end; i.increment(error)) {
      if (i->path().extension() == ".jsonl") found.push_back(i->path().string());
    }
    if (error) return absl::NotFoundError(absl::StrCat(path, ": ", error.message()));
    if (found.empty()) return absl::NotFoundError(absl::StrCat(path, ": no *.jsonl file in it"));
    std::sort(found.begin(), found.end());
    files.insert(files.end(), found.begin(), found.end());
  }
  return files;
}

absl::Status ReplayFile(const std::string& path, Backend* backend, const ReplayOptions& options,
                        ReplaySummary* summary) {
  const absl::StatusOr<VectorFile> file = ReadVectorFile(path);
  if (!file.ok()) return file.status();
  if (file->vector_class == "kernel-quirk") {
    ++summary->skipped;
    return absl::OkStatus();
  }
  absl::Status status = CheckEmpty(path, backend);
  if (!status.ok()) return status;
  ++summary->files;
  status = ReplayLines(path, *file, backend, options, summary);
  if (absl::IsUnavailable(status)) return status;
  // Also after a line that cannot be read: what was done until there must go.
  const absl::Status cleaned = CleanUp(path, backend);
  return status.ok() ? cleaned : status;
}

}  // namespace conformance
}  // namespace dmem
