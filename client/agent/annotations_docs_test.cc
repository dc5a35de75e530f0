// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// docs/agent.md: the annotations of pods that it has are those that are read.

#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "client/agent/books/pod_annotations.h"
#include "client/agent/pods/pod_json.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace dmem::client {
namespace {

using ::testing::ContainerEq;

constexpr char kHeading[] = "\n## Annotations of pods\n";

// What the rows of the section's tables begin with, in backquotes.
std::set<std::string> KeysOfTheDocs() {
  std::ifstream file("docs/agent.md");
  std::ostringstream text;
  text << file.rdbuf();
  const std::string docs = text.str();
  const size_t at = docs.find(kHeading);
  if (at == std::string::npos) return {};
  const size_t begin = at + sizeof(kHeading) - 1;
  std::set<std::string> keys;
  for (absl::string_view line :
       absl::StrSplit(docs.substr(begin, docs.find("\n## ", begin) - begin), '\n')) {
    if (absl::ConsumePrefix(&line, "| `")) keys.emplace(line.substr(0, line.find('`')));
  }
  return keys;
}

TEST(AnnotationsDocsTest, EachThatIsReadIsThereAndNoOther) {
  std::set<std::string> read(std::begin(kPodAnnotations), std::end(kPodAnnotations));
  read.insert(kMirrorAnnotation);
  EXPECT_THAT(KeysOfTheDocs(), ContainerEq(read));
}

}  // namespace
}  // namespace dmem::client
