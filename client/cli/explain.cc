// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/cli/explain.h"

#include <algorithm>
#include <map>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "client/cli/byte_size.h"
#include "client/cli/table.h"
#include "google/protobuf/util/json_util.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace dmem::client {
namespace {

std::string Indented(absl::string_view lines) {
  std::string out = absl::StrCat("  ", absl::StrReplaceAll(lines, {{"\n", "\n  "}}));
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

std::string NextCommands(const std::vector<std::string>& commands) {
  std::string out;
  for (const std::string& command : commands) {
    absl::StrAppend(&out, out.empty() ? "Next:\n" : "", "  dmemctl ", command, "\n");
  }
  return out;
}

// The smallest max that the request would fit in. 0: none would do.
uint64_t MaxNeeded(const Refusal& refusal) {
  if (refusal.requested_bytes >= kUnlimitedBytes - std::min(refusal.usage_bytes, kUnlimitedBytes)) {
    return 0;
  }
  return refusal.usage_bytes + refusal.requested_bytes;
}

// dmemctl's commands that help with an error that is not a refusal; none where its text says it
// all.
std::vector<std::string> HelpfulCommands(const ErrorFacts& facts) {
  const std::string& reason = facts.reason;
  const auto quoted = [&facts](absl::string_view key) { return ShellQuoted(facts.Get(key)); };
  const std::string pool = absl::StrCat(quoted("cgroup"), " ", quoted("region"));
  if (reason == "REGION_NOT_FOUND") return {"get regions", "get groups"};
  if (reason == "GROUP_NOT_FOUND") return {"get groups"};
  if (reason == "CGROUP_NOT_FOUND") return {"get cgroups"};
  if (reason == "PARENT_NOT_FOUND") {
    const bool cgroup = absl::StartsWith(facts.Get("parent"), "/");
    return {absl::StrCat(cgroup ? "create cgroup " : "register group ", quoted("parent"))};
  }
  if (reason == "CHARGE_ID_IN_USE" || reason == "EXPECTED_BYTES_MISMATCH" ||
      reason == "ITEM_NOT_FOUND") {
    return {absl::StrCat("describe charge ", quoted("charge_id"))};
  }
  if (reason == "ETAG_MISMATCH") return {absl::StrCat("describe pool ", pool)};
  if (reason == "REGION_CORDONED") return {absl::StrCat("uncordon ", quoted("region"))};
  if (reason == "STALE_INCARNATION" || reason == "INCARNATION_MISMATCH") {
    return {absl::StrCat("describe region ", quoted("region"))};
  }
  if (reason == "HAS_CHARGES") return {absl::StrCat("get charges --region ", quoted("name"))};
  if (reason == "GROUP_NOT_EMPTY") return {"get regions", "get groups"};
  if (reason == "CGROUP_HAS_CHILDREN") {
    return {absl::StrCat("get cgroups --cgroup ", quoted("cgroup"))};
  }
  if (reason == "MAX_BELOW_USAGE") {
    const uint64_t usage = facts.GetNumber("usage_bytes").value_or(0);
    const uint64_t max = facts.GetNumber("max_bytes").value_or(0);
    if (usage <= max) return {};
    return {absl::StrCat("evict-candidates ", quoted("region"), " ",
                         FormatExactByteSize(usage - max), " --limit ", quoted("cgroup")),
            absl::StrCat("set limits ", pool, " --max ", FormatExactByteSize(max),
                         " --below-usage apply")};
  }
  return {};
}

}  // namespace

ExitCode ExitCodeOf(const absl::Status& status) {
  if (status.ok()) return kExitOk;
  if (RefusalOf(FactsOf(status)).has_value()) return kExitRefused;
  if (absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status)) return kExitUnavailable;
  return kExitError;
}

std::string ExplainError(const absl::Status& status, absl::string_view server) {
  const ErrorFacts facts = FactsOf(status);
  std::string out = absl::StrCat("Error: ", Printable(status.message()), "\n");
  if (status.message().empty()) out = absl::StrCat("Error: ", status.ToString(), "\n");
  if (const auto refusal = RefusalOf(facts)) {
    absl::StrAppend(&out, ExplainRefusal(*refusal));
    return out;
  }
  absl::StrAppend(&out, NextCommands(HelpfulCommands(facts)));
  if (facts.reason == "STORE_FAILED") {
    absl::StrAppend(&out, "  dmemd serves nothing more until it is restarted; look at its log\n");
  } else if (facts.reason.empty() && ExitCodeOf(status) == kExitUnavailable) {
    absl::StrAppend(&out, "  is dmemd running at ", server,
                    "? Another address is given with --server or DMEM_SERVER\n");
  }
  return out;
}

std::string RefusalFields(const Refusal& refusal, bool is_past) {
  const bool capacity = refusal.counter_cgroup.empty();
  FieldList fields;
  if (capacity) {
    fields.Add(refusal.unattributed_bytes > 0 ? "Region" : "Full region", refusal.counter_region);
  } else {
    fields.Add("Limiting pool",
               absl::StrCat(refusal.counter_cgroup, " in ", refusal.counter_region));
  }
  fields.Add("Usage", FormatByteSizeAndBytes(refusal.usage_bytes));
  if (refusal.unattributed_bytes > 0) {
    fields.Add("Grantable", FormatByteSizeAndBytes(refusal.grantable_bytes));
    fields.Add("Unattributed", absl::StrCat(FormatByteSizeAndBytes(refusal.unattributed_bytes),
                                            " in use on the device, by no charge"));
    fields.Add("Granted at most", FormatByteSizeAndBytes(refusal.max_bytes));
  } else {
    fields.Add(capacity ? "Grantable" : "Max", FormatByteSizeAndBytes(refusal.max_bytes));
  }
  fields.Add("Asked", FormatByteSizeAndBytes(refusal.requested_bytes));
  if (refusal.requested_bytes > refusal.max_bytes) {
    fields.Add("Never fits", capacity ? "more than the region grants in all"
                                      : "more than the max itself, whatever is given back");
  }
  fields.Add("Short by", FormatByteSizeAndBytes(refusal.short_bytes));
  fields.Add("Refused item",
             absl::StrCat(FormatByteSize(refusal.item_bytes), " to ", refusal.cgroup, " in ",
                          refusal.region, " (items[", refusal.item, "])"));
  fields.Add(is_past ? "Would have fit" : "Would fit now",
             refusal.largest_grantable_bytes == 0
                 ? "nothing"
                 : FormatByteSizeAndBytes(refusal.largest_grantable_bytes));
  return Indented(fields.Render());
}

std::string ExplainRefusal(const Refusal& refusal) {
  const bool capacity = refusal.counter_cgroup.empty();
  std::vector<std::string> next;
  if (refusal.unattributed_bytes > 0) {
    next.push_back(absl::StrCat("describe region ", ShellQuoted(refusal.counter_region)));
  }
  if (refusal.short_bytes > 0) {
    next.push_back(absl::StrCat(
        "evict-candidates ", ShellQuoted(refusal.counter_region), " ",
        FormatExactByteSize(refusal.short_bytes),
        capacity ? "" : absl::StrCat(" --limit ", ShellQuoted(refusal.counter_cgroup))));
  }
  if (refusal.reason == "MAX_EXCEEDED" && MaxNeeded(refusal) != 0) {
    next.push_back(absl::StrCat("set limits ", ShellQuoted(refusal.counter_cgroup), " ",
                                ShellQuoted(refusal.counter_region), " --max ",
                                FormatExactByteSize(MaxNeeded(refusal))));
  }
  return absl::StrCat(RefusalFields(refusal, /*is_past=*/false), NextCommands(next));
}

std::string ErrorToJson(const absl::Status& status) {
  // A status keeps its payloads in no order.
  std::map<std::string, std::string> payloads;
  status.ForEachPayload([&payloads](absl::string_view type_url, const absl::Cord& payload) {
    payloads[std::string(type_url)] = std::string(payload);
  });
  google::rpc::Status error;
  error.set_code(static_cast<int>(status.code()));
  error.set_message(std::string(status.message()));
  for (const auto& [type_url, payload] : payloads) {
    google::protobuf::Any* detail = error.add_details();
    detail->set_type_url(type_url);
    detail->set_value(payload);
  }
  return ToJson(error);
}

std::string ExplainWouldRefuse(const v1::WouldRefuse& would_refuse) {
  return absl::StrCat("the max of ", would_refuse.cgroup(), " in ", would_refuse.region(),
                      " is only observed; enforced, it would have refused this: usage ",
                      FormatByteSize(would_refuse.usage_bytes()), " of max ",
                      FormatByteSize(would_refuse.max_bytes()), ", asked ",
                      FormatByteSize(would_refuse.requested_bytes()), ", short by ",
                      FormatByteSize(would_refuse.short_bytes()), ", would fit ",
                      FormatByteSize(would_refuse.largest_grantable_bytes()));
}

std::string ShellQuoted(absl::string_view word) {
  const bool plain = !word.empty() && std::all_of(word.begin(), word.end(), [](char c) {
    return absl::ascii_isalnum(c) ||
           absl::string_view("/._-:@%+=,").find(c) != absl::string_view::npos;
  });
  if (plain) return std::string(word);
  return absl::StrCat("'", absl::StrReplaceAll(word, {{"'", "'\\''"}}), "'");
}

std::string ToJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(message, &json, options);
  // A detail of a type that this program does not know cannot be shown as JSON.
  if (!status.ok()) return absl::StrCat("{\"error\": \"no JSON form: ", status.ToString(), "\"}\n");
  if (json.empty() || json.back() != '\n') json.push_back('\n');
  return json;
}

}  // namespace dmem::client
