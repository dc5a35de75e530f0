// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "bench/replay/csv_table.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace dmem::replay {

// One pass over the text, a record at a time.
class CsvTable::Parser {
 public:
  Parser(absl::string_view name, absl::string_view text) : name_(name), text_(text) {
    absl::ConsumePrefix(&text_, "\xEF\xBB\xBF");  // The byte-order mark that spreadsheets write.
  }

  // The next record that is not a blank line; empty at the end of the text.
  absl::StatusOr<std::vector<std::string>> Next() {
    while (absl::ConsumePrefix(&text_, "\n") || absl::ConsumePrefix(&text_, "\r\n")) {
      ++line_;
    }
    record_line_ = line_;
    std::vector<std::string> fields;
    while (!text_.empty()) {
      fields.emplace_back();
      const bool quoted = absl::StartsWith(text_, "\"");
      if (absl::Status status = quoted ? Quoted(&fields.back()) : Plain(&fields.back());
          !status.ok()) {
        return status;
      }
      if (absl::ConsumePrefix(&text_, ",")) {
        if (text_.empty()) fields.emplace_back();  // The last field of the last line is empty.
        continue;
      }
      if (absl::ConsumePrefix(&text_, "\r\n") || absl::ConsumePrefix(&text_, "\n")) ++line_;
      break;
    }
    return fields;
  }

  // Where the record that Next() returned begins.
  size_t record_line() const { return record_line_; }

  absl::Status Error(absl::string_view what) const {
    return absl::InvalidArgumentError(absl::StrCat(name_, ":", line_, ": ", what));
  }

 private:
  absl::Status Plain(std::string* field) {
    size_t end = std::min(text_.find_first_of(",\n"), text_.size());
    if (end < text_.size() && text_[end] == '\n' && end > 0 && text_[end - 1] == '\r') --end;
    *field = std::string(text_.substr(0, end));
    if (absl::StrContains(*field, '"')) {
      return Error(absl::StrCat("a quote within the unquoted field ", *field));
    }
    text_.remove_prefix(end);
    return absl::OkStatus();
  }

  absl::Status Quoted(std::string* field) {
    const size_t opened = line_;
    text_.remove_prefix(1);
    while (true) {
      const size_t end = text_.find('"');
      if (end == absl::string_view::npos) {
        line_ = opened;
        return Error("the quote opened here is never closed");
      }
      line_ += static_cast<size_t>(std::count(text_.begin(), text_.begin() + end, '\n'));
      absl::StrAppend(field, text_.substr(0, end));
      text_.remove_prefix(end + 1);
      if (!absl::ConsumePrefix(&text_, "\"")) break;
      field->push_back('"');
    }
    if (!text_.empty() && text_[0] != ',' && text_[0] != '\n' && !absl::StartsWith(text_, "\r\n")) {
      return Error(absl::StrCat("text after the closing quote of the field ", *field));
    }
    return absl::OkStatus();
  }

  absl::string_view name_;
  absl::string_view text_;  // What is left.
  size_t line_ = 1;
  size_t record_line_ = 1;
};

absl::StatusOr<CsvTable> CsvTable::Read(const std::string& path,
                                        const std::vector<std::string>& columns) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) {
    const int error = errno;
    // An empty file sets failbit on `text` without an error.
    if (!file || file.peek() != std::ifstream::traits_type::eof()) {
      return absl::ErrnoToStatus(error, absl::StrCat("cannot read ", path));
    }
  }
  return Parse(path, text.str(), columns);
}

absl::StatusOr<CsvTable> CsvTable::Parse(absl::string_view name, absl::string_view text,
                                         const std::vector<std::string>& columns) {
  Parser parser(name, text);
  absl::StatusOr<std::vector<std::string>> header = parser.Next();
  if (!header.ok()) return header.status();
  const std::string at_header = absl::StrCat(name, ":", parser.record_line(), ": ");
  std::vector<size_t> wanted;
  for (const std::string& column : columns) {
    const auto found = std::find(header->begin(), header->end(), column);
    if (found == header->end()) {
      return absl::InvalidArgumentError(absl::StrCat(at_header, "no column \"", column, "\""));
    }
    if (std::find(found + 1, header->end(), column) != header->end()) {
      return absl::InvalidArgumentError(absl::StrCat(at_header, "column \"", column, "\" twice"));
    }
    wanted.push_back(static_cast<size_t>(found - header->begin()));
  }

  CsvTable table;
  table.name_ = std::string(name);
  table.columns_ = columns;
  while (true) {
    absl::StatusOr<std::vector<std::string>> record = parser.Next();
    if (!record.ok()) return record.status();
    if (record->empty()) return table;
    if (record->size() != header->size()) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, ":", parser.record_line(), ": ", record->size(),
                       " fields where the header has ", header->size()));
    }
    for (size_t index : wanted) table.fields_.push_back(std::move((*record)[index]));
    table.lines_.push_back(parser.record_line());
  }
}

absl::StatusOr<int64_t> CsvTable::Number(size_t row, size_t column, int64_t min,
                                         int64_t max) const {
  const std::string& text = Text(row, column);
  absl::string_view digits = text;
  // Data frames write whole numbers as "17.0" in a column where some are missing.
  if (const size_t point = digits.find('.'); point != absl::string_view::npos) {
    const absl::string_view fraction = digits.substr(point + 1);
    if (!fraction.empty() && fraction.find_first_not_of('0') == absl::string_view::npos) {
      digits = digits.substr(0, point);
    }
  }
  absl::string_view magnitude = digits;
  absl::ConsumePrefix(&magnitude, "-");
  int64_t value = 0;
  if (magnitude.empty() || magnitude.find_first_not_of("0123456789") != absl::string_view::npos ||
      !absl::SimpleAtoi(digits, &value) || value < min || value > max) {
    return Error(row, column,
                 absl::StrCat("\"", text, "\" is not a whole number from ", min, " to ", max));
  }
  return value;
}

absl::Status CsvTable::Error(size_t row, size_t column, absl::string_view what) const {
  return absl::InvalidArgumentError(
      absl::StrCat(name_, ":", line(row), ": column \"", columns_[column], "\": ", what));
}

}  // namespace dmem::replay
