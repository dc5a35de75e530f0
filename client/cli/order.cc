// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/cli/order.h"

#include <algorithm>

namespace dmem::client {
namespace {

bool IsDying(absl::string_view cgroup) { return !cgroup.empty() && cgroup[0] == '@'; }

}  // namespace

bool CgroupLess(absl::string_view a, absl::string_view b) {
  if (IsDying(a) != IsDying(b)) return IsDying(b);
  if (IsDying(a) && a.size() != b.size()) return a.size() < b.size();
  // No component has a character below '/' that is not a sibling's: taking the separator as the
  // lowest of all puts a cgroup's descendants right after it.
  const auto rank = [](char c) { return c == '/' ? 0 : static_cast<unsigned char>(c) + 1; };
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(),
                                      [&rank](char x, char y) { return rank(x) < rank(y); });
}

}  // namespace dmem::client
