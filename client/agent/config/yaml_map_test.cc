// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/config/yaml_map.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace dmem::client {
namespace {

const YamlMap::Check kAnything = [](absl::string_view) { return absl::OkStatus(); };

// What `read` finds wrong with `text`.
template <typename Read>
std::string ErrorsOf(absl::string_view text, Read read) {
  YamlFindings findings;
  findings.file = "f";
  if (const auto node = ParseYaml(text, findings)) {
    YamlMap map(*node, "", findings);
    read(map);
    map.Finish();
  }
  return std::string(findings.ToStatus().message());
}

std::string ErrorsOf(absl::string_view text) {
  return ErrorsOf(text, [](YamlMap& map) {
    bool flag = false;
    map.Bool("flag", flag);
  });
}

TEST(YamlMapTest, AnEmptyDocumentIsAnEmptyMap) {
  for (const char* text : {"", "\n", "# nothing\n", "---\n", "{}\n"}) {
    EXPECT_EQ(ErrorsOf(text), "") << text;
  }
}

TEST(YamlMapTest, WhatIsNoMapIsRefusedWithItsLine) {
  EXPECT_EQ(ErrorsOf("\n- a\n"), "f:2: is a list, not a map");
  EXPECT_EQ(ErrorsOf("text\n"), "f:1: is a single value, not a map");
  EXPECT_EQ(ErrorsOf("a: 1\n---\nb: 2\n"), "f:3: begins a second document");
  EXPECT_EQ(ErrorsOf(","), "f:1: begins a second document");
  EXPECT_EQ(ErrorsOf("a: [1\nb: 2\n").rfind("f:", 0), 0u);
  EXPECT_NE(ErrorsOf("a: [1\n").find("is no YAML"), std::string::npos);
  EXPECT_NE(ErrorsOf(std::string(kMaxYamlBytes + 1, '#')).find("more than 1048576"),
            std::string::npos);
}

TEST(YamlMapTest, KeysThatNobodyAskedForAreNamed) {
  EXPECT_EQ(ErrorsOf("flag: true\nfalg: true\n"),
            "f:2: falg: is no key that there is; there are flag");
}

TEST(YamlMapTest, AKeyIsThereOnceAndIsText) {
  EXPECT_EQ(ErrorsOf("flag: true\nflag: false\n"), "f:2: flag: is there twice");
  EXPECT_EQ(ErrorsOf("[a]: true\n"), "f:1: has a list as a key");
}

TEST(YamlMapTest, AllErrorsComeAtOnceInTheOrderOfTheirLines) {
  EXPECT_EQ(ErrorsOf("size: 1\nflag: 7\nwait: soon\n",
                     [](YamlMap& map) {
                       absl::Duration wait;
                       map.Duration("wait", absl::ZeroDuration(), absl::Seconds(1), wait);
                       bool flag = false;
                       map.Bool("flag", flag);
                     }),
            "f:1: size: is no key that there is; there are wait, flag\n"
            "f:2: flag: \"7\" is neither true nor false\n"
            "f:3: wait: \"soon\" is no duration like 500ms or 1m30s");
}

TEST(YamlMapTest, AWrongValueLeavesTheDefault) {
  bool flag = true;
  absl::Duration wait = absl::Seconds(3);
  std::optional<uint64_t> bytes = 5;
  int choice = 1;
  std::string text = "default";
  std::vector<std::string> texts = {"default"};
  const std::string errors = ErrorsOf(
      "flag: yes\nwait: 2s\nbytes: 4.5\nchoice: c\ntext: [a]\ntexts: a\n", [&](YamlMap& map) {
        map.Bool("flag", flag);
        map.Duration("wait", absl::Seconds(3), absl::Seconds(4), wait);
        map.Bytes("bytes", 0, bytes);
        map.Choice("choice", {"a", "b"}, choice);
        map.Text("text", text, kAnything);
        map.Texts("texts", texts, kAnything);
      });
  EXPECT_EQ(errors,
            "f:1: flag: \"yes\" is neither true nor false\n"
            "f:2: wait: \"2s\" is not between 3s and 4s\n"
            "f:3: bytes: \"4.5\" is no number of bytes like 1000, 500Mi or 80GiB\n"
            "f:4: choice: \"c\" is none of a, b\n"
            "f:5: text: is a list, not a single value\n"
            "f:6: texts: is a single value, not a list");
  EXPECT_TRUE(flag);
  EXPECT_EQ(wait, absl::Seconds(3));
  EXPECT_EQ(bytes, 5u);
  EXPECT_EQ(choice, 1);
  EXPECT_EQ(text, "default");
  EXPECT_EQ(texts, std::vector<std::string>{"default"});
}

TEST(YamlMapTest, AKeyWithoutAValueIsAnErrorButForMaps) {
  bool flag = false;
  EXPECT_EQ(ErrorsOf("flag:\nmap:\n",
                     [&](YamlMap& map) {
                       map.Bool("flag", flag);
                       map.Map("map").Finish();
                     }),
            "f:1: flag: is nothing, not a single value");
}

TEST(YamlMapTest, BytesHaveBounds) {
  std::optional<uint64_t> bytes;
  const auto read = [&](YamlMap& map) { map.Bytes("n", 1, bytes); };
  EXPECT_EQ(ErrorsOf("n: 80GiB", read), "");
  EXPECT_EQ(bytes, uint64_t{80} << 30);
  EXPECT_EQ(ErrorsOf("n: 1", read), "");
  EXPECT_EQ(ErrorsOf("n: 0", read), "f:1: n: \"0\" is not between 1 and 9223372036854775806");
  EXPECT_EQ(ErrorsOf("n: max", read), "f:1: n: \"max\" is not between 1 and 9223372036854775806");
  EXPECT_EQ(bytes, 1u);
}

TEST(YamlMapTest, ListsNameTheItemThatIsWrong) {
  std::vector<std::string> texts;
  EXPECT_EQ(ErrorsOf("list:\n  - a\n  - [b]\n  - a\n  - bad\n",
                     [&](YamlMap& map) {
                       map.Texts("list", texts, [](absl::string_view text) {
                         return text == "bad" ? absl::InvalidArgumentError("is bad")
                                              : absl::OkStatus();
                       });
                     }),
            "f:3: list[1]: is a list, not a single value\n"
            "f:4: list[2]: \"a\" is there twice\n"
            "f:5: list[3]: \"bad\" is bad");
  EXPECT_EQ(ErrorsOf("list: []", [&](YamlMap& map) { map.Texts("list", texts, kAnything); }),
            "f:1: list: is an empty list");
}

TEST(YamlMapTest, MapsInListsAreReadEach) {
  std::vector<std::string> names;
  const std::string errors = ErrorsOf("list:\n- name: a\n- nmae: b\n- c\n-\n", [&](YamlMap& map) {
    const auto maps = map.Maps("list");
    ASSERT_TRUE(maps.has_value());
    for (YamlMap item : *maps) {
      std::string name;
      item.Require("name");
      item.Text("name", name, kAnything);
      item.Finish();
      names.push_back(name);
    }
    EXPECT_FALSE(map.Maps("other").has_value());
  });
  EXPECT_EQ(names, (std::vector<std::string>{"a", "", "", ""}));
  EXPECT_NE(errors.find("f:3: list[1].name: is missing\n"), std::string::npos) << errors;
  EXPECT_NE(errors.find("f:3: list[1].nmae: is no key that there is; there are name"),
            std::string::npos)
      << errors;
  EXPECT_NE(errors.find("f:4: list[2]: is a single value, not a map"), std::string::npos) << errors;
  EXPECT_NE(errors.find("list[3]: is nothing, not a map"), std::string::npos) << errors;
}

TEST(YamlMapTest, AnyKeysMayBeInATextMap) {
  std::map<std::string, std::string> map;
  EXPECT_EQ(ErrorsOf("options:\n  a: true\n  b: [x, 2]\n  c: \"\"\n  d: {e: 1}\n",
                     [&](YamlMap& document) { document.TextMap("options", map); }),
            "f:5: options.d: is a map, not a single value or a list of them");
  EXPECT_EQ(map, (std::map<std::string, std::string>{{"a", "true"}, {"b", "x 2"}, {"c", ""}}));
}

TEST(YamlMapTest, LongAndUnprintableValuesAreShownShortAndEscaped) {
  const std::string errors = ErrorsOf("flag: \"" + std::string(5000, 'x') + "\"\n");
  EXPECT_LT(errors.size(), 300u);
  EXPECT_NE(ErrorsOf("flag: \"a\\u0001\"\n").find("\\x01"), std::string::npos);
}

TEST(YamlMapTest, KeysAndTheirDefaultsAreCollected) {
  YamlFindings findings;
  YamlMap map(*ParseYaml("list: [{a: 1s}, {a: 2s}]", findings), "", findings);
  std::optional<std::vector<YamlMap>> items = map.Maps("list");
  ASSERT_TRUE(items.has_value());
  for (YamlMap& item : *items) {
    absl::Duration wait = absl::Seconds(90);
    item.Duration("a", absl::ZeroDuration(), absl::Minutes(2), wait);
  }
  bool flag = true;
  map.Map("below").Bool("flag", flag);
  ASSERT_EQ(findings.keys.size(), 4u);
  EXPECT_EQ(findings.keys[0].path, "list");
  EXPECT_EQ(findings.keys[1].path, "list[].a");
  EXPECT_EQ(findings.keys[1].default_value, "1m30s");
  EXPECT_EQ(findings.keys[2].path, "below");
  EXPECT_EQ(findings.keys[3].path, "below.flag");
  EXPECT_EQ(findings.keys[3].default_value, "true");
}

}  // namespace
}  // namespace dmem::client
