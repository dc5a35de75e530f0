// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEM_BENCH_REPLAY_CSV_TABLE_H_
#define DMEM_BENCH_REPLAY_CSV_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace dmem::replay {

// The wanted columns of a CSV file (RFC 4180: fields may be quoted, "" within quotes is a quote,
// lines end in LF or CRLF), all rows in memory. The first line names the columns; they may come in
// any order, and others are ignored. Blank lines are skipped.
//
// Thread safety: const methods may be called concurrently.
class CsvTable {
 public:
  // Reads a file. Errors: NOT_FOUND or the system's reason where it cannot be read;
  // INVALID_ARGUMENT naming file, line and column where it is no CSV, lacks a column, has one
  // twice, or where a row has not as many fields as the header.
  static absl::StatusOr<CsvTable> Read(const std::string& path,
                                       const std::vector<std::string>& columns);

  // The same of text; `name` stands for the file in errors.
  static absl::StatusOr<CsvTable> Parse(absl::string_view name, absl::string_view text,
                                        const std::vector<std::string>& columns);

  size_t rows() const { return lines_.size(); }

  // The line (from 1) on which a row begins.
  size_t line(size_t row) const { return lines_[row]; }

  // `column` is an index into the wanted columns. REQUIRES: row < rows().
  const std::string& Text(size_t row, size_t column) const {
    return fields_[row * columns_.size() + column];
  }

  // A whole number; a fraction of zeros ("17.0") is one. Errors: INVALID_ARGUMENT naming the place,
  // for anything else and for a number outside [min, max].
  absl::StatusOr<int64_t> Number(size_t row, size_t column, int64_t min, int64_t max) const;

  // INVALID_ARGUMENT: FILE:LINE: column "NAME": WHAT.
  absl::Status Error(size_t row, size_t column, absl::string_view what) const;

 private:
  class Parser;

  std::string name_;
  std::vector<std::string> columns_;
  std::vector<std::string> fields_;  // Row by row, columns_.size() each.
  std::vector<size_t> lines_;
};

}  // namespace dmem::replay

#endif  // DMEM_BENCH_REPLAY_CSV_TABLE_H_
