// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/dmem_files/pci_device.h"

#include <filesystem>

#include "client/agent/testing/temp_directory.h"
#include "gtest/gtest.h"

namespace dmem::client {
namespace {

TEST(PciDeviceTest, TheAddressIsTheFirstComponentOfItsForm) {
  EXPECT_EQ(PciAddressIn("drm/0000:03:00.0/vram0"), "0000:03:00.0");
  EXPECT_EQ(PciAddressIn("drm/000a:C3:1f.7/vram0"), "000a:C3:1f.7");
  EXPECT_EQ(PciAddressIn("0000:03:00.0"), "0000:03:00.0");
  EXPECT_EQ(PciAddressIn("drm/0000:03:00.f/vram0"), "");
  EXPECT_EQ(PciAddressIn("drm/0000-03:00.0/vram0"), "");
  EXPECT_EQ(PciAddressIn("drm/00000:03:00.0/vram0"), "");
  EXPECT_EQ(PciAddressIn("accel/npu0"), "");
  EXPECT_EQ(PciAddressIn(""), "");
}

TEST(PciDeviceTest, WhatSysfsSaysIsRead) {
  const TempDirectory sysfs;
  const std::string device = "bus/pci/devices/0000:03:00.0/";
  sysfs.Write(device + "vendor", "0x1002\n");
  sysfs.Write(device + "device", "0x74a1\n");
  PciDevice pci = ReadPciDevice(sysfs.path(), "0000:03:00.0");
  EXPECT_EQ(pci.address, "0000:03:00.0");
  EXPECT_EQ(pci.model, "1002:74a1");
  EXPECT_EQ(pci.uuid, "");
  EXPECT_EQ(pci.token, "");

  sysfs.Write(device + "product_name", "Instinct MI300X\x01\n");
  sysfs.Write(device + "unique_id", "8a3f2c1d9e7b6054\n");
  pci = ReadPciDevice(sysfs.path(), "0000:03:00.0");
  EXPECT_EQ(pci.model, "Instinct MI300X");
  EXPECT_EQ(pci.uuid, "8a3f2c1d9e7b6054");
}

TEST(PciDeviceTest, TheTokenStaysUntilTheDriverIsBoundAnewOrTheBoardIsSwapped) {
  const TempDirectory sysfs;
  const std::string device = "bus/pci/devices/0000:03:00.0/";
  sysfs.Write(device + "unique_id", "1\n");
  sysfs.Write(device + "drm/card0/uevent", "");
  const std::string first = ReadPciDevice(sysfs.path(), "0000:03:00.0").token;
  EXPECT_EQ(ReadPciDevice(sysfs.path(), "0000:03:00.0").token, first);

  // Kept aside, so that its inode's number is not free for the new one.
  std::filesystem::rename(sysfs.path() + "/" + device + "drm", sysfs.path() + "/old");
  sysfs.Write(device + "drm/card0/uevent", "");
  const std::string second = ReadPciDevice(sysfs.path(), "0000:03:00.0").token;
  EXPECT_NE(second, first);

  sysfs.Write(device + "unique_id", "2\n");
  EXPECT_NE(ReadPciDevice(sysfs.path(), "0000:03:00.0").token, second);
}

TEST(PciDeviceTest, AnUnknownDeviceHasNothingButItsAddress) {
  const TempDirectory sysfs;
  const PciDevice pci = ReadPciDevice(sysfs.path(), "0000:03:00.0");
  EXPECT_EQ(pci.address, "0000:03:00.0");
  EXPECT_EQ(pci.model + pci.uuid + pci.token, "");
  EXPECT_EQ(ReadPciDevice(sysfs.path(), "").address, "");
}

}  // namespace
}  // namespace dmem::client
