// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_CONFIG_YAML_MAP_H_
#define DMEMD_CLIENT_AGENT_CONFIG_YAML_MAP_H_

#include <yaml-cpp/yaml.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace dmem::client {

// A key that a program asked for. List items have "[]" in their path: backends[].name.
struct ConfigKey {
  std::string path;
  std::string default_value;  // As one would write it; empty: none, or a list or map.
};

// What is wrong with a file, and which keys its reader knows.
struct YamlFindings {
  std::string file;                                 // For messages.
  std::vector<std::pair<int, std::string>> errors;  // By line.
  std::vector<ConfigKey> keys;                      // Each once, in the order they were asked for.

  // OK, or INVALID_ARGUMENT with all errors in order of their lines, one a line, each
  // FILE:LINE: KEY: "VALUE" WHY.
  absl::Status ToStatus() const;
};

inline constexpr size_t kMaxYamlBytes = size_t{1024} * 1024;

// Parses one document of at most kMaxYamlBytes. Absent: it cannot be parsed, which is in
// `findings`. An empty document is an empty map.
std::optional<YAML::Node> ParseYaml(absl::string_view text, YamlFindings& findings);

// One map of a YAML document. Each method reads one key: stores the value where the key is there
// and valid, and leaves `target`, the default, alone otherwise. Errors are collected, never thrown.
// Finish finds the keys that nobody asked for.
class YamlMap {
 public:
  // `findings` outlives this. `path`: of this map, empty for the document.
  YamlMap(const YAML::Node& node, std::string path, YamlFindings& findings);

  void Bool(absl::string_view key, bool& target);
  // OK: fits. Otherwise its message says why not, beginning with a verb.
  using Check = std::function<absl::Status(absl::string_view value)>;
  void Text(absl::string_view key, std::string& target, const Check& check);
  // Like 500ms, 5s or 1m30s, from `least` to `most`.
  void Duration(absl::string_view key, absl::Duration least, absl::Duration most,
                absl::Duration& target);
  // Like 500Mi or 80GiB or 1000, from `least` up.
  void Bytes(absl::string_view key, uint64_t least, std::optional<uint64_t>& target);
  // One of `names`, whose index is stored.
  void Choice(absl::string_view key, const std::vector<std::string>& names, int& target);
  // At least one, none twice.
  void Texts(absl::string_view key, std::vector<std::string>& target, const Check& check);
  // Any keys; a list of texts as a value is its texts with blanks between.
  void TextMap(absl::string_view key, std::map<std::string, std::string>& target);
  // A map below; empty if the key is not there.
  YamlMap Map(absl::string_view key);
  // A list of maps; absent if the key is not there.
  std::optional<std::vector<YamlMap>> Maps(absl::string_view key);

  // Says that this map lacks `key`.
  void Require(absl::string_view key);
  // Says that the value of `key` is wrong; of this map, if the key is empty.
  void Wrong(absl::string_view key, absl::string_view why);
  // Says which keys are not known. To be called last.
  void Finish();

 private:
  // The value of `key`, from now on known; undefined if it is not there.
  YAML::Node Find(absl::string_view key, absl::string_view default_value);
  // The same, if it is there and a single value.
  std::optional<std::string> Scalar(absl::string_view key, absl::string_view default_value);
  std::string PathOf(absl::string_view key) const;
  // Where the key is; where this map is, if it is not there.
  int LineOfKey(absl::string_view key) const;
  void Add(int line, absl::string_view path, absl::string_view message);

  YAML::Node node_;
  std::string path_;
  YamlFindings* findings_;
  std::map<std::string, YAML::Node> values_;
  std::map<std::string, int> lines_;  // Of the keys. A value that is not there has another's line.
  std::vector<std::string> known_;
};

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_CONFIG_YAML_MAP_H_
