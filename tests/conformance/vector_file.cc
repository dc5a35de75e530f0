// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/conformance/vector_file.h"

#include <fstream>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace dmem {
namespace conformance {
namespace {

using nlohmann::json;

// The parser turns what does not fit 64 bits into a floating-point number.
bool HasInexactNumber(const json& value) {
  if (value.is_number_float()) return true;
  if (!value.is_structured()) return false;
  for (const json& element : value) {
    if (HasInexactNumber(element)) return true;
  }
  return false;
}

absl::Status CheckLine(const json& line, bool first) {
  if (!line.is_object()) return absl::InvalidArgumentError("not a JSON object");
  if (HasInexactNumber(line)) {
    return absl::InvalidArgumentError("a number that is not an integer below 2^64");
  }
  const auto op = line.find("op");
  if (op == line.end() || !op->is_string()) return absl::InvalidArgumentError("no op");
  if (first != (*op == "meta")) {
    return absl::InvalidArgumentError("the first line, and no other, must be of op \"meta\"");
  }
  if (first) {
    if (line.value("format", json()) != 1) return absl::InvalidArgumentError("not of format 1");
    const auto vector_class = line.find("class");
    if (vector_class == line.end() || !vector_class->is_string() ||
        vector_class->get_ref<const std::string&>().empty()) {
      return absl::InvalidArgumentError("no class");
    }
  } else if (line.find("expect") == line.end() || !line["expect"].is_object()) {
    return absl::InvalidArgumentError("no expect");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<VectorFile> ReadVectorFile(const std::string& path) {
  std::ifstream in(path);
  if (!in) return absl::NotFoundError(absl::StrCat(path, ": cannot be read"));
  VectorFile file;
  std::string text;
  for (int number = 1; std::getline(in, text); ++number) {
    if (text.empty()) continue;
    json line = json::parse(text, nullptr, /*allow_exceptions=*/false);
    const absl::Status status = line.is_discarded()
                                    ? absl::InvalidArgumentError("not JSON")
                                    : CheckLine(line, /*first=*/file.vector_class.empty());
    if (!status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(path, ":", number, ": ", status.message()));
    }
    if (file.vector_class.empty()) {
      file.vector_class = line["class"];
    } else {
      file.lines.push_back({number, std::move(line)});
    }
  }
  if (file.vector_class.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": no meta line"));
  }
  return file;
}

}  // namespace conformance
}  // namespace dmem
