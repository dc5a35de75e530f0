// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/config/yaml_map.h"

#include <yaml-cpp/eventhandler.h>

#include <algorithm>
#include <sstream>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/byte_size.h"

namespace dmem::client {
namespace {

std::string Quoted(absl::string_view value) {
  constexpr size_t kShown = 100;
  return absl::StrCat("\"", absl::CHexEscape(value.substr(0, kShown)),
                      value.size() > kShown ? "..." : "", "\"");
}

// backends[0].name -> backends[].name
std::string WithoutIndexes(absl::string_view path) {
  std::string result;
  bool in_index = false;
  for (const char c : path) {
    if (c == ']') in_index = false;
    if (!in_index) result.push_back(c);
    if (c == '[') in_index = true;
  }
  return result;
}

const char* KindOf(const YAML::Node& node) {
  switch (node.Type()) {
    case YAML::NodeType::Map:
      return "a map";
    case YAML::NodeType::Sequence:
      return "a list";
    case YAML::NodeType::Scalar:
      return "a single value";
    default:
      return "nothing";
  }
}

int LineOf(const YAML::Node& node) { return std::max(node.Mark().line, 0) + 1; }

// Where a second document has its first value.
class SecondDocument final : public YAML::EventHandler {
 public:
  int line() const { return line_; }

  void OnDocumentStart(const YAML::Mark&) override { ++documents_; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override { Note(mark); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { Note(mark); }
  void OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                const std::string&) override {
    Note(mark);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    Note(mark);
  }
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    Note(mark);
  }
  void OnMapEnd() override {}

 private:
  void Note(const YAML::Mark& mark) {
    if (documents_ == 2 && line_ == 0) line_ = std::max(mark.line, 0) + 1;
  }

  int documents_ = 0;
  int line_ = 0;
};

// 0: there is none. Not by YAML::LoadAll, which finds documents without end in the text ",".
int LineOfSecondDocument(absl::string_view text) {
  std::istringstream stream{std::string(text)};
  YAML::Parser parser(stream);
  SecondDocument second;
  for (int i = 0; i < 2 && parser.HandleNextDocument(second); ++i) continue;
  return second.line();
}

}  // namespace

absl::Status YamlFindings::ToStatus() const {
  if (errors.empty()) return absl::OkStatus();
  std::vector<std::pair<int, std::string>> sorted = errors;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  return absl::InvalidArgumentError(
      absl::StrJoin(sorted, "\n", [this](std::string* out, const auto& error) {
        absl::StrAppend(out, file, ":", error.first, ": ", error.second);
      }));
}

std::optional<YAML::Node> ParseYaml(absl::string_view text, YamlFindings& findings) {
  if (text.size() > kMaxYamlBytes) {
    findings.errors.emplace_back(
        1, absl::StrCat("has ", text.size(), " bytes, more than ", kMaxYamlBytes));
    return std::nullopt;
  }
  try {
    if (const int line = LineOfSecondDocument(text); line > 0) {
      findings.errors.emplace_back(line, "begins a second document");
      return std::nullopt;
    }
    YAML::Node document = YAML::Load(std::string(text));
    return document.IsNull() ? YAML::Node(YAML::NodeType::Map) : document;
  } catch (const YAML::Exception& error) {
    findings.errors.emplace_back(std::max(error.mark.line, 0) + 1,
                                 absl::StrCat("is no YAML: ", error.msg));
  }
  return std::nullopt;
}

YamlMap::YamlMap(const YAML::Node& node, std::string path, YamlFindings& findings)
    : node_(node), path_(std::move(path)), findings_(&findings) {
  if (!node_.IsMap()) {
    if (node_.IsDefined() && !node_.IsNull()) {
      Add(LineOf(node_), path_, absl::StrCat("is ", KindOf(node_), ", not a map"));
    }
    return;
  }
  for (const auto& entry : node_) {
    if (!entry.first.IsScalar()) {
      Add(LineOf(entry.first), path_, absl::StrCat("has ", KindOf(entry.first), " as a key"));
    } else if (!values_.emplace(entry.first.Scalar(), entry.second).second) {
      Add(LineOf(entry.first), PathOf(entry.first.Scalar()), "is there twice");
    } else {
      lines_[entry.first.Scalar()] = LineOf(entry.first);
    }
  }
}

std::string YamlMap::PathOf(absl::string_view key) const {
  if (key.empty()) return path_;
  return path_.empty() ? std::string(key) : absl::StrCat(path_, ".", key);
}

int YamlMap::LineOfKey(absl::string_view key) const {
  const auto it = lines_.find(std::string(key));
  return it == lines_.end() ? LineOf(node_) : it->second;
}

void YamlMap::Add(int line, absl::string_view path, absl::string_view message) {
  findings_->errors.emplace_back(
      line, path.empty() ? std::string(message) : absl::StrCat(path, ": ", message));
}

YAML::Node YamlMap::Find(absl::string_view key, absl::string_view default_value) {
  known_.emplace_back(key);
  const std::string path = WithoutIndexes(PathOf(key));
  const bool is_new = std::none_of(findings_->keys.begin(), findings_->keys.end(),
                                   [&path](const ConfigKey& known) { return known.path == path; });
  if (is_new) findings_->keys.push_back({path, std::string(default_value)});
  const auto it = values_.find(std::string(key));
  return it == values_.end() ? YAML::Node(YAML::NodeType::Undefined) : it->second;
}

std::optional<std::string> YamlMap::Scalar(absl::string_view key, absl::string_view default_value) {
  const YAML::Node value = Find(key, default_value);
  if (!value.IsDefined()) return std::nullopt;
  if (value.IsScalar()) return value.Scalar();
  Add(LineOfKey(key), PathOf(key), absl::StrCat("is ", KindOf(value), ", not a single value"));
  return std::nullopt;
}

void YamlMap::Wrong(absl::string_view key, absl::string_view why) {
  const auto it = values_.find(std::string(key));
  if (it == values_.end()) return Add(LineOf(node_), PathOf(key), why);
  const std::string value =
      it->second.IsScalar() ? absl::StrCat(Quoted(it->second.Scalar()), " ") : "";
  Add(LineOfKey(key), PathOf(key), absl::StrCat(value, why));
}

void YamlMap::Require(absl::string_view key) {
  if (values_.count(std::string(key)) == 0) Add(LineOf(node_), PathOf(key), "is missing");
}

void YamlMap::Bool(absl::string_view key, bool& target) {
  const std::optional<std::string> text = Scalar(key, target ? "true" : "false");
  if (!text) return;
  if (*text != "true" && *text != "false") return Wrong(key, "is neither true nor false");
  target = *text == "true";
}

void YamlMap::Text(absl::string_view key, std::string& target, const Check& check) {
  const std::optional<std::string> text = Scalar(key, target);
  if (!text) return;
  const absl::Status status = check(*text);
  if (!status.ok()) return Wrong(key, status.message());
  target = *text;
}

void YamlMap::Duration(absl::string_view key, absl::Duration least, absl::Duration most,
                       absl::Duration& target) {
  const std::optional<std::string> text = Scalar(key, absl::FormatDuration(target));
  if (!text) return;
  absl::Duration duration;
  if (!absl::ParseDuration(*text, &duration)) {
    return Wrong(key, "is no duration like 500ms or 1m30s");
  }
  if (duration < least || duration > most) {
    return Wrong(key, absl::StrCat("is not between ", absl::FormatDuration(least), " and ",
                                   absl::FormatDuration(most)));
  }
  target = duration;
}

void YamlMap::Bytes(absl::string_view key, uint64_t least, std::optional<uint64_t>& target) {
  const std::optional<std::string> text = Scalar(key, target ? FormatExactByteSize(*target) : "");
  if (!text) return;
  const absl::StatusOr<uint64_t> bytes = ParseByteSize(*text);
  if (!bytes.ok()) return Wrong(key, "is no number of bytes like 1000, 500Mi or 80GiB");
  if (*bytes < least || *bytes >= kUnlimitedBytes) {
    return Wrong(key, absl::StrCat("is not between ", least, " and ", kUnlimitedBytes - 1));
  }
  target = *bytes;
}

void YamlMap::Choice(absl::string_view key, const std::vector<std::string>& names, int& target) {
  const std::optional<std::string> text = Scalar(key, names[target]);
  if (!text) return;
  const auto it = std::find(names.begin(), names.end(), *text);
  if (it == names.end()) return Wrong(key, absl::StrCat("is none of ", absl::StrJoin(names, ", ")));
  target = static_cast<int>(it - names.begin());
}

void YamlMap::Texts(absl::string_view key, std::vector<std::string>& target, const Check& check) {
  const YAML::Node list = Find(key, absl::StrJoin(target, ", "));
  if (!list.IsDefined()) return;
  if (!list.IsSequence()) {
    return Add(LineOfKey(key), PathOf(key), absl::StrCat("is ", KindOf(list), ", not a list"));
  }
  if (list.size() == 0) return Add(LineOfKey(key), PathOf(key), "is an empty list");
  std::vector<std::string> texts;
  for (size_t i = 0; i < list.size(); ++i) {
    const YAML::Node item = list[i];
    const std::string path = absl::StrCat(PathOf(key), "[", i, "]");
    if (!item.IsScalar()) {
      Add(LineOf(item), path, absl::StrCat("is ", KindOf(item), ", not a single value"));
      continue;
    }
    const std::string& text = item.Scalar();
    absl::Status status = check(text);
    if (status.ok() && std::find(texts.begin(), texts.end(), text) != texts.end()) {
      status = absl::InvalidArgumentError("is there twice");
    }
    if (!status.ok()) Add(LineOf(item), path, absl::StrCat(Quoted(text), " ", status.message()));
    texts.push_back(text);
  }
  target = std::move(texts);
}

void YamlMap::TextMap(absl::string_view key, std::map<std::string, std::string>& target) {
  const YAML::Node node = Find(key, "");
  if (!node.IsDefined()) return;
  const YamlMap map(node, PathOf(key), *findings_);
  for (const auto& [name, value] : map.values_) {
    if (value.IsScalar()) {
      target[name] = value.Scalar();
      continue;
    }
    std::vector<std::string> texts;
    if (value.IsSequence()) {
      for (const auto& item : value) {
        if (item.IsScalar()) texts.push_back(item.Scalar());
      }
    }
    if (value.IsSequence() && texts.size() == value.size()) {
      target[name] = absl::StrJoin(texts, " ");
    } else {
      Add(map.LineOfKey(name), map.PathOf(name),
          absl::StrCat("is ", KindOf(value), ", not a single value or a list of them"));
    }
  }
}

YamlMap YamlMap::Map(absl::string_view key) {
  const YAML::Node node = Find(key, "");
  return YamlMap(node.IsDefined() ? node : YAML::Node(YAML::NodeType::Map), PathOf(key),
                 *findings_);
}

std::optional<std::vector<YamlMap>> YamlMap::Maps(absl::string_view key) {
  const YAML::Node list = Find(key, "");
  if (!list.IsDefined()) return std::nullopt;
  std::vector<YamlMap> maps;
  if (!list.IsSequence()) {
    Add(LineOfKey(key), PathOf(key), absl::StrCat("is ", KindOf(list), ", not a list"));
    return maps;
  }
  for (size_t i = 0; i < list.size(); ++i) {
    const std::string path = absl::StrCat(PathOf(key), "[", i, "]");
    if (list[i].IsNull()) Add(LineOf(list[i]), path, "is nothing, not a map");
    maps.emplace_back(list[i], path, *findings_);
  }
  return maps;
}

void YamlMap::Finish() {
  if (!node_.IsMap()) return;
  for (const auto& entry : node_) {
    if (!entry.first.IsScalar()) continue;
    const std::string key = entry.first.Scalar();
    if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
    Add(LineOf(entry.first), PathOf(key),
        absl::StrCat("is no key that there is; there are ", absl::StrJoin(known_, ", ")));
  }
}

}  // namespace dmem::client
