// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEM_BENCH_REPLAY_REPORT_H_
#define DMEM_BENCH_REPLAY_REPORT_H_

#include <string>

#include "absl/time/time.h"
#include "bench/replay/replay.h"

namespace dmem::replay {

// One JSON object: tasks_placed, tasks_unplaced, charges, uncharges, resizes, live_charges,
// live_bytes, peak_bytes (an object: path to bytes) and wall_seconds. Ends with a new line.
std::string JsonReport(const Totals& totals, absl::Duration wall);

// The same for people, aligned, with byte counts also in GiB.
std::string TextReport(const Totals& totals, absl::Duration wall);

}  // namespace dmem::replay

#endif  // DMEM_BENCH_REPLAY_REPORT_H_
