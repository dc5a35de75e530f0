// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/mapping.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace dmem::client {
namespace {

// dmemd's bounds on a cgroup's path.
constexpr size_t kMaxComponentBytes = 255;
constexpr size_t kMaxPathBytes = 1024;
constexpr size_t kMaxDepth = 32;

constexpr char kHexDigits[] = "0123456789ABCDEF";

// Literal text, or a placeholder with what was between its braces.
struct Part {
  bool is_placeholder;
  absl::string_view text;
};

// The parts of one template, of which all but placeholders may contain slashes. Absent: a brace
// without its other, or inside another.
std::optional<std::vector<Part>> SplitTemplate(absl::string_view text) {
  std::vector<Part> parts;
  while (!text.empty()) {
    const size_t brace = text.find_first_of("{}");
    if (brace != 0) parts.push_back({false, text.substr(0, brace)});
    if (brace == absl::string_view::npos) break;
    const size_t end = text.find_first_of("{}", brace + 1);
    if (text[brace] != '{' || end == absl::string_view::npos || text[end] != '}') {
      return std::nullopt;
    }
    parts.push_back({true, text.substr(brace + 1, end - brace - 1)});
    text.remove_prefix(end + 1);
  }
  return parts;
}

bool IsPlaceholder(absl::string_view text) {
  if (absl::ConsumePrefix(&text, "label:") || absl::ConsumePrefix(&text, "annotation:")) {
    return !text.empty();
  }
  return text == "namespace" || text == "name" || text == "uid" || text == "node";
}

std::string Lookup(const std::map<std::string, std::string>& map, absl::string_view key) {
  const auto it = map.find(std::string(key));
  return it == map.end() ? "" : it->second;
}

// Empty where the pod has no such thing.
std::string ValueOf(absl::string_view placeholder, const Pod& pod) {
  if (absl::ConsumePrefix(&placeholder, "label:")) return Lookup(pod.labels, placeholder);
  if (absl::ConsumePrefix(&placeholder, "annotation:")) return Lookup(pod.annotations, placeholder);
  if (placeholder == "namespace") return pod.name_space;
  if (placeholder == "name") return pod.name;
  if (placeholder == "uid") return pod.uid;
  return pod.node;
}

// * in `pattern` stands for any number of characters. Linear but for the last star tried.
bool MatchesPattern(absl::string_view pattern, absl::string_view text) {
  size_t p = 0;
  size_t t = 0;
  size_t star = absl::string_view::npos;  // The last star, and where what it stands for ends.
  size_t star_end = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_end = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != absl::string_view::npos) {
      p = star + 1;
      t = ++star_end;
    } else {
      return false;
    }
  }
  return pattern.substr(p).find_first_not_of('*') == absl::string_view::npos;
}

bool AllMatch(const std::map<std::string, std::string>& patterns,
              const std::map<std::string, std::string>& values) {
  return std::all_of(patterns.begin(), patterns.end(), [&values](const auto& pattern) {
    const auto it = values.find(pattern.first);
    return it != values.end() && MatchesPattern(pattern.second, it->second);
  });
}

bool Holds(const MappingRule& rule, const Pod& pod) {
  const bool namespace_matches =
      rule.namespaces.empty() ||
      std::any_of(rule.namespaces.begin(), rule.namespaces.end(),
                  [&pod](const auto& pattern) { return MatchesPattern(pattern, pod.name_space); });
  return namespace_matches && AllMatch(rule.labels, pod.labels) &&
         AllMatch(rule.annotations, pod.annotations);
}

bool Fits(absl::string_view path) {
  if (path.size() > kMaxPathBytes) return false;
  const std::vector<absl::string_view> components = absl::StrSplit(path.substr(1), '/');
  return components.size() <= kMaxDepth &&
         std::all_of(components.begin(), components.end(), [](absl::string_view component) {
           return component.size() <= kMaxComponentBytes;
         });
}

// Absent: the pod lacks something that the template names, or the path is too long.
std::optional<std::string> Fill(absl::string_view cgroup, const Pod& pod) {
  std::string path;
  const std::optional<std::vector<Part>> parts = SplitTemplate(cgroup);
  if (!parts) return std::nullopt;
  for (const Part& part : *parts) {
    if (!part.is_placeholder) {
      absl::StrAppend(&path, part.text);
      continue;
    }
    const std::string value = ValueOf(part.text, pod);
    if (value.empty()) return std::nullopt;
    absl::StrAppend(&path, EncodeCgroupComponent(value));
  }
  return Fits(path) ? std::optional<std::string>(std::move(path)) : std::nullopt;
}

}  // namespace

absl::Status CheckCgroupTemplate(absl::string_view cgroup) {
  const auto bad = [](absl::string_view why) { return absl::InvalidArgumentError(why); };
  if (!absl::StartsWith(cgroup, "/") || cgroup == "/") return bad("is no absolute path below /");
  const std::optional<std::vector<Part>> parts = SplitTemplate(cgroup);
  if (!parts) return bad("has a brace without its other");
  // With one letter for each placeholder, what is left is a path to be checked as such. A dot
  // before or after a placeholder is then never alone: what it gives is not empty, and is no dot.
  std::string path;
  for (const Part& part : *parts) {
    if (part.is_placeholder && !IsPlaceholder(part.text)) {
      return bad(absl::StrCat("has the placeholder {", part.text,
                              "}; there are {namespace}, {name}, {uid}, {node}, {label:KEY} and "
                              "{annotation:KEY}"));
    }
    absl::StrAppend(&path, part.is_placeholder ? "x" : part.text);
  }
  if (!std::all_of(path.begin(), path.end(),
                   [](unsigned char c) { return absl::ascii_isgraph(c) && c != '%'; })) {
    return bad("has white space, %, or a byte that is no printable ASCII");
  }
  for (const absl::string_view component : absl::StrSplit(path.substr(1), '/')) {
    if (component.empty()) return bad("has an empty component");
    if (component == "." || component == "..") return bad("has a component . or ..");
    if (component.front() == '@') return bad("has a component that begins with @");
  }
  if (!Fits(path)) {
    return bad(absl::StrCat("has more than ", kMaxDepth, " components, ", kMaxComponentBytes,
                            " bytes in one, or ", kMaxPathBytes, " in all"));
  }
  return absl::OkStatus();
}

std::vector<MappingRule> DefaultMappingRules() {
  MappingRule queue;
  queue.cgroup = "/kueue/{label:kueue.x-k8s.io/cluster-queue-name}";
  MappingRule name_space;
  name_space.cgroup = "/ns/{namespace}";
  return {std::move(queue), std::move(name_space)};
}

MappedCgroup MapPod(const std::vector<MappingRule>& rules, const Pod& pod) {
  for (size_t i = 0; i < rules.size(); ++i) {
    if (!Holds(rules[i], pod)) continue;
    if (std::optional<std::string> path = Fill(rules[i].cgroup, pod)) {
      return {std::move(*path), static_cast<int>(i)};
    }
  }
  if (std::optional<std::string> path = Fill("/unmapped/ns/{namespace}", pod)) return {*path, -1};
  // Hexadecimal digits and dashes from a cgroup's path, at most 128 of them: always fits.
  return {absl::StrCat("/unmapped/pod/", EncodeCgroupComponent(pod.cgroup_uid)), -1};
}

std::string EncodeCgroupComponent(absl::string_view value) {
  const bool only_dots = value == "." || value == "..";
  std::string component;
  for (size_t i = 0; i < value.size(); ++i) {
    const auto c = static_cast<unsigned char>(value[i]);
    const bool stays =
        absl::ascii_isgraph(c) && c != '%' && c != '/' && !(c == '@' && i == 0) && !only_dots;
    if (stays) {
      component.push_back(value[i]);
    } else {
      component.append({'%', kHexDigits[c >> 4], kHexDigits[c & 15]});
    }
  }
  return component;
}

absl::StatusOr<std::string> DecodeCgroupComponent(absl::string_view component) {
  const absl::string_view digits = kHexDigits;
  std::string value;
  for (size_t i = 0; i < component.size(); ++i) {
    if (component[i] != '%') {
      value.push_back(component[i]);
      continue;
    }
    const size_t high =
        i + 2 < component.size() ? digits.find(component[i + 1]) : absl::string_view::npos;
    const size_t low = high == absl::string_view::npos ? high : digits.find(component[i + 2]);
    if (low == absl::string_view::npos) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", absl::CHexEscape(component.substr(0, 300)),
                       "\" has a % without two capital hexadecimal digits after it"));
    }
    value.push_back(static_cast<char>(high << 4 | low));
    i += 2;
  }
  return value;
}

}  // namespace dmem::client
