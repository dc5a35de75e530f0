// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "core/blob.h"

#include <string>

#include "gtest/gtest.h"

namespace dmem {
namespace {

TEST(BlobTest, HoldsAnyBytesAndIsATriviallyCopyableHandle) {
  static_assert(std::is_trivially_copyable<Blob>::value, "goes into records");
  SnapshotEpochs epochs;
  const std::string text("a\0\xff", 3);
  Blob blob = Blob::Make(text);
  const Blob copy = blob;
  EXPECT_FALSE(blob.empty());
  EXPECT_EQ(blob.view(), text);
  EXPECT_EQ(copy.view().data(), blob.view().data());
  blob.Retire(&epochs);
  EXPECT_TRUE(blob.empty());
}

TEST(BlobTest, TheEmptyTextAndTheDefaultAreTheSameAndFreeNothing) {
  SnapshotEpochs epochs;
  const uint64_t snapshot = epochs.Acquire();
  Blob made = Blob::Make(""), plain;
  EXPECT_TRUE(made.empty());
  EXPECT_EQ(made.view(), "");
  EXPECT_EQ(plain.view(), "");
  made.Retire(&epochs);
  plain.Retire(&epochs);
  EXPECT_EQ(epochs.retired(), 0u);
  epochs.Release(snapshot);
}

TEST(BlobTest, ARetiredTextIsReadableUntilTheSnapshotsThatMayHoldItAreReleased) {
  SnapshotEpochs epochs;
  Blob blob = Blob::Make("text");
  const uint64_t first = epochs.Acquire();
  const uint64_t second = epochs.Acquire();
  const Blob in_snapshots = blob;
  blob.Retire(&epochs);
  const uint64_t later = epochs.Acquire();
  EXPECT_EQ(epochs.retired(), 1u);
  epochs.Release(second);
  EXPECT_EQ(in_snapshots.view(), "text");
  EXPECT_EQ(epochs.retired(), 1u);
  epochs.Release(first);
  EXPECT_EQ(epochs.retired(), 0u) << "a snapshot taken after its end does not keep it";
  epochs.Release(later);
}

}  // namespace
}  // namespace dmem
