// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/agent_http.h"

#include <prometheus/metric_family.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "client/agent/pods/http_getter.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace dmem::client {
namespace {

using ::testing::HasSubstr;

class OneMetric : public prometheus::Collectable {
 public:
  std::vector<prometheus::MetricFamily> Collect() const override {
    prometheus::MetricFamily family;
    family.name = "dmem_agent_passes_total";
    family.metric.emplace_back().gauge.value = 7;
    family.type = prometheus::MetricType::Gauge;
    return {family};
  }
};

class AgentHttpTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto started = AgentHttp::Start("127.0.0.1:0", &metrics_, [this] { return health_; });
    ASSERT_TRUE(started.ok()) << started.status();
    http_ = *std::move(started);
  }

  // "CODE BODY".
  std::string Get(const std::string& path) {
    HttpRequest request;
    request.url = absl::StrCat("http://127.0.0.1:", http_->port(), path);
    std::string body;
    const absl::StatusOr<int> code = HttpGetter().Get(request, [&](int, absl::string_view part) {
      absl::StrAppend(&body, part);
      return true;
    });
    if (!code.ok()) return code.status().ToString();
    return absl::StrCat(*code, " ", body);
  }

  OneMetric metrics_;
  absl::Status health_;
  std::unique_ptr<AgentHttp> http_;
};

TEST_F(AgentHttpTest, HealthzIsOkOrSaysWhatIsWrong) {
  EXPECT_EQ(Get("/healthz"), "200 ok\n");
  health_ = absl::UnavailableError("it hangs");
  EXPECT_EQ(Get("/healthz"), "503 it hangs\n");
}

TEST_F(AgentHttpTest, MetricsAreThereWhetherItIsHealthyOrNot) {
  health_ = absl::UnavailableError("it hangs");
  EXPECT_THAT(Get("/metrics"), HasSubstr("dmem_agent_passes_total 7"));
}

TEST_F(AgentHttpTest, NothingElseIsServed) { EXPECT_EQ(Get("/").substr(0, 3), "404"); }

TEST_F(AgentHttpTest, AnAddressThatIsTakenIsAnError) {
  const auto second = AgentHttp::Start(absl::StrCat("127.0.0.1:", http_->port()), &metrics_,
                                       [] { return absl::OkStatus(); });
  EXPECT_TRUE(absl::IsUnavailable(second.status())) << second.status();
}

}  // namespace
}  // namespace dmem::client
