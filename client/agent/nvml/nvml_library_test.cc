// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/nvml/nvml_library.h"

#include <memory>
#include <string>

#include "client/agent/nvml/testing/fake_nvml_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace dmem::client {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class NvmlLibraryTest : public ::testing::Test {
 protected:
  NvmlLibraryTest() {
    file_.Set(
        "driver 615.10\n"
        "gpu GPU-1 name=H100 bus=3 total=1000 reserved=100 used=250\n");
  }
  void Load(const std::string& path) {
    auto library = NvmlLibrary::Load(path);
    ASSERT_TRUE(library.ok()) << library.status();
    library_ = *std::move(library);
    device_ = *library_->DeviceAt(0);
  }

  FakeNvmlFile file_;
  std::unique_ptr<NvmlLibrary> library_;
  nvml::Device device_ = nullptr;
};

TEST_F(NvmlLibraryTest, ALibraryThatIsNotThereIsUnavailable) {
  const auto library = NvmlLibrary::Load("libnot-there.so.1");
  EXPECT_TRUE(absl::IsUnavailable(library.status()));
  EXPECT_THAT(std::string(library.status().message()), HasSubstr("libnot-there.so.1"));
}

TEST_F(NvmlLibraryTest, ALibraryThatIsNoNvmlIsUnavailable) {
  const auto library = NvmlLibrary::Load("libm.so.6");
  EXPECT_TRUE(absl::IsUnavailable(library.status()));
  EXPECT_THAT(std::string(library.status().message()), HasSubstr("libm.so.6 is no NVML"));
}

TEST_F(NvmlLibraryTest, AnErrorSaysTheFunctionAndNvmlsWordsAndNumber) {
  file_.Add("fault nvmlInit_v2 9");
  const auto library = NvmlLibrary::Load(FakeNvmlFile::Library());
  EXPECT_EQ(library.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(library.status().message(), "nvmlInit_v2: Driver Not Loaded (9)");
}

TEST_F(NvmlLibraryTest, EachOfNvmlsErrorsHasItsCode) {
  Load(FakeNvmlFile::Library());
  const struct {
    nvml::Return result;
    absl::StatusCode code;
  } rows[] = {
      {nvml::kUninitialized, absl::StatusCode::kFailedPrecondition},
      {nvml::kInvalidArgument, absl::StatusCode::kInvalidArgument},
      {nvml::kNotSupported, absl::StatusCode::kUnimplemented},
      {nvml::kNoPermission, absl::StatusCode::kPermissionDenied},
      {nvml::kNotFound, absl::StatusCode::kNotFound},
      {nvml::kFunctionNotFound, absl::StatusCode::kUnimplemented},
      {nvml::kGpuIsLost, absl::StatusCode::kDataLoss},
      {nvml::kResetRequired, absl::StatusCode::kDataLoss},
      {nvml::kLibRmVersionMismatch, absl::StatusCode::kFailedPrecondition},
      {nvml::kArgumentVersionMismatch, absl::StatusCode::kUnimplemented},
      {nvml::kUnknown, absl::StatusCode::kUnavailable},
      {12345, absl::StatusCode::kUnavailable},
  };
  for (const auto& row : rows) {
    file_.Set("gpu GPU-1\nfault nvmlDeviceGetName " + std::to_string(row.result) + "\n");
    EXPECT_EQ(library_->Name(device_).status().code(), row.code) << row.result;
  }
}

TEST_F(NvmlLibraryTest, UsedMemoryHasTheReservedInItWithEitherFunction) {
  Load(FakeNvmlFile::Library());
  auto memory = library_->Memory(device_);
  ASSERT_TRUE(memory.ok());
  EXPECT_EQ(memory->total_bytes, 1000u);
  EXPECT_EQ(memory->used_bytes, 350u);
  EXPECT_EQ(memory->reserved_bytes, 100u);

  file_.Add("fault nvmlDeviceGetMemoryInfo_v2 25");  // Version mismatch: the first one answers.
  memory = library_->Memory(device_);
  ASSERT_TRUE(memory.ok());
  EXPECT_EQ(memory->used_bytes, 350u);
  EXPECT_EQ(memory->reserved_bytes, std::nullopt);
}

TEST_F(NvmlLibraryTest, AnOldDriverHasDevicesMemoryAndProcesses) {
  file_.Add("process GPU-1 42 7 compute");
  Load(FakeNvmlFile::OldLibrary());
  EXPECT_EQ(*library_->DriverVersion(), "615.10");
  EXPECT_EQ(*library_->Uuid(device_), "GPU-1");
  EXPECT_EQ(*library_->PciAddress(device_), "0000:03:00.0");
  EXPECT_EQ(library_->Memory(device_)->used_bytes, 350u);
  EXPECT_EQ(library_->Memory(device_)->reserved_bytes, std::nullopt);
  EXPECT_FALSE(*library_->IsMigEnabled(device_));
  const auto processes = library_->Processes(device_);
  ASSERT_THAT(*processes, SizeIs(1));
  EXPECT_EQ((*processes)[0].pid, 42);
  EXPECT_EQ((*processes)[0].used_bytes, 7u);
  EXPECT_FALSE(library_->HasLimits());
  EXPECT_TRUE(absl::IsUnimplemented(library_->Limits(device_, "/").status()));
  EXPECT_TRUE(absl::IsUnimplemented(library_->SetLimits(device_, "/", 0, 1)));
}

TEST_F(NvmlLibraryTest, AProcessThatComputesAndDrawsCountsOnce) {
  file_.Add("process GPU-1 42 70 compute");
  file_.Add("process GPU-1 42 70 graphics");
  file_.Add("process GPU-1 7 na compute");
  file_.Add("process GPU-1 8 na compute");
  file_.Add("process GPU-1 8 5 graphics");
  Load(FakeNvmlFile::Library());
  const auto processes = library_->Processes(device_);
  ASSERT_THAT(*processes, SizeIs(3));
  EXPECT_EQ((*processes)[0].pid, 7);
  EXPECT_EQ((*processes)[0].used_bytes, std::nullopt);
  EXPECT_EQ((*processes)[1].pid, 8);
  EXPECT_EQ((*processes)[1].used_bytes, 5u);
  EXPECT_EQ((*processes)[2].pid, 42);
  EXPECT_EQ((*processes)[2].used_bytes, 70u);
}

TEST_F(NvmlLibraryTest, MoreProcessesThanThereWasRoomForAreAllListed) {
  std::string lines = "gpu GPU-1\n";
  for (int pid = 1; pid <= 1000; ++pid) {
    lines += "process GPU-1 " + std::to_string(pid) + " 5 compute\n";
  }
  file_.Set(lines);
  Load(FakeNvmlFile::Library());
  EXPECT_THAT(*library_->Processes(device_), SizeIs(1000));
}

TEST_F(NvmlLibraryTest, ADeviceThatCannotDrawListsThoseThatCompute) {
  file_.Add("process GPU-1 42 70 compute");
  file_.Add("fault nvmlDeviceGetGraphicsRunningProcesses_v3 3");
  Load(FakeNvmlFile::Library());
  EXPECT_THAT(*library_->Processes(device_), SizeIs(1));
  file_.Replace("_v3 3", "_v3 999");  // Any other error: the list would not be whole.
  EXPECT_TRUE(absl::IsUnavailable(library_->Processes(device_).status()));
}

TEST_F(NvmlLibraryTest, MigDevicesAreThoseThatExistAmongThoseThatCould) {
  file_.Set(
      "gpu GPU-1 mig=1\n"
      "mig GPU-1 MIG-a gi=1 total=10\nmig GPU-1 MIG-b gi=2 total=20\nmig GPU-2 MIG-c gi=1\n");
  Load(FakeNvmlFile::Library());
  EXPECT_TRUE(*library_->IsMigEnabled(device_));
  const auto devices = library_->MigDevices(device_);
  ASSERT_THAT(*devices, SizeIs(2));
  EXPECT_EQ(*library_->Uuid((*devices)[0]), "MIG-a");
  EXPECT_EQ(*library_->GpuInstanceId((*devices)[1]), 2u);
  EXPECT_EQ(library_->Memory((*devices)[1])->total_bytes, 20u);
}

}  // namespace
}  // namespace dmem::client
