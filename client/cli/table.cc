// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/cli/table.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace dmem::client {
namespace {

constexpr absl::string_view kEmptyCell = "<none>";
constexpr size_t kGap = 2;

// Bytes that start a character.
size_t Width(absl::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; });
}

void AppendLine(const std::vector<std::string>& cells, const std::vector<size_t>& widths,
                std::string& out) {
  size_t owed = 0;  // Spaces before the next cell, if there is one.
  for (size_t i = 0; i < cells.size(); ++i) {
    absl::StrAppend(&out, std::string(owed, ' '), cells[i]);
    owed = widths[i] - Width(cells[i]) + kGap;
  }
  out.push_back('\n');
}

}  // namespace

void Table::AddRow(std::vector<std::string> cells) {
  for (std::string& cell : cells) {
    if (cell.empty()) cell = std::string(kEmptyCell);
  }
  rows_.push_back(std::move(cells));
}

std::string Table::Render(bool with_headers) const {
  std::vector<size_t> widths(headers_.size(), 0);
  const auto widen = [&widths](const std::vector<std::string>& cells) {
    for (size_t i = 0; i < cells.size(); ++i) widths[i] = std::max(widths[i], Width(cells[i]));
  };
  if (with_headers) widen(headers_);
  for (const auto& row : rows_) widen(row);
  std::string out;
  if (with_headers) AppendLine(headers_, widths, out);
  for (const auto& row : rows_) AppendLine(row, widths, out);
  return out;
}

void FieldList::Add(absl::string_view name, std::string value) {
  fields_.emplace_back(absl::StrCat(name, ":"), std::move(value));
}

std::string FieldList::Render() const {
  size_t width = 0;
  for (const auto& field : fields_) width = std::max(width, Width(field.first));
  std::string out;
  for (const auto& [name, value] : fields_) {
    absl::StrAppend(&out, name, std::string(width - Width(name) + kGap, ' '),
                    value.empty() ? kEmptyCell : absl::string_view(value), "\n");
  }
  return out;
}

std::string Printable(absl::string_view text) {
  std::string out(text);
  for (size_t i = 0; i < out.size(); ++i) {
    const auto byte = static_cast<unsigned char>(out[i]);
    // U+0080..U+009F are controls too; in UTF-8 they are C2 80..C2 9F.
    const bool c1_control =
        byte == 0xC2 && i + 1 < out.size() && static_cast<unsigned char>(out[i + 1]) < 0xA0;
    if (c1_control) out[i] = out[i + 1] = '?';
    if (byte < 0x20 || byte == 0x7F) out[i] = '?';
  }
  return out;
}

std::string Cell(absl::string_view text) {
  std::string out = Printable(text);
  std::replace(out.begin(), out.end(), ' ', '_');
  return out;
}

}  // namespace dmem::client
