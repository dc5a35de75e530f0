// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/conformance/interpreter.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/conformance/replayer.h"

namespace dmem {
namespace conformance {
namespace {

using nlohmann::json;

constexpr uint64_t kUnlimitedBytes = 9223372036854775807;

json Ok() { return {{"ok", true}}; }
json Error(const std::string& word) { return {{"ok", false}, {"error", word}}; }

// A limit as the vectors show it.
json Shown(uint64_t value) { return value >= kKernelMax ? json("max") : json(value); }

// A cgroup name, or nullopt for null.
absl::optional<std::string> Nullable(const json& name) {
  if (name.is_null()) return absl::nullopt;
  return name.get<std::string>();
}

// The words of a limit line: those that set_limits and write_limit_text share.
const std::map<std::string, std::string>& LimitWords() {
  static const auto* words = new std::map<std::string, std::string>{
      {"ROOT_HAS_NO_LIMITS", "NOT_ON_ROOT"},
      {"REGION_NOT_FOUND", "EINVAL"},
      {"REGION_GONE", "EINVAL"},
      {"BAD_LIMIT_TEXT", "EINVAL"},
      {"INVALID_FIELD", "EINVAL"},
      {"READ_ONLY_FILE", "READ_ONLY"},
  };
  return *words;
}

// min and low enter products, so that the word "max" must be the kernel's number there; a max may
// be dmemd's own unlimited (conformance description, section 2).
std::string WithKernelMax(const std::string& file, const std::string& text) {
  if (file != "dmem.min" && file != "dmem.low") return text;
  const absl::string_view stripped = absl::StripAsciiWhitespace(text);
  const size_t separator = stripped.find_first_of(" \t");
  if (separator == absl::string_view::npos || stripped.substr(separator + 1) != "max") return text;
  return absl::StrCat(stripped.substr(0, separator + 1), kKernelMax);
}

// "NAME VALUE" lines with values from 2^51-1 up as the word max.
std::string WithMaxAsWord(const std::string& text) {
  std::string out;
  for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    const size_t separator = line.rfind(' ');
    uint64_t value = 0;
    if (separator != absl::string_view::npos &&
        absl::SimpleAtoi(line.substr(separator + 1), &value) && value >= kKernelMax) {
      absl::StrAppend(&out, line.substr(0, separator), " max\n");
    } else {
      absl::StrAppend(&out, line, "\n");
    }
  }
  return out;
}

}  // namespace

Interpreter::Interpreter(Backend* backend, std::string charge_id_prefix)
    : backend_(backend), charge_id_prefix_(std::move(charge_id_prefix)) {}

json Interpreter::Expected(const json& line) {
  json expected = line.at("expect");
  for (const auto& names : {std::pair<const char*, const char*>("peak", "peak_granted"),
                            std::pair<const char*, const char*>("text", "text_granted")}) {
    const auto granted = expected.find(names.second);
    if (granted == expected.end()) continue;
    const json value = *granted;
    expected[names.first] = value;
    expected.erase(names.second);
  }
  return expected;
}

json Interpreter::Execute(const json& line) {
  using Operation = json (Interpreter::*)(const json&);
  static const auto* operations = new std::map<std::string, Operation>{
      {"create_cgroup", &Interpreter::CreateCgroup},
      {"remove_cgroup", &Interpreter::RemoveCgroup},
      {"register_region", &Interpreter::RegisterRegion},
      {"unregister_region", &Interpreter::UnregisterRegion},
      {"set_limits", &Interpreter::SetLimits},
      {"write_limit_text", &Interpreter::WriteLimitText},
      {"charge", &Interpreter::Charge},
      {"uncharge", &Interpreter::Uncharge},
      {"read", &Interpreter::Read},
      {"show", &Interpreter::Show},
      {"protection", &Interpreter::Protection},
      {"evict_valuable", &Interpreter::EvictValuable},
      {"below", &Interpreter::Below},
  };
  const auto operation = operations->find(line.at("op").get<std::string>());
  if (operation == operations->end()) return Error("no such op");
  return (this->*operation->second)(line);
}

json Interpreter::CreateCgroup(const json& line) {
  const Reply<uint64_t> reply = backend_->CreateCgroup(line.at("path"));
  if (!reply.ok()) {
    return Refused(*reply.failure, {{"CGROUP_EXISTS", "EEXIST"}, {"PARENT_NOT_FOUND", "ENOENT"}});
  }
  if (line.contains("id")) {
    const uint64_t id = line.at("id");
    dmemd_cgroup_[id] = reply.value;
    vector_cgroup_[reply.value] = id;
  }
  return Ok();
}

json Interpreter::RemoveCgroup(const json& line) {
  const Reply<Deleted> reply = backend_->DeleteCgroup(line.at("path"));
  if (!reply.ok()) {
    // The root can never be deleted, which is wrong in any state for dmemd and busy for the kernel.
    return Refused(*reply.failure, {{"CGROUP_NOT_FOUND", "ENOENT"},
                                    {"CGROUP_HAS_CHILDREN", "EBUSY"},
                                    {"ROOT_HAS_NO_LIMITS", "EBUSY"}});
  }
  return {{"ok", true}, {"state", reply.value.dying ? "dying" : "freed"}};
}

json Interpreter::RegisterRegion(const json& line) {
  const uint64_t size = line.at("size");
  const Reply<Nothing> reply =
      backend_->Register(line.value("name", line.at("region").get<std::string>()), size);
  if (!reply.ok()) {
    return Refused(*reply.failure, {{"INVALID_FIELD", size == 0 ? "ZERO_SIZE" : "EINVAL"}});
  }
  return Ok();
}

json Interpreter::UnregisterRegion(const json& line) {
  const Reply<Nothing> reply = backend_->Unregister(line.at("region"), /*force=*/false);
  if (!reply.ok()) return Refused(*reply.failure, {{"REGION_NOT_FOUND", "ENOENT"}});
  return Ok();
}

json Interpreter::SetLimits(const json& line) {
  bool applied = true;
  for (const auto& part : {std::pair<const char*, Limit>("min", Limit::kMin),
                           std::pair<const char*, Limit>("low", Limit::kLow),
                           std::pair<const char*, Limit>("max", Limit::kMax)}) {
    if (!line.contains(part.first)) continue;
    const json& value = line[part.first];
    const uint64_t word = part.second == Limit::kMax ? kUnlimitedBytes : kKernelMax;
    const Reply<Nothing> reply =
        backend_->SetLimit(ToDmemd(line.at("cgroup")), line.at("region"), part.second,
                           value == "max" ? word : value.get<uint64_t>());
    if (reply.ok()) continue;
    if (reply.failure->reason != "MAX_BELOW_USAGE") return Refused(*reply.failure, LimitWords());
    applied = false;
  }
  return {{"ok", true}, {"applied", applied}};
}

json Interpreter::WriteLimitText(const json& line) {
  const std::string file = line.at("file");
  const Reply<uint64_t> reply =
      backend_->WriteFile(ToDmemd(line.at("cgroup")), file, WithKernelMax(file, line.at("line")));
  uint64_t value = reply.value;
  if (!reply.ok()) {
    if (reply.failure->reason != "MAX_BELOW_USAGE") return Refused(*reply.failure, LimitWords());
    const auto max = reply.failure->facts.find("max_bytes");
    if (max == reply.failure->facts.end() || !absl::SimpleAtoi(max->second, &value)) {
      return Error("MAX_BELOW_USAGE without max_bytes");
    }
  }
  return {{"ok", true},
          {"value", value == kUnlimitedBytes ? kKernelMax : value},
          {"applied", reply.ok()}};
}

json Interpreter::Charge(const json& line) {
  const uint64_t id = line.at("id");
  const std::string region = line.at("region");
  charge_id_[id] = absl::StrCat(charge_id_prefix_, "-", id);
  const Reply<Nothing> reply =
      backend_->Charge(charge_id_[id], ToDmemd(line.at("cgroup")), region, line.at("bytes"));
  if (reply.ok()) return Ok();
  const Failure& failure = *reply.failure;
  json answer = Refused(
      failure,
      {{"REGION_NOT_FOUND", "ENODEV"}, {"REGION_GONE", "ENODEV"}, {"INVALID_FIELD", "EINVAL"}});
  if (failure.reason != "MAX_EXCEEDED") return answer;
  const auto counter = failure.facts.find("counter_cgroup");
  const auto counter_region = failure.facts.find("counter_region");
  if (counter == failure.facts.end() || counter_region == failure.facts.end() ||
      counter_region->second != region) {
    return answer;
  }
  answer["error"] = "EAGAIN";
  answer["limit_cgroup"] = FromDmemd(counter->second);
  return answer;
}

json Interpreter::Uncharge(const json& line) {
  const uint64_t id = line.at("charge");
  const auto known = charge_id_.find(id);
  // An id that no charge line had yet must not be spent: one may still come.
  const std::string charge_id =
      known != charge_id_.end() ? known->second : absl::StrCat(charge_id_prefix_, "-unknown-", id);
  const Reply<Uncharged> reply = backend_->Uncharge(charge_id);
  if (!reply.ok()) return Refused(*reply.failure, {});
  if (reply.value.outcome != Released::kReleased) return Error("ENOENT");
  json answer = Ok();
  if (reply.value.freed_cgroups.empty()) return answer;
  // Ascending by dmemd's id is ascending by the vectors': both count creations.
  for (const uint64_t freed : reply.value.freed_cgroups)
    answer["freed"].push_back(FromDmemd(freed));
  return answer;
}

json Interpreter::Read(const json& line) {
  const std::string cgroup = line.at("cgroup");
  const Reply<PoolNumbers> reply = backend_->GetPool(ToDmemd(cgroup), line.at("region"), "/");
  if (!reply.ok()) return Refused(*reply.failure, {});
  const PoolNumbers& pool = reply.value;
  if (cgroup == "/") return {{"current", Shown(pool.usage)}};
  return {{"current", Shown(pool.usage)},
          {"peak", Shown(pool.peak)},
          {"min", Shown(pool.min)},
          {"low", Shown(pool.low)},
          {"max", Shown(pool.max)}};
}

json Interpreter::Show(const json& line) {
  const std::string file = line.at("file");
  const Reply<std::string> reply = backend_->ReadFile(ToDmemd(line.at("cgroup")), file);
  if (!reply.ok()) return Refused(*reply.failure, {{"FILE_NOT_FOUND", "ENOENT"}});
  return {{"ok", true},
          {"text", file == "dmem.capacity" ? reply.value : WithMaxAsWord(reply.value)}};
}

json Interpreter::Protection(const json& line) {
  const absl::optional<std::string> limit = Nullable(line.at("limit"));
  const Reply<std::vector<PoolNumbers>> reply =
      backend_->ListPools(line.at("region"), limit.has_value() ? ToDmemd(*limit) : "/");
  if (!reply.ok()) return Refused(*reply.failure, {});
  json pools = json::object();
  for (const PoolNumbers& pool : reply.value) {
    if (pool.usage > 0) pools[FromDmemd(pool.cgroup)] = {pool.emin, pool.elow};
  }
  return {{"pools", pools}};
}

json Interpreter::EvictValuable(const json& line) {
  absl::optional<std::string> limit = Nullable(line.at("limit"));
  if (limit.has_value()) limit = ToDmemd(*limit);
  const Reply<Decision> reply = backend_->EvictValuable(limit, ToDmemd(line.at("test")),
                                                        line.at("region"), line.at("ignore_low"));
  if (!reply.ok()) return Refused(*reply.failure, {});
  return {{"valuable", reply.value == Decision::kMayEvict},
          {"hit_low", reply.value == Decision::kProtectedByLow}};
}

json Interpreter::Below(const json& line) {
  const std::string root = Nullable(line.at("root")).value_or("/");
  const std::string test = line.at("test");
  if (test == "/" || test == root) return {{"min", false}, {"low", false}};
  const Reply<PoolNumbers> reply =
      backend_->GetPool(ToDmemd(test), line.at("region"), ToDmemd(root));
  if (!reply.ok()) return Refused(*reply.failure, {});
  return {{"min", reply.value.usage <= reply.value.emin},
          {"low", reply.value.usage <= reply.value.elow}};
}

json Interpreter::Refused(const Failure& failure, const std::map<std::string, std::string>& words) {
  if (failure.reason.empty()) lost_ = true;
  const auto word = words.find(failure.reason);
  return Error(word != words.end() ? word->second
                                   : absl::StrCat(failure.reason, ": ", failure.text));
}

std::string Interpreter::ToDmemd(const std::string& cgroup) const {
  uint64_t id = 0;
  if (!absl::StartsWith(cgroup, "@") || !absl::SimpleAtoi(cgroup.substr(1), &id)) return cgroup;
  const auto known = dmemd_cgroup_.find(id);
  // An id that dmemd never gave finds nothing there, as it should.
  return absl::StrCat("@", known != dmemd_cgroup_.end() ? known->second : UINT64_MAX);
}

std::string Interpreter::FromDmemd(const std::string& cgroup) const {
  uint64_t id = 0;
  if (!absl::StartsWith(cgroup, "@") || !absl::SimpleAtoi(cgroup.substr(1), &id)) return cgroup;
  return FromDmemd(id);
}

std::string Interpreter::FromDmemd(uint64_t cgroup_id) const {
  const auto known = vector_cgroup_.find(cgroup_id);
  if (known == vector_cgroup_.end()) return absl::StrCat("dmemd's @", cgroup_id);
  return absl::StrCat("@", known->second);
}

}  // namespace conformance
}  // namespace dmem
