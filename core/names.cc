// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "core/names.h"

#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/state.h"

namespace dmem {
namespace {

constexpr char kRegionRule[] = "1 to 255 printable ASCII bytes without white space and '@'";
constexpr char kCgroupRule[] =
    "\"/\" or an absolute path of at most 1024 bytes and 32 components, each 1 to 255 bytes";
constexpr char kChargeIdRule[] = "1 to 128 printable ASCII bytes without white space";

absl::Status Invalid(absl::string_view what, absl::string_view value, absl::string_view why,
                     absl::string_view rule) {
  return absl::InvalidArgumentError(
      absl::StrCat(what, " ", QuoteForMessage(value), " ", why, "; it must be ", rule));
}

std::string TooLong(size_t size, size_t max) {
  return absl::StrCat("is ", size, " bytes long, more than ", max);
}

// Where the first byte stands that is no printable ASCII, or is a blank; npos if there is none.
size_t FindUnprintable(absl::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (!absl::ascii_isgraph(static_cast<unsigned char>(text[i]))) return i;
  }
  return absl::string_view::npos;
}

std::string BadByte(absl::string_view text, size_t i) {
  return absl::StrCat("has the byte 0x",
                      absl::Hex(static_cast<unsigned char>(text[i]), absl::kZeroPad2), " at ", i);
}

// Ids as the server writes them: no sign, no leading zero.
bool IsId(absl::string_view text) {
  uint64_t id = 0;
  return !text.empty() && absl::ascii_isdigit(static_cast<unsigned char>(text[0])) &&
         absl::SimpleAtoi(text, &id) && absl::StrCat(id) == text;
}

absl::Status ValidateComponent(absl::string_view path, absl::string_view component) {
  if (component.empty()) {
    return Invalid("cgroup", path, "has an empty component", kCgroupRule);
  }
  if (component.size() > kCgroupComponentBytesMax) {
    return Invalid("cgroup", path,
                   absl::StrCat("has the component ", QuoteForMessage(component), ", which ",
                                TooLong(component.size(), kCgroupComponentBytesMax)),
                   kCgroupRule);
  }
  if (component == "." || component == "..") {
    return Invalid("cgroup", path, absl::StrCat("has the component \"", component, "\""),
                   "absolute, without \".\" and \"..\"");
  }
  if (component[0] == '@') {
    return Invalid("cgroup", path, "has a component that begins with '@'",
                   "a path without these: \"@ID\" alone addresses a dying cgroup");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ValidateRegionName(absl::string_view name) {
  if (name.empty()) return Invalid("region", name, "is empty", kRegionRule);
  if (name.size() > kRegionNameBytesMax) {
    return Invalid("region", name, TooLong(name.size(), kRegionNameBytesMax), kRegionRule);
  }
  size_t bad = FindUnprintable(name);
  if (bad == absl::string_view::npos) bad = name.find('@');
  if (bad != absl::string_view::npos) {
    return Invalid("region", name, BadByte(name, bad), kRegionRule);
  }
  return absl::OkStatus();
}

absl::Status ValidateRegionRef(absl::string_view ref) {
  const size_t at = ref.rfind('@');
  if (at == absl::string_view::npos) return ValidateRegionName(ref);
  if (!IsId(ref.substr(at + 1))) {
    return Invalid("region", ref, "has no id after '@'",
                   "a name, or NAME@ID with a decimal id for a region that is gone");
  }
  return ValidateRegionName(ref.substr(0, at));
}

absl::Status ValidateCgroupPath(absl::string_view path) {
  if (path == "/") return absl::OkStatus();
  if (path.empty()) return Invalid("cgroup", path, "is empty", kCgroupRule);
  if (path[0] != '/') return Invalid("cgroup", path, "does not begin with '/'", kCgroupRule);
  if (path.size() > kCgroupPathBytesMax) {
    return Invalid("cgroup", path, TooLong(path.size(), kCgroupPathBytesMax), kCgroupRule);
  }
  for (size_t i = 0; i < path.size(); ++i) {
    const unsigned char c = path[i];
    if (absl::ascii_isspace(c) || absl::ascii_iscntrl(c)) {
      return Invalid("cgroup", path, BadByte(path, i),
                     "without white space and control characters");
    }
  }
  int depth = 0;
  for (size_t begin = 1; begin <= path.size(); ++depth) {
    size_t end = path.find('/', begin);
    if (end == absl::string_view::npos) end = path.size();
    absl::Status status = ValidateComponent(path, path.substr(begin, end - begin));
    if (!status.ok()) return status;
    begin = end + 1;
  }
  if (depth > kCgroupDepthMax) {
    return Invalid("cgroup", path,
                   absl::StrCat("has ", depth, " components, more than ", kCgroupDepthMax),
                   kCgroupRule);
  }
  return absl::OkStatus();
}

absl::Status ValidateCgroupRef(absl::string_view ref) {
  if (ref.empty() || ref[0] != '@') return ValidateCgroupPath(ref);
  if (IsId(ref.substr(1))) return absl::OkStatus();
  return Invalid("cgroup", ref, "has no id after '@'",
                 "a path, or @ID with a decimal id for a dying cgroup");
}

absl::Status ValidateChargeId(absl::string_view id) {
  if (id.empty()) return Invalid("charge id", id, "is empty", kChargeIdRule);
  if (id.size() > kChargeIdBytesMax) {
    return Invalid("charge id", id, TooLong(id.size(), kChargeIdBytesMax), kChargeIdRule);
  }
  const size_t bad = FindUnprintable(id);
  if (bad != absl::string_view::npos) {
    return Invalid("charge id", id, BadByte(id, bad), kChargeIdRule);
  }
  return absl::OkStatus();
}

std::string QuoteForMessage(absl::string_view text) {
  constexpr size_t kShown = 64;
  if (text.size() <= kShown) return absl::StrCat("\"", absl::CHexEscape(text), "\"");
  return absl::StrCat("\"", absl::CHexEscape(text.substr(0, kShown)), "...\" (", text.size(),
                      " bytes)");
}

}  // namespace dmem
