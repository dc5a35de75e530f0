// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/metrics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "core/testing/tree.h"
#include "server/base/histogram.h"

namespace dmem::server {
namespace {

using Families = std::vector<prometheus::MetricFamily>;

// "FAMILY{a=x,b=y}" of every sample, with its value.
std::map<std::string, double> Samples(const Families& families) {
  std::map<std::string, double> samples;
  for (const prometheus::MetricFamily& family : families) {
    for (const prometheus::ClientMetric& metric : family.metric) {
      std::string name = family.name + "{";
      for (const prometheus::ClientMetric::Label& label : metric.label) {
        if (name.back() != '{') name += ",";
        name += label.name + "=" + label.value;
      }
      samples[name + "}"] = family.type == prometheus::MetricType::Counter ? metric.counter.value
                                                                           : metric.gauge.value;
    }
  }
  return samples;
}

// The cgroups and regions whose pools are shown, in order.
std::vector<std::string> PoolsShown(const Families& families) {
  std::vector<std::string> pools;
  for (const prometheus::MetricFamily& family : families) {
    if (family.name != "dmemd_pool_usage_bytes") continue;
    for (const prometheus::ClientMetric& metric : family.metric) {
      pools.push_back(metric.label[1].value + " in " + metric.label[0].value);
    }
  }
  return pools;
}

//   cluster: gpu0 (1000), gpu1 (1000)
//   /a max 500 in cluster, uses 300 in gpu0 by /a/x and 10 by /a/y; /b uses 100 in gpu1
class MetricsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    tree_.Group("cluster")
        .Region("gpu0", "cluster", ByteCount(1000))
        .Region("gpu1", "cluster", ByteCount(1000))
        .Draw("cluster", "/a max=500 min=50")
        .Draw("gpu0", "/a/x use=300; /a/y use=10")
        .Draw("gpu1", "/b use=100");
  }
  TestTree tree_;
};

TEST_F(MetricsTest, NumbersAreThoseOfTheLedgerAndUnlimitedIsInfinity) {
  const std::map<std::string, double> samples = Samples(
      CollectObjects(tree_.state(), tree_.state().scalars.time_us, MetricsDetail::kDefault));
  EXPECT_EQ(samples.at("dmemd_region_capacity_bytes{region=gpu0}"), 1000);
  EXPECT_EQ(samples.at("dmemd_region_usage_bytes{region=gpu0}"), 310);
  EXPECT_EQ(samples.at("dmemd_region_state{region=gpu0,state=READY}"), 1);
  EXPECT_EQ(samples.at("dmemd_region_state{region=gpu0,state=GONE}"), 0);
  EXPECT_EQ(samples.at("dmemd_group_usage_bytes{region=cluster}"), 410);
  EXPECT_EQ(samples.at("dmemd_pool_usage_bytes{region=cluster,cgroup=/a}"), 310);
  EXPECT_EQ(samples.at("dmemd_pool_max_bytes{region=cluster,cgroup=/a}"), 500);
  EXPECT_EQ(samples.at("dmemd_pool_emin_bytes{region=cluster,cgroup=/a}"), 50);
  EXPECT_TRUE(std::isinf(samples.at("dmemd_pool_max_bytes{region=cluster,cgroup=/b}")));
  EXPECT_EQ(samples.at("dmemd_objects{kind=charge}"), 3);
  EXPECT_EQ(samples.at("dmemd_metrics_pools_omitted{}"), 0);
}

TEST_F(MetricsTest, ReservationsAndReleasesAreShown) {
  Ledger& ledger = tree_.ledger();
  const absl::Time time = absl::FromUnixMicros(tree_.state().scalars.time_us);
  const std::vector<ChargeItemSpec> items = {{"/a", "cluster", ByteCount(20), absl::nullopt},
                                             {"/a", "gpu0", ByteCount(5), absl::nullopt}};
  ChargeCommand reserve;
  reserve.time = reserve.created_at = time;
  reserve.charge_id = "reserved";
  reserve.is_fresh_id = true;
  reserve.items = items;
  reserve.ttl = absl::Minutes(1);
  ASSERT_TRUE(ledger.Charge(reserve).ok());
  ChargeCommand hold = reserve;
  hold.charge_id = "held";
  hold.items = absl::MakeConstSpan(items).subspan(1);
  hold.ttl = absl::ZeroDuration();
  ASSERT_TRUE(ledger.Charge(hold).ok());
  const std::vector<absl::string_view> ids = {"held"};
  ASSERT_TRUE(ledger.RequestRelease({time + absl::Seconds(5), ids, "me", "tests"}).ok());
  const std::map<std::string, double> samples = Samples(CollectObjects(
      ledger.state(), absl::ToUnixMicros(time + absl::Seconds(35)), MetricsDetail::kDefault));
  EXPECT_EQ(samples.at("dmemd_region_reservations_bytes{region=gpu0}"), 5);
  EXPECT_EQ(samples.at("dmemd_group_reservations_bytes{region=cluster}"), 25);
  EXPECT_EQ(samples.at("dmemd_objects{kind=reserved_charge}"), 1);
  EXPECT_EQ(samples.at("dmemd_objects{kind=releasing_charge}"), 1);
  EXPECT_EQ(samples.at("dmemd_release_age_oldest_seconds{}"), 30);
  EXPECT_EQ(samples.at("dmemd_releases_completed_total{}"), 0);
  ASSERT_TRUE(ledger.Uncharge({time + absl::Seconds(40), ids}).ok());
  const std::map<std::string, double> after = Samples(
      CollectObjects(ledger.state(), ledger.state().scalars.time_us, MetricsDetail::kDefault));
  EXPECT_EQ(after.at("dmemd_releases_completed_total{}"), 1);
  EXPECT_EQ(after.at("dmemd_release_age_oldest_seconds{}"), 0);
}

TEST_F(MetricsTest, RootAndFirstLevelInGroupsComeFirstThenTheLargest) {
  const std::vector<std::string> pools = PoolsShown(
      CollectObjects(tree_.state(), tree_.state().scalars.time_us, MetricsDetail::kDefault));
  ASSERT_EQ(pools.size(), tree_.state().scalars.pools);
  EXPECT_EQ(std::vector<std::string>(pools.begin(), pools.begin() + 3),
            (std::vector<std::string>{"/ in cluster", "/a in cluster", "/b in cluster"}));
  std::vector<double> usages;
  const std::map<std::string, double> samples = Samples(
      CollectObjects(tree_.state(), tree_.state().scalars.time_us, MetricsDetail::kDefault));
  for (size_t i = 3; i < pools.size(); ++i) {
    const size_t in = pools[i].find(" in ");
    usages.push_back(samples.at("dmemd_pool_usage_bytes{region=" + pools[i].substr(in + 4) +
                                ",cgroup=" + pools[i].substr(0, in) + "}"));
  }
  EXPECT_TRUE(std::is_sorted(usages.rbegin(), usages.rend()));
}

TEST_F(MetricsTest, SeriesAreBoundedAndWhatIsLeftOutIsCounted) {
  size_t last_pools = 0;
  for (size_t series_max = 0; series_max < 200; ++series_max) {
    const Families families = CollectObjects(tree_.state(), tree_.state().scalars.time_us,
                                             MetricsDetail::kDefault, series_max);
    size_t of_objects = 0;
    for (const prometheus::MetricFamily& family : families) {
      if (family.name.find("dmemd_region_") == 0 || family.name.find("dmemd_group_") == 0 ||
          family.name.find("dmemd_pool_") == 0) {
        of_objects += family.metric.size();
      }
    }
    EXPECT_LE(of_objects, series_max);
    const std::vector<std::string> pools = PoolsShown(families);
    EXPECT_GE(pools.size(), last_pools) << "more room never shows less";
    last_pools = pools.size();
    const std::map<std::string, double> samples = Samples(families);
    EXPECT_EQ(samples.at("dmemd_metrics_pools_omitted{}"),
              static_cast<double>(tree_.state().scalars.pools - pools.size()));
    if (!pools.empty()) {
      EXPECT_EQ(samples.at("dmemd_metrics_regions_omitted{}"), 0) << "regions come before pools";
    }
  }
  EXPECT_EQ(last_pools, tree_.state().scalars.pools);
}

TEST_F(MetricsTest, DetailSelectsPools) {
  EXPECT_TRUE(PoolsShown(CollectObjects(tree_.state(), tree_.state().scalars.time_us,
                                        MetricsDetail::kRegions))
                  .empty());
  EXPECT_EQ(PoolsShown(CollectObjects(tree_.state(), tree_.state().scalars.time_us,
                                      MetricsDetail::kAll, 1))
                .size(),
            tree_.state().scalars.pools);
}

TEST_F(MetricsTest, SeriesGoWithTheirObjects) {
  tree_.Unregister("gpu1");
  const std::map<std::string, double> samples = Samples(
      CollectObjects(tree_.state(), tree_.state().scalars.time_us, MetricsDetail::kDefault));
  EXPECT_EQ(samples.count("dmemd_region_usage_bytes{region=gpu1}"), 0u);
}

TEST(HistogramTest, EachObservationCountsInItsBucketAndAllAbove) {
  Histogram histogram(10);
  for (const uint64_t value : {0, 10, 11, 20, 1000000000}) histogram.Observe(value);
  const Histogram::Values values = histogram.Read();
  EXPECT_EQ(values.count, 5u);
  EXPECT_EQ(values.sum, 1000000041u);
  EXPECT_EQ(values.cumulative[0], 2u);  // Up to 10.
  EXPECT_EQ(values.cumulative[1], 4u);  // Up to 20.
  EXPECT_EQ(values.cumulative.back(), 4u) << "the largest is beyond the last bucket";
}

}  // namespace
}  // namespace dmem::server
