// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/dmem_files/pci_device.h"

#include <sys/stat.h>

#include <algorithm>
#include <fstream>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace dmem::client {
namespace {

// The first line, without what is not printable, at most 128 bytes.
std::string FirstLine(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  char buffer[129] = {};
  file.getline(buffer, sizeof(buffer));
  std::string line(absl::StripAsciiWhitespace(buffer));
  line.erase(
      std::remove_if(line.begin(), line.end(), [](char c) { return !absl::ascii_isprint(c); }),
      line.end());
  return line;
}

}  // namespace

std::string PciAddressIn(absl::string_view region) {
  constexpr absl::string_view kForm = "xxxx:xx:xx.d";
  for (const absl::string_view part : absl::StrSplit(region, '/')) {
    if (part.size() != kForm.size()) continue;
    bool fits = true;
    for (size_t i = 0; i < part.size(); ++i) {
      if (kForm[i] == 'x') {
        fits &= absl::ascii_isxdigit(part[i]);
      } else if (kForm[i] == 'd') {
        fits &= absl::ascii_isdigit(part[i]);
      } else {
        fits &= part[i] == kForm[i];
      }
    }
    if (fits) return std::string(part);
  }
  return "";
}

PciDevice ReadPciDevice(const std::string& sysfs_root, const std::string& address) {
  PciDevice device;
  device.address = address;
  if (address.empty()) return device;
  const std::string directory = absl::StrCat(sysfs_root, "/bus/pci/devices/", address);
  device.model = FirstLine(directory + "/product_name");
  if (device.model.empty()) {
    std::string vendor = FirstLine(directory + "/vendor");
    std::string product = FirstLine(directory + "/device");
    if (!vendor.empty() && !product.empty()) {
      device.model =
          absl::StrCat(absl::StripPrefix(vendor, "0x"), ":", absl::StripPrefix(product, "0x"));
    }
  }
  device.uuid = FirstLine(directory + "/unique_id");
  // The driver makes this directory when it takes the device; sysfs never reuses an inode's number
  // while it runs.
  struct stat drm;
  if (::stat((directory + "/drm").c_str(), &drm) == 0) {
    device.token = absl::StrCat(drm.st_ino, "/", device.uuid);
  } else {
    device.token = device.uuid;
  }
  return device;
}

}  // namespace dmem::client
