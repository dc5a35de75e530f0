// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Blob: an immutable string on the heap that records can hold.

#ifndef CORE_BLOB_H_
#define CORE_BLOB_H_

#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "absl/strings/string_view.h"
#include "core/check.h"
#include "core/cow_table.h"

namespace dmem {

// A handle; trivially copyable, so that it fits in a CowTable. One allocation of the length plus 4
// bytes; none for the empty string. Freed with Retire, by the table's owner, once no record holds
// it.
class Blob {
 public:
  Blob() = default;
  // REQUIRES: text is shorter than 2^32 bytes.
  static Blob Make(absl::string_view text) {
    Blob blob;
    if (text.empty()) return blob;
    blob.data_ = static_cast<char*>(std::malloc(sizeof(uint32_t) + text.size()));
    DMEM_CHECK(blob.data_ != nullptr);
    const uint32_t size = static_cast<uint32_t>(text.size());
    std::memcpy(blob.data_, &size, sizeof(size));
    std::memcpy(blob.data_ + sizeof(size), text.data(), text.size());
    return blob;
  }

  bool empty() const { return data_ == nullptr; }
  absl::string_view view() const {
    if (data_ == nullptr) return absl::string_view();
    uint32_t size;
    std::memcpy(&size, data_, sizeof(size));
    return absl::string_view(data_ + sizeof(size), size);
  }

  // Frees the text as soon as no snapshot can read it, and empties this handle.
  void Retire(SnapshotEpochs* epochs) {
    if (data_ == nullptr) return;
    // When it was made is not known, so whatever snapshot lives now may read it.
    epochs->Retire(/*birth_epoch=*/0, data_, std::free);
    data_ = nullptr;
  }

 private:
  char* data_ = nullptr;
};

}  // namespace dmem

#endif  // CORE_BLOB_H_
