// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/mapping.h"

#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace dmem::client {
namespace {

constexpr char kQueueLabel[] = "kueue.x-k8s.io/cluster-queue-name";

Pod PodIn(const std::string& name_space) {
  Pod pod;
  pod.name_space = name_space;
  pod.name = "train-0";
  pod.uid = "1858680e-b044-4fd5-9dd4-f137e30e2180";
  pod.cgroup_uid = pod.uid;
  pod.node = "node-17";
  return pod;
}

MappingRule To(const std::string& cgroup) {
  MappingRule rule;
  rule.cgroup = cgroup;
  return rule;
}

// The cgroup of `pod` by a single rule.
std::string By(const MappingRule& rule, const Pod& pod) { return MapPod({rule}, pod).cgroup; }

TEST(MappingTest, ByDefaultAQueueComesBeforeTheNamespace) {
  Pod pod = PodIn("ml");
  EXPECT_EQ(MapPod(DefaultMappingRules(), pod).cgroup, "/ns/ml");
  EXPECT_EQ(MapPod(DefaultMappingRules(), pod).rule, 1);
  pod.labels[kQueueLabel] = "team-a";
  EXPECT_EQ(MapPod(DefaultMappingRules(), pod).cgroup, "/kueue/team-a");
  EXPECT_EQ(MapPod(DefaultMappingRules(), pod).rule, 0);
}

TEST(MappingTest, TheFirstRuleThatAppliesWins) {
  MappingRule narrow = To("/prod/{namespace}");
  narrow.namespaces = {"prod-*"};
  const std::vector<MappingRule> rules = {narrow, To("/first"), To("/second")};
  EXPECT_EQ(MapPod(rules, PodIn("prod-eu")).cgroup, "/prod/prod-eu");
  EXPECT_EQ(MapPod(rules, PodIn("dev")).cgroup, "/first");
}

TEST(MappingTest, EveryPlaceholderGivesItsValue) {
  Pod pod = PodIn("ml");
  pod.labels["team"] = "a";
  pod.annotations["example.com/project"] = "p1";
  EXPECT_EQ(
      By(To("/{namespace}/{name}/{uid}/{node}/t-{label:team}/{annotation:example.com/project}"),
         pod),
      "/ml/train-0/1858680e-b044-4fd5-9dd4-f137e30e2180/node-17/t-a/p1");
}

TEST(MappingTest, ARuleWhoseValuesArePartlyMissingDoesNotApply) {
  Pod pod = PodIn("ml");
  EXPECT_EQ(By(To("/{label:team}/{namespace}"), pod), "/unmapped/ns/ml");
  pod.labels["team"] = "";
  EXPECT_EQ(By(To("/{label:team}/{namespace}"), pod), "/unmapped/ns/ml");
  pod.labels["team"] = "a";
  EXPECT_EQ(By(To("/{label:team}/{namespace}"), pod), "/a/ml");
}

TEST(MappingTest, NoPodIsEverDropped) {
  EXPECT_EQ(MapPod({}, PodIn("ml")).cgroup, "/unmapped/ns/ml");
  EXPECT_EQ(MapPod({}, PodIn("ml")).rule, -1);
  Pod unknown;
  unknown.cgroup_uid = "1858680e-b044-4fd5-9dd4-f137e30e2180";
  EXPECT_EQ(MapPod(DefaultMappingRules(), unknown).cgroup,
            "/unmapped/pod/1858680e-b044-4fd5-9dd4-f137e30e2180");
}

TEST(MappingTest, ConditionsMustAllHold) {
  MappingRule rule = To("/hit");
  rule.namespaces = {"a", "b-*"};
  rule.labels = {{"tier", "gold"}, {"any", "*"}};
  rule.annotations = {{"owner", "*@example.com"}};
  Pod good = PodIn("b-1");
  good.labels = {{"tier", "gold"}, {"any", ""}, {"more", "x"}};
  good.annotations = {{"owner", "ann@example.com"}};
  EXPECT_EQ(By(rule, good), "/hit");

  const auto without = [&](auto change) {
    Pod pod = good;
    change(pod);
    return By(rule, pod);
  };
  EXPECT_EQ(without([](Pod& pod) { pod.name_space = "c"; }), "/unmapped/ns/c");
  EXPECT_EQ(without([](Pod& pod) { pod.name_space = "aa"; }), "/unmapped/ns/aa");
  EXPECT_EQ(without([](Pod& pod) { pod.labels["tier"] = "golden"; }), "/unmapped/ns/b-1");
  EXPECT_EQ(without([](Pod& pod) { pod.labels.erase("any"); }), "/unmapped/ns/b-1");
  EXPECT_EQ(without([](Pod& pod) { pod.annotations["owner"] = "ann@example.org"; }),
            "/unmapped/ns/b-1");
}

TEST(MappingTest, AStarStandsForAnyNumberOfCharacters) {
  struct Case {
    const char* pattern;
    const char* text;
    bool matches;
  };
  const Case cases[] = {
      {"ml", "ml", true},
      {"ml", "ml2", false},
      {"ml", "m", false},
      {"*", "x", true},
      {"ml-*", "ml-", true},
      {"ml-*", "ml", false},
      {"*-prod", "a-prod", true},
      {"*-prod", "a-prod-b", false},
      {"a*b*c", "abc", true},
      {"a*b*c", "axxbyybzc", true},
      {"a*b*c", "axxbyybz", false},
      {"**", "x", true},
      {"*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
      {"?", "x", false},
  };
  for (const Case& c : cases) {
    MappingRule rule = To("/hit");
    rule.namespaces = {c.pattern};
    EXPECT_EQ(By(rule, PodIn(c.text)) == "/hit", c.matches) << c.pattern << " " << c.text;
  }
}

TEST(MappingTest, AValueStaysWithinItsComponentAndIsNoSpecialName) {
  Pod pod = PodIn("ml");
  const auto with = [&pod](const std::string& value) {
    pod.annotations["a"] = value;
    return By(To("/x/{annotation:a}/y"), pod);
  };
  EXPECT_EQ(with("b/../../c"), "/x/b%2F..%2F..%2Fc/y");
  EXPECT_EQ(with(".."), "/x/%2E%2E/y");
  EXPECT_EQ(with("."), "/x/%2E/y");
  EXPECT_EQ(with("@7"), "/x/%407/y");
  EXPECT_EQ(with("a b\n"), "/x/a%20b%0A/y");
  EXPECT_EQ(with("100%"), "/x/100%25/y");
  EXPECT_EQ(with("gr\xc3\xbcn"), "/x/gr%C3%BCn/y");
  EXPECT_EQ(with("plain-1.2_3:=+~"), "/x/plain-1.2_3:=+~/y");
}

TEST(MappingTest, EveryValueReadsBackAndNoTwoAreTheSame) {
  std::set<std::string> seen;
  std::vector<std::string> values = {".", "..", "...", "@", "a@", "%41", "A", "%", "%%", "a/b"};
  for (int c = 0; c < 256; ++c) values.push_back(std::string(1, static_cast<char>(c)) + "x");
  for (const std::string& value : values) {
    const std::string component = EncodeCgroupComponent(value);
    EXPECT_EQ(*DecodeCgroupComponent(component), value);
    EXPECT_TRUE(seen.insert(component).second) << component;
  }
}

TEST(MappingTest, APercentSignWithoutDigitsDoesNotReadBack) {
  for (const char* bad : {"%", "a%2", "%2f", "%G0", "%0G"}) {
    EXPECT_EQ(DecodeCgroupComponent(bad).status().code(), absl::StatusCode::kInvalidArgument)
        << bad;
  }
}

TEST(MappingTest, ARuleWhosePathWouldBeTooLongDoesNotApply) {
  Pod pod = PodIn("ml");
  pod.annotations["a"] = std::string(255, 'a');
  EXPECT_EQ(By(To("/{annotation:a}"), pod), "/" + std::string(255, 'a'));
  EXPECT_EQ(By(To("/b{annotation:a}"), pod), "/unmapped/ns/ml");
  pod.annotations["a"] = std::string(86, '\n');  // Encoded, 258 bytes.
  EXPECT_EQ(By(To("/{annotation:a}"), pod), "/unmapped/ns/ml");
  pod.annotations["a"] = std::string(204, 'a');
  EXPECT_EQ(
      By(To("/{annotation:a}/{annotation:a}/{annotation:a}/{annotation:a}/{annotation:a}"), pod),
      "/unmapped/ns/ml");
  pod.annotations["a"] = std::string(203, 'a');
  EXPECT_EQ(
      By(To("/{annotation:a}/{annotation:a}/{annotation:a}/{annotation:a}/{annotation:a}"), pod)
          .size(),
      1020u);
}

TEST(MappingTest, TemplatesThatCannotBeACgroupAreRefused) {
  std::string deep;
  for (int i = 0; i < 33; ++i) deep += "/d";
  for (const std::string& good :
       std::vector<std::string>{"/a", "/{namespace}", "/a-{label:b/c}.d/{uid}{name}",
                                deep.substr(2), "/" + std::string(255, 'a'), "/a@b"}) {
    EXPECT_TRUE(CheckCgroupTemplate(good).ok()) << good << CheckCgroupTemplate(good);
  }
  for (const std::string& bad : std::vector<std::string>{"",
                                                         "/",
                                                         "a",
                                                         "//",
                                                         "/a/",
                                                         "/a//b",
                                                         "/a b",
                                                         "/a\n",
                                                         "/.",
                                                         "/a/..",
                                                         "/@a",
                                                         "/a%41",
                                                         "/{",
                                                         "/}",
                                                         "/{namespace",
                                                         "/{{namespace}}",
                                                         "/{}",
                                                         "/{label:}",
                                                         "/{annotation:}",
                                                         "/{pod}",
                                                         "/{label}",
                                                         "/gr\xc3\xbcn",
                                                         deep,
                                                         "/" + std::string(256, 'a')}) {
    const absl::Status status = CheckCgroupTemplate(bad);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << bad;
    EXPECT_FALSE(status.message().empty());
  }
}

TEST(MappingTest, DefaultsAreValidTemplates) {
  for (const MappingRule& rule : DefaultMappingRules()) {
    EXPECT_TRUE(CheckCgroupTemplate(rule.cgroup).ok()) << rule.cgroup;
  }
  EXPECT_TRUE(CheckCgroupTemplate(kUnmappedHostCgroup).ok());
}

}  // namespace
}  // namespace dmem::client
