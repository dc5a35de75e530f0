// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/loop/incarnations.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "client/agent/config/about_key.h"
#include "client/agent/read_file.h"
#include "client/agent/write_file.h"

namespace dmem::client {
namespace {

constexpr uint64_t kResetsPerBoot = 1000;
constexpr size_t kFileBytesMax = 1 << 20;

absl::StatusOr<uint64_t> BootSeconds(const std::string& proc_root) {
  const std::string path = absl::StrCat(proc_root, "/stat");
  const absl::StatusOr<std::string> text = ReadSmallFile(path, 16 << 20);
  if (!text.ok()) return text.status();
  for (absl::string_view line : absl::StrSplit(*text, '\n')) {
    uint64_t seconds = 0;
    if (absl::ConsumePrefix(&line, "btime ") && absl::SimpleAtoi(line, &seconds) && seconds > 0)
      return seconds;
  }
  return absl::DataLossError(absl::StrCat(path, " has no line \"btime SECONDS\""));
}

}  // namespace

absl::StatusOr<Incarnations> Incarnations::Load(const std::string& proc_root,
                                                const std::string& state_dir) {
  const absl::StatusOr<uint64_t> boot = BootSeconds(proc_root);
  if (!boot.ok()) return AboutKey("proc_root", proc_root, boot.status());
  const absl::StatusOr<std::string> id =
      ReadSmallFile(absl::StrCat(proc_root, "/sys/kernel/random/boot_id"), 1 << 10);
  const std::string boot_id(absl::StripAsciiWhitespace(id.value_or("")));
  Incarnations incarnations(*boot, boot_id.empty() ? "-" : boot_id,
                            absl::StrCat(state_dir, "/incarnations"));
  incarnations.Read();
  return incarnations;
}

uint64_t Incarnations::Of(const Device& device) {
  const auto [it, is_new] = seen_.try_emplace(device.region);
  Seen& seen = it->second;
  const bool has_token = !device.token.empty() && seen.token != device.token;
  const bool is_other = has_token && !seen.token.empty();
  const bool works_again = seen.has_failed && !device.failed;
  if (is_new || has_token || seen.has_failed != device.failed) is_kept_ = false;
  if (is_other || works_again) ++seen.resets;
  if (has_token) seen.token = device.token;
  seen.has_failed = device.failed;
  Keep();
  return boot_seconds_ * kResetsPerBoot + seen.resets;
}

void Incarnations::AtLeast(const std::string& region, uint64_t incarnation) {
  if (incarnation / kResetsPerBoot != boot_seconds_) return;
  Seen& seen = seen_[region];
  if (seen.resets >= incarnation % kResetsPerBoot) return;
  seen.resets = incarnation % kResetsPerBoot;
  is_kept_ = false;
  Keep();
}

void Incarnations::Keep() {
  if (is_kept_) return;
  status_ = Write();
  is_kept_ = status_.ok();
}

// A line "boot", which boot it was, and its time; then one for each region: boot time, region,
// resets, whether it has failed, token (= and hexadecimal). What cannot be read counts for nothing,
// as if the file were lost.
void Incarnations::Read() {
  const absl::StatusOr<std::string> text = ReadSmallFile(file_, kFileBytesMax);
  if (!text.ok()) return;
  for (const absl::string_view line : absl::StrSplit(*text, '\n')) {
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ');
    uint64_t boot = 0;
    if (words.size() == 3 && words[0] == "boot" && absl::SimpleAtoi(words[2], &boot)) {
      ReadBoot(words[1], boot);
      continue;
    }
    Seen seen;
    if (words.size() != 5 || !absl::SimpleAtoi(words[0], &boot) || boot != boot_seconds_ ||
        !absl::SimpleAtoi(words[2], &seen.resets) || seen.resets >= kResetsPerBoot) {
      continue;
    }
    seen.token = absl::HexStringToBytes(absl::StripPrefix(words[4], "="));
    seen.has_failed = words[3] == "failed";
    seen_[std::string(words[1])] = seen;
  }
}

// Of the same boot the number stays; of an earlier one it grows, whatever the clock says.
void Incarnations::ReadBoot(absl::string_view id, uint64_t seconds) {
  if (boot_id_ == "-" || id == "-") return;
  if (id == boot_id_) {
    boot_seconds_ = seconds;
    is_kept_ = true;
  } else {
    boot_seconds_ = std::max(boot_seconds_, seconds + 1);
  }
}

absl::Status Incarnations::Write() const {
  std::string text = absl::StrCat("boot ", boot_id_, " ", boot_seconds_, "\n");
  for (const auto& [region, seen] : seen_) {
    absl::StrAppend(&text, boot_seconds_, " ", region, " ", seen.resets, " ",
                    seen.has_failed ? "failed" : "works", " ", "=",
                    absl::BytesToHexString(seen.token), "\n");
  }
  return WriteWholeFile(file_, text);
}

}  // namespace dmem::client
