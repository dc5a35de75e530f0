// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/gate_help.h"

#include <yaml-cpp/yaml.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace dmem::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string TextOf(const char* file) {
  std::ifstream stream(file);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

TEST(GateHelpTest, TheExampleIsThatOfTheDocs) {
  EXPECT_THAT(TextOf("docs/agent.md"), HasSubstr(std::string("```yaml\n") + kGatedPod + "```\n"));
}

TEST(GateHelpTest, TheExampleWaitsInTheDirectoryThatItMounts) {
  const YAML::Node spec = YAML::Load(kGatedPod)["spec"];
  const YAML::Node waits = spec["initContainers"][0];
  const YAML::Node mount = waits["volumeMounts"][0];
  const YAML::Node volume = spec["volumes"][0];
  EXPECT_THAT(waits["command"].as<std::vector<std::string>>(),
              ElementsAre("dmem-agent", "gate", "$(POD_UID)", "--dir",
                          mount["mountPath"].as<std::string>(), "--timeout", "600"));
  EXPECT_EQ(waits["env"][0]["name"].as<std::string>(), "POD_UID");
  EXPECT_EQ(waits["env"][0]["valueFrom"]["fieldRef"]["fieldPath"].as<std::string>(),
            "metadata.uid");
  EXPECT_EQ(mount["name"].as<std::string>(), volume["name"].as<std::string>());
  EXPECT_THAT(TextOf("docs/agent-configuration.md"),
              HasSubstr("\ngate_dir: " + volume["hostPath"]["path"].as<std::string>() + "\n"));
}

}  // namespace
}  // namespace dmem::client
