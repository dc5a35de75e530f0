// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// The kernel's text: what people write into limit files, and what the kernel's own files say.

#include <string>

#include "absl/strings/str_cat.h"
#include "client/agent/dmem_files/region_lines.h"
#include "core/limit_text.h"
#include "tests/fuzz/fail.h"
#include "tests/fuzz/fuzz_target.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const absl::StatusOr<dmem::LimitLine> line = dmem::ParseLimitLine(text);
  if (line.ok()) {
    const std::string written = absl::StrCat(line->region, " ", dmem::FormatLimit(line->value));
    const absl::StatusOr<dmem::LimitLine> again = dmem::ParseLimitLine(written);
    if (!again.ok() || again->region != line->region || again->value != line->value) {
      dmem::fuzz::Fail("read as something else again: " + written);
    }
  } else if (!absl::IsInvalidArgument(line.status())) {
    dmem::fuzz::Fail(line.status().ToString());
  }
  const dmem::client::RegionLines lines = dmem::client::ParseRegionLines(text);
  for (const auto& [region, value] : lines.values) {
    if (lines.Find(region) != value) dmem::fuzz::Fail("not found: " + region);
  }
  return 0;
}
