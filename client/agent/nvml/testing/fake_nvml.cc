// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// A libnvidia-ml for tests, driven by the text file that the environment variable FAKE_NVML names.
// It is read anew in every call. Lines, fields separated by blanks, 0 and "" where left out:
//
//   driver VERSION
//   gpu UUID name=NAME bus=N total=N reserved=N used=N mig=1      used: without what is reserved
//   mig PARENT_UUID UUID gi=N total=N used=N
//   process UUID PID USED|na compute|graphics
//   lost UUID                     every call with the device: GPU is lost
//   fault FUNCTION CODE           every call of the function
//   dmem                          limits are the kernel's: only for cgroups with a file dmem.max
//   round N                       limits are rounded up to a multiple
//   limit UUID SOFT HARD USED DIRECTORY
//
// A limit that is set becomes such a line, and a line in FAKE_NVML.sets.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "client/agent/nvml/nvml_abi.h"

namespace {

using dmem::client::nvml::Device;
using dmem::client::nvml::Return;
namespace nvml = dmem::client::nvml;

int init_count = 0;

std::string File() {
  const char* name = std::getenv("FAKE_NVML");
  return name == nullptr ? "" : name;
}

struct Line {
  std::vector<std::string> words;
  std::string text;

  // What follows KEY= in one of the words.
  std::string Get(const std::string& key) const {
    for (const std::string& word : words) {
      if (word.compare(0, key.size() + 1, key + "=") == 0) return word.substr(key.size() + 1);
    }
    return "";
  }
  uint64_t Number(const std::string& key) const {
    return std::strtoull(Get(key).c_str(), nullptr, 10);
  }
};

std::vector<Line> Lines(const std::string& kind) {
  std::vector<Line> lines;
  std::ifstream file(File());
  for (std::string text; std::getline(file, text);) {
    Line line;
    line.text = text;
    std::istringstream words(text);
    for (std::string word; words >> word;) line.words.push_back(word);
    if (!line.words.empty() && line.words[0] == kind) lines.push_back(line);
  }
  return lines;
}

// A handle is 1 + the line's number among the gpu lines, or 1001 + that among the mig lines.
bool IsMig(Device device) { return reinterpret_cast<uintptr_t>(device) > 1000; }

Line LineOf(Device device) {
  const auto number = reinterpret_cast<uintptr_t>(device);
  const std::vector<Line> lines = Lines(IsMig(device) ? "mig" : "gpu");
  const size_t index = number - (IsMig(device) ? 1001 : 1);
  return index < lines.size() ? lines[index] : Line();
}

std::string UuidOf(Device device) {
  const Line line = LineOf(device);
  const size_t at = IsMig(device) ? 2 : 1;
  return line.words.size() > at ? line.words[at] : "";
}

Return Fault(const std::string& function) {
  for (const Line& line : Lines("fault")) {
    if (line.words.at(1) == function) return std::stoi(line.words.at(2));
  }
  if (init_count <= 0 && function != "nvmlInit_v2") return nvml::kUninitialized;
  return nvml::kSuccess;
}

Return Fault(const std::string& function, Device device) {
  if (const Return result = Fault(function); result != nvml::kSuccess) return result;
  if (UuidOf(device).empty()) return nvml::kInvalidArgument;
  for (const Line& line : Lines("lost")) {
    if (line.words.at(1) == UuidOf(device)) return nvml::kGpuIsLost;
    if (IsMig(device) && line.words.at(1) == LineOf(device).words.at(1)) return nvml::kGpuIsLost;
  }
  return nvml::kSuccess;
}

void Copy(const std::string& text, char* to, uint32_t size) {
  std::snprintf(to, size, "%s", text.c_str());
}

template <typename Info>
Return List(Device device, const std::string& kind, uint32_t* count, Info* infos) {
  uint32_t found = 0;
  const std::string uuid = UuidOf(device);
  for (const Line& line : Lines("process")) {
    if (line.words.at(1) != uuid || line.words.at(4) != kind) continue;
    if (found < *count) {
      infos[found] = Info{};
      infos[found].pid = static_cast<uint32_t>(std::stoul(line.words[2]));
      infos[found].used = line.words[3] == "na" ? nvml::kNotAvailable : std::stoull(line.words[3]);
    }
    ++found;
  }
  const bool fits = found <= *count;
  *count = found;
  return fits ? nvml::kSuccess : nvml::kInsufficientSize;
}

}  // namespace

extern "C" {

Return nvmlInit_v2() {
  const Return result = Fault("nvmlInit_v2");
  if (result == nvml::kSuccess) ++init_count;
  return result;
}

Return nvmlShutdown() {
  --init_count;
  return nvml::kSuccess;
}

const char* nvmlErrorString(Return result) {
  switch (result) {
    case nvml::kGpuIsLost:
      return "GPU is lost";
    case nvml::kNotSupported:
      return "Not Supported";
    case nvml::kDriverNotLoaded:
      return "Driver Not Loaded";
    default:
      return "Some Error";
  }
}

Return nvmlSystemGetDriverVersion(char* text, uint32_t size) {
  if (const Return r = Fault("nvmlSystemGetDriverVersion"); r != nvml::kSuccess) return r;
  const std::vector<Line> lines = Lines("driver");
  Copy(lines.empty() ? "0" : lines[0].words.at(1), text, size);
  return nvml::kSuccess;
}

Return nvmlDeviceGetCount_v2(uint32_t* count) {
  if (const Return r = Fault("nvmlDeviceGetCount_v2"); r != nvml::kSuccess) return r;
  *count = static_cast<uint32_t>(Lines("gpu").size());
  return nvml::kSuccess;
}

Return nvmlDeviceGetHandleByIndex_v2(uint32_t index, Device* device) {
  *device = reinterpret_cast<Device>(uintptr_t{index} + 1);
  return Fault("nvmlDeviceGetHandleByIndex_v2", *device);
}

Return nvmlDeviceGetUUID(Device device, char* text, uint32_t size) {
  if (const Return r = Fault("nvmlDeviceGetUUID", device); r != nvml::kSuccess) return r;
  Copy(UuidOf(device), text, size);
  return nvml::kSuccess;
}

Return nvmlDeviceGetName(Device device, char* text, uint32_t size) {
  if (const Return r = Fault("nvmlDeviceGetName", device); r != nvml::kSuccess) return r;
  Copy(LineOf(device).Get("name"), text, size);
  return nvml::kSuccess;
}

Return nvmlDeviceGetPciInfo_v3(Device device, nvml::PciInfo* info) {
  if (const Return r = Fault("nvmlDeviceGetPciInfo_v3", device); r != nvml::kSuccess) return r;
  *info = {};
  info->bus = static_cast<uint32_t>(LineOf(device).Number("bus"));
  return nvml::kSuccess;
}

Return nvmlDeviceGetMemoryInfo(Device device, nvml::Memory* memory) {
  if (const Return r = Fault("nvmlDeviceGetMemoryInfo", device); r != nvml::kSuccess) return r;
  const Line line = LineOf(device);
  memory->total = line.Number("total");
  memory->used = line.Number("used") + line.Number("reserved");
  memory->free = memory->total - memory->used;
  return nvml::kSuccess;
}

#ifdef FAKE_NVML_OLD

Return nvmlDeviceGetComputeRunningProcesses(Device device, uint32_t* count,
                                            nvml::ProcessV1* infos) {
  return List(device, "compute", count, infos);
}

Return nvmlDeviceGetGraphicsRunningProcesses(Device device, uint32_t* count,
                                             nvml::ProcessV1* infos) {
  return List(device, "graphics", count, infos);
}

#else

Return nvmlDeviceGetMemoryInfo_v2(Device device, nvml::MemoryV2* memory) {
  if (const Return r = Fault("nvmlDeviceGetMemoryInfo_v2", device); r != nvml::kSuccess) return r;
  if (memory->version != nvml::kMemoryV2Version) return nvml::kArgumentVersionMismatch;
  const Line line = LineOf(device);
  memory->total = line.Number("total");
  memory->reserved = line.Number("reserved");
  memory->used = line.Number("used");
  memory->free = memory->total - memory->used - memory->reserved;
  return nvml::kSuccess;
}

Return nvmlDeviceGetComputeRunningProcesses_v3(Device device, uint32_t* count,
                                               nvml::Process* infos) {
  const Return result = Fault("nvmlDeviceGetComputeRunningProcesses_v3", device);
  return result != nvml::kSuccess ? result : List(device, "compute", count, infos);
}

Return nvmlDeviceGetGraphicsRunningProcesses_v3(Device device, uint32_t* count,
                                                nvml::Process* infos) {
  const Return result = Fault("nvmlDeviceGetGraphicsRunningProcesses_v3", device);
  return result != nvml::kSuccess ? result : List(device, "graphics", count, infos);
}

Return nvmlDeviceGetMigMode(Device device, uint32_t* current, uint32_t* pending) {
  if (const Return r = Fault("nvmlDeviceGetMigMode", device); r != nvml::kSuccess) return r;
  const std::string mig = LineOf(device).Get("mig");
  if (mig.empty()) return nvml::kNotSupported;
  *current = *pending = mig == "1" ? 1 : 0;
  return nvml::kSuccess;
}

Return nvmlDeviceGetMaxMigDeviceCount(Device device, uint32_t* count) {
  *count = 7;
  return Fault("nvmlDeviceGetMaxMigDeviceCount", device);
}

// Index 0 is empty, so that callers see one that is not there.
Return nvmlDeviceGetMigDeviceHandleByIndex(Device device, uint32_t index, Device* mig) {
  const Return result = Fault("nvmlDeviceGetMigDeviceHandleByIndex", device);
  if (result != nvml::kSuccess) return result;
  const std::vector<Line> lines = Lines("mig");
  uint32_t next = 1;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].words.at(1) != UuidOf(device) || next++ != index) continue;
    *mig = reinterpret_cast<Device>(uintptr_t{1001} + i);
    return nvml::kSuccess;
  }
  return nvml::kNotFound;
}

Return nvmlDeviceGetGpuInstanceId(Device device, uint32_t* id) {
  if (const Return r = Fault("nvmlDeviceGetGpuInstanceId", device); r != nvml::kSuccess) return r;
  *id = static_cast<uint32_t>(LineOf(device).Number("gi"));
  return nvml::kSuccess;
}

#endif  // FAKE_NVML_OLD

#ifdef FAKE_NVML_LIMITS

namespace {

bool Exists(const std::string& path) { return static_cast<bool>(std::ifstream(path)); }

std::string DirectoryOf(const Line& line) {
  return line.words.size() < 6 ? "" : line.text.substr(line.text.find(line.words[5]));
}

}  // namespace

Return nvmlDeviceGetMemoryLimits_v1(Device device, nvml::GetLimits* limits) {
  const Return result = Fault("nvmlDeviceGetMemoryLimits_v1", device);
  if (result != nvml::kSuccess) return result;
  if (IsMig(device)) return nvml::kNotSupported;
  std::string directory = limits->name_space;
  const bool dmem = !Lines("dmem").empty();
  while (!directory.empty()) {
    for (const Line& line : Lines("limit")) {
      if (line.words.at(1) != UuidOf(device) || DirectoryOf(line) != directory) continue;
      limits->soft = std::stoull(line.words[2]);
      limits->hard = std::stoull(line.words[3]);
      limits->used = std::stoull(line.words[4]);
      return nvml::kSuccess;
    }
    if (dmem && Exists(directory + "/dmem.max")) {
      limits->soft = limits->used = 0;
      limits->hard = nvml::kLimitMax;
      return nvml::kSuccess;
    }
    directory.resize(directory.rfind('/'));
  }
  return dmem ? nvml::kNotFound : nvml::kNotSupported;
}

Return nvmlDeviceSetMemoryLimits_v1(Device device, nvml::SetLimits* limits) {
  const std::string text = UuidOf(device) + " " + std::to_string(limits->soft) + " " +
                           std::to_string(limits->hard) + " " + limits->name_space;
  std::ofstream(File() + ".sets", std::ios::app) << text << "\n";
  const Return result = Fault("nvmlDeviceSetMemoryLimits_v1", device);
  if (result != nvml::kSuccess) return result;
  if (IsMig(device)) return nvml::kNotSupported;
  const std::string directory = limits->name_space;
  if (!Exists(directory + "/.")) return nvml::kNotFound;
  if (!Lines("dmem").empty() && !Exists(directory + "/dmem.max")) return nvml::kNotFound;

  uint64_t hard = limits->hard;
  if (const std::vector<Line> round = Lines("round"); !round.empty() && hard != nvml::kLimitMax) {
    const uint64_t unit = std::stoull(round[0].words.at(1));
    hard = (hard + unit - 1) / unit * unit;
  }
  std::string kept;
  uint64_t used = 0;
  std::ifstream file(File());
  for (std::string line; std::getline(file, line);) {
    std::istringstream stream(line);
    Line parsed;
    parsed.text = line;
    for (std::string word; stream >> word;) parsed.words.push_back(word);
    if (parsed.words.size() >= 6 && parsed.words[0] == "limit" &&
        parsed.words[1] == UuidOf(device) && DirectoryOf(parsed) == directory) {
      used = std::stoull(parsed.words[4]);
    } else {
      kept += line + "\n";
    }
  }
  kept += "limit " + UuidOf(device) + " " + std::to_string(limits->soft) + " " +
          std::to_string(hard) + " " + std::to_string(used) + " " + directory + "\n";
  std::ofstream(File(), std::ios::trunc) << kept;
  return nvml::kSuccess;
}

#endif  // FAKE_NVML_LIMITS

}  // extern "C"
