// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/region_groups.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"

namespace dmem::client {
namespace {

constexpr absl::string_view kModel = "{model}";
constexpr size_t kGroupBytesMax = 200;
constexpr size_t kModelBytesMax = 50;

bool IsNameByte(char c) { return c > ' ' && c <= '~' && c != '@'; }

std::string NameOfModel(absl::string_view model) {
  std::string name(model.substr(0, kModelBytesMax));
  for (char& c : name) {
    if (!IsNameByte(c) || c == '/') c = '-';
  }
  return name;
}

}  // namespace

absl::Status CheckGroupTemplate(absl::string_view text) {
  const std::string rest = absl::StrReplaceAll(text, {{kModel, std::string(kModelBytesMax, 'm')}});
  if (text.empty() || rest.size() > kGroupBytesMax ||
      !std::all_of(text.begin(), text.end(), IsNameByte)) {
    return absl::InvalidArgumentError(
        "is not 1 to 200 printable ASCII bytes, 50 for each {model}, without white space and @");
  }
  if (rest.find_first_of("{}") != std::string::npos)
    return absl::InvalidArgumentError("has a placeholder other than {model}");
  return absl::OkStatus();
}

std::vector<std::string> GroupsOf(const std::vector<std::string>& templates, const Device& device) {
  std::vector<std::string> groups;
  for (const std::string& text : templates) {
    if (device.model.empty() && absl::StrContains(text, kModel)) continue;
    groups.push_back(absl::StrReplaceAll(text, {{kModel, NameOfModel(device.model)}}));
  }
  return groups;
}

}  // namespace dmem::client
