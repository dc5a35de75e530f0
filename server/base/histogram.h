// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef SERVER_BASE_HISTOGRAM_H_
#define SERVER_BASE_HISTOGRAM_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace dmem::server {

// Counts of observations by size, in buckets whose upper bounds double. Observing takes no lock:
// a scrape that runs at the same time may see an observation's count and not yet its sum.
//
// Thread-safe.
class Histogram {
 public:
  static constexpr size_t kBuckets = 20;

  struct Values {
    std::vector<uint64_t> cumulative;  // By bucket, observations up to its bound.
    uint64_t count = 0;
    uint64_t sum = 0;
  };

  // Bucket i holds observations up to first_bound << i; what is larger counts in no bucket but in
  // `count`. REQUIRES: first_bound > 0.
  explicit Histogram(uint64_t first_bound) : first_bound_(first_bound) {}

  void Observe(uint64_t value) {
    size_t bucket = 0;
    while (bucket < kBuckets && value > Bound(bucket)) ++bucket;
    counts_[bucket].fetch_add(1, std::memory_order_relaxed);
    sum_.fetch_add(value, std::memory_order_relaxed);
  }

  uint64_t Bound(size_t bucket) const { return first_bound_ << bucket; }

  Values Read() const {
    Values values;
    for (size_t i = 0; i <= kBuckets; ++i) {
      values.count += counts_[i].load(std::memory_order_relaxed);
      if (i < kBuckets) values.cumulative.push_back(values.count);
    }
    values.sum = sum_.load(std::memory_order_relaxed);
    return values;
  }

 private:
  const uint64_t first_bound_;
  std::array<std::atomic<uint64_t>, kBuckets + 1> counts_{};
  std::atomic<uint64_t> sum_{0};
};

}  // namespace dmem::server

#endif  // SERVER_BASE_HISTOGRAM_H_
