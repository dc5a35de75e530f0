// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "bench/replay/openb_trace.h"

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "bench/replay/csv_table.h"

namespace dmem::replay {
namespace {

constexpr int64_t kAnyTime = std::numeric_limits<int64_t>::max();
// A gang is one charge, and a charge has at most 1,000 items.
constexpr int64_t kGpusMax = 1000;

struct Model {
  const char* name;
  uint64_t gib;
};

// The trace does not say sizes, and G1 to G3 are codes for models that it does not disclose: these
// are assumptions, fixed so that everyone replays the same thing.
constexpr Model kModels[] = {{"P100", 16}, {"T4", 16}, {"V100M16", 16}, {"V100M32", 32},
                             {"A10", 24},  {"G1", 16}, {"G2", 24},      {"G3", 80}};

std::string UnknownModel(const std::string& model) {
  std::string known;
  for (const Model& each : kModels) absl::StrAppend(&known, known.empty() ? "" : ", ", each.name);
  return absl::StrCat("unknown GPU model \"", model, "\"; sizes are known of ", known);
}

}  // namespace

bool GpuTask::Allows(const std::string& model) const {
  return models.empty() || std::find(models.begin(), models.end(), model) != models.end();
}

uint64_t GpuTask::BytesOn(uint64_t capacity_bytes) const {
  if (gpus != 1) return capacity_bytes;
  const unsigned __int128 bytes =
      static_cast<unsigned __int128>(capacity_bytes) * static_cast<uint64_t>(gpu_milli) / 1000;
  return static_cast<uint64_t>(
      std::min<unsigned __int128>(bytes, std::numeric_limits<uint64_t>::max()));
}

absl::optional<uint64_t> ModelBytes(const std::string& model) {
  for (const Model& each : kModels) {
    if (model == each.name) return each.gib << 30;
  }
  return absl::nullopt;
}

absl::StatusOr<std::vector<GpuNode>> ReadGpuNodes(const std::string& path,
                                                  absl::optional<size_t> take) {
  enum Column : size_t { kSn, kGpu, kModel };
  absl::StatusOr<CsvTable> table = CsvTable::Read(path, {"sn", "gpu", "model"});
  if (!table.ok()) return table.status();

  const size_t kept = take.has_value() ? std::min(*take, table->rows()) : table->rows();
  const size_t step = kept == 0 ? 1 : table->rows() / kept;
  std::vector<GpuNode> nodes;
  std::set<std::string> names;
  for (size_t i = 0; i < kept; ++i) {
    const size_t row = i * step;
    GpuNode node;
    node.name = table->Text(row, kSn);
    if (node.name.empty()) return table->Error(row, kSn, "is empty");
    if (!names.insert(node.name).second) {
      return table->Error(row, kSn, absl::StrCat("a second node named \"", node.name, "\""));
    }
    absl::StatusOr<int64_t> gpus = table->Number(row, kGpu, 0, kGpusMax);
    if (!gpus.ok()) return gpus.status();
    if (*gpus == 0) continue;  // Lists of all nodes have those without GPUs, which have no model.
    node.gpus = static_cast<uint32_t>(*gpus);
    node.model = table->Text(row, kModel);
    const absl::optional<uint64_t> bytes = ModelBytes(node.model);
    if (!bytes.has_value()) return table->Error(row, kModel, UnknownModel(node.model));
    node.capacity_bytes = *bytes;
    nodes.push_back(std::move(node));
  }
  return nodes;
}

absl::StatusOr<std::vector<GpuTask>> ReadGpuTasks(const std::string& path) {
  enum Column : size_t {
    kName,
    kNumGpu,
    kGpuMilli,
    kGpuSpec,
    kQos,
    kCreationTime,
    kDeletionTime,
    kScheduledTime
  };
  absl::StatusOr<CsvTable> table =
      CsvTable::Read(path, {"name", "num_gpu", "gpu_milli", "gpu_spec", "qos", "creation_time",
                            "deletion_time", "scheduled_time"});
  if (!table.ok()) return table.status();

  std::vector<GpuTask> tasks;
  for (size_t row = 0; row < table->rows(); ++row) {
    absl::StatusOr<int64_t> gpus =
        table->Number(row, kNumGpu, 0, std::numeric_limits<uint32_t>::max());
    if (!gpus.ok()) return gpus.status();
    if (*gpus == 0) continue;

    GpuTask task;
    task.line = table->line(row);
    task.gpus = static_cast<uint32_t>(*gpus);
    const Column start_column =
        table->Text(row, kScheduledTime).empty() ? kCreationTime : kScheduledTime;
    absl::StatusOr<int64_t> start = table->Number(row, start_column, -kAnyTime, kAnyTime);
    if (!start.ok()) return start.status();
    task.start_seconds = *start;
    if (!table->Text(row, kDeletionTime).empty()) {
      absl::StatusOr<int64_t> end = table->Number(row, kDeletionTime, -kAnyTime, kAnyTime);
      if (!end.ok()) return end.status();
      if (*end <= *start) continue;
      task.end_seconds = *end;
    }

    if (task.gpus == 1) {
      absl::StatusOr<int64_t> milli =
          table->Number(row, kGpuMilli, 0, std::numeric_limits<int64_t>::max());
      if (!milli.ok()) return milli.status();
      task.gpu_milli = *milli;
    }
    task.name = table->Text(row, kName);
    if (task.name.empty()) return table->Error(row, kName, "is empty");
    task.qos = table->Text(row, kQos);
    if (task.qos.empty()) return table->Error(row, kQos, "is empty");
    task.first_level_cgroup = absl::StrCat("/", absl::AsciiStrToLower(task.qos));
    task.cgroup = absl::StrCat(task.first_level_cgroup, "/", task.name);
    if (const std::string& spec = table->Text(row, kGpuSpec); !spec.empty()) {
      task.models = absl::StrSplit(spec, '|');
      for (const std::string& model : task.models) {
        if (!ModelBytes(model).has_value()) return table->Error(row, kGpuSpec, UnknownModel(model));
      }
    }
    tasks.push_back(std::move(task));
  }
  return tasks;
}

}  // namespace dmem::replay
