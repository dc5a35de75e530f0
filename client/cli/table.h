// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_CLI_TABLE_H_
#define DMEMD_CLIENT_CLI_TABLE_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace dmem::client {

// A table as kubectl prints it: columns are left aligned and as wide as their widest cell, two
// spaces apart, no space at the end of a line. An empty cell shows as <none>. Widths count
// characters (UTF-8).
class Table {
 public:
  explicit Table(std::vector<std::string> headers) : headers_(std::move(headers)) {}

  // REQUIRES: as many cells as there are headers.
  void AddRow(std::vector<std::string> cells);

  bool empty() const { return rows_.empty(); }

  // Ends with a new line. Without rows and headers: "".
  std::string Render(bool with_headers = true) const;

 private:
  std::vector<std::string> headers_;
  std::vector<std::vector<std::string>> rows_;
};

// One object's fields below each other: "Name:  value", values aligned. Fields with an empty value
// show as <none>.
class FieldList {
 public:
  void Add(absl::string_view name, std::string value);
  std::string Render() const;

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

// Text that others chose, safe to print: control characters and bytes that are no ASCII text or
// UTF-8 letters show as `?`, so that a label cannot move the cursor of a terminal.
std::string Printable(absl::string_view text);

// The same as one cell: white space is `_`.
std::string Cell(absl::string_view text);

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_CLI_TABLE_H_
