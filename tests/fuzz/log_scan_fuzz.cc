// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// What is read of files that a power cut may have torn: logs of the store, and the records in them.

#include "absl/strings/string_view.h"
#include "server/store/encoding.h"
#include "server/store/log_scan.h"
#include "tests/fuzz/fail.h"
#include "tests/fuzz/fuzz_target.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  const dmem::server::LogScan scan = dmem::server::ScanLog(bytes);
  if (scan.valid_bytes > size || scan.data_bytes > size) dmem::fuzz::Fail("more than there is");
  if (scan.record_after_damage && !scan.damaged) dmem::fuzz::Fail("after no damage");
  const auto record = dmem::server::DecodeRecord(7, bytes);
  if (record.has_value() && record->record.size() + dmem::server::kRecordHeaderBytes != size) {
    dmem::fuzz::Fail("a record of another length");
  }
  (void)dmem::server::DecodeLogKey(bytes);
  (void)dmem::server::DecodeFixed64(bytes);
  return 0;
}
