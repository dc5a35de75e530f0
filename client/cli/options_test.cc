// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/cli/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace dmem::client {
namespace {

using ::testing::ElementsAreArray;

using Words = std::vector<std::string>;

TEST(OptionsTest, TypeNameIsSplitWhereATypeIsExpected) {
  const struct {
    Words given;
    Words split;
  } kCases[] = {
      {{}, {}},
      {{"get"}, {"get"}},
      {{"get", "regions"}, {"get", "regions"}},
      {{"get", "region/n1/gpu0"}, {"get", "region", "n1/gpu0"}},
      {{"get", "rg/a", "rg/b", "regions/c"}, {"get", "region", "a", "b", "c"}},
      {{"get", "cg/team-a"}, {"get", "cgroup", "/team-a"}},
      {{"get", "cgroup//team-a"}, {"get", "cgroup", "/team-a"}},
      {{"get", "cgroup/"}, {"get", "cgroup", "/"}},
      {{"get", "cgroup/@5"}, {"get", "cgroup", "@5"}},
      {{"describe", "pool/team-a", "n1/gpu0"}, {"describe", "pool", "/team-a", "n1/gpu0"}},
      {{"register", "region/n1/gpu0", "--capacity", "1"},
       {"register", "region", "n1/gpu0", "--capacity", "1"}},
      // Global options and their values are stepped over.
      {{"--server", "region/x:1", "-o", "json", "get", "--timeout", "1s", "ch/a"},
       {"--server", "region/x:1", "-o", "json", "get", "--timeout", "1s", "charge", "a"}},
      {{"--server=h:1", "get", "ch/a"}, {"--server=h:1", "get", "charge", "a"}},
      // With the type said, a name is taken as it is.
      {{"get", "region", "region/x"}, {"get", "region", "region/x"}},
      {{"get", "job/x"}, {"get", "job/x"}},
      {{"get", "/region"}, {"get", "/region"}},
      // Verbs of one type.
      {{"cordon", "region/n1/gpu0"}, {"cordon", "n1/gpu0"}},
      {{"uncordon", "n1/gpu0"}, {"uncordon", "n1/gpu0"}},
      {{"uncharge", "charge/a", "b", "charge/c"}, {"uncharge", "a", "b", "c"}},
      {{"uncharge", "charge/charge/a"}, {"uncharge", "charge/a"}},
      {{"resize", "charge/a", "/charge/b", "charge/c", "1"},
       {"resize", "a", "/charge/b", "charge/c", "1"}},
      // Everywhere else words are what they are: a region may be called so.
      {{"charge", "/a", "region/x", "1"}, {"charge", "/a", "region/x", "1"}},
      {{"cordon", "charge/x"}, {"cordon", "charge/x"}},
  };
  for (const auto& c : kCases) EXPECT_THAT(SplitTypeNames(c.given), ElementsAreArray(c.split));
}

}  // namespace
}  // namespace dmem::client
