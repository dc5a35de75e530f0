// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEM_BENCH_REPLAY_PROGRESS_BAR_H_
#define DMEM_BENCH_REPLAY_PROGRESS_BAR_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <ostream>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace dmem::replay {

// Shows how far a replay is. On a terminal one line that is redrawn, at most ten times a second;
// elsewhere a line for each tenth of a phase.
class ProgressBar {
 public:
  enum class Style { kTerminal, kLines };

  // `out` must outlive this.
  ProgressBar(Style style, std::function<absl::Time()> clock, std::ostream* out);

  // `done` of `total` of a phase; done never shrinks within one, and a phase ends with done =
  // total.
  void Update(absl::string_view phase, size_t done, size_t total, uint64_t live);

 private:
  std::string Line(size_t done, size_t total, uint64_t live) const;

  const Style style_;
  const std::function<absl::Time()> clock_;
  std::ostream& out_;
  std::string phase_;
  absl::Time phase_began_;
  absl::Time drawn_;
  size_t tenths_ = 0;  // Of the phase, printed.
};

}  // namespace dmem::replay

#endif  // DMEM_BENCH_REPLAY_PROGRESS_BAR_H_
