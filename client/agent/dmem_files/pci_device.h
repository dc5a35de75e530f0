// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_DMEM_FILES_PCI_DEVICE_H_
#define DMEMD_CLIENT_AGENT_DMEM_FILES_PCI_DEVICE_H_

#include <string>

#include "absl/strings/string_view.h"

namespace dmem::client {

// What sysfs says about a PCI device. Empty where it does not say.
struct PciDevice {
  std::string address;  // 0000:03:00.0
  std::string model;    // Its product_name, else vendor:device in hexadecimal.
  std::string uuid;     // amdgpu's unique_id.
  // Changes when the driver is bound to the device anew, with another board, and with a reboot.
  std::string token;
};

// The first component of a region's name that is a PCI address: drm/0000:03:00.0/vram0. Empty
// without one.
std::string PciAddressIn(absl::string_view region);

// Reads `sysfs_root`/bus/pci/devices/`address`. What cannot be read stays empty.
PciDevice ReadPciDevice(const std::string& sysfs_root, const std::string& address);

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_DMEM_FILES_PCI_DEVICE_H_
