// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/config.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

namespace dmem::server {
namespace {

TEST(ConfigTest, DefaultsAreValid) { EXPECT_TRUE(Validate(Config()).ok()); }

TEST(ConfigTest, EachBadFlagIsNamedWithItsValue) {
  const struct {
    const char* named;
    std::function<void(Config*)> break_it;
  } kCases[] = {
      {"--listen=7171", [](Config* c) { c->listen = "7171"; }},
      {"--listen=127.0.0.1:65536", [](Config* c) { c->listen = "127.0.0.1:65536"; }},
      {"--listen=::1:7171", [](Config* c) { c->listen = "::1:7171"; }},
      {"--listen=0.0.0.0:7171", [](Config* c) { c->listen = "0.0.0.0:7171"; }},
      {"--http=10.0.0.1:80", [](Config* c) { c->http = "10.0.0.1:80"; }},
      {"--http=", [](Config* c) { c->http = ""; }},
      {"--data-dir=", [](Config* c) { c->data_dir = ""; }},
      {"--store=etcd", [](Config* c) { c->store = "etcd"; }},
      {"--log-level=loud", [](Config* c) { c->log_level = "loud"; }},
      {"--metrics-detail=some", [](Config* c) { c->metrics_detail = "some"; }},
      {"--implicit-cgroups=no", [](Config* c) { c->implicit_cgroups = "no"; }},
      {"--tombstone-window=0", [](Config* c) { c->tombstone_window_seconds = 0; }},
      {"--tombstone-window=nan", [](Config* c) { c->tombstone_window_seconds = NAN; }},
      {"--checkpoint-interval=0", [](Config* c) { c->checkpoint_interval_seconds = 0; }},
      {"--checkpoint-sequences=0", [](Config* c) { c->checkpoint_sequences = 0; }},
      {"--keep-records-bytes=0", [](Config* c) { c->keep_records_bytes = 0; }},
      {"--keep-records-for=-1", [](Config* c) { c->keep_records_seconds = -1; }},
      {"--reader-threads=0", [](Config* c) { c->reader_threads = 0; }},
      {"--tombstones-max=0", [](Config* c) { c->settings.tombstones_max = 0; }},
      {"--regions-max=5000000000", [](Config* c) { c->settings.regions_max = 5000000000; }},
      {"--cgroups-max=0", [](Config* c) { c->settings.cgroups_max = 0; }},
      {"--pools-max=0", [](Config* c) { c->settings.pools_max = 0; }},
      {"--charges-max=0", [](Config* c) { c->settings.charges_max = 0; }},
      {"--items-max=0", [](Config* c) { c->settings.items_max = 0; }},
  };
  for (const auto& test : kCases) {
    Config config;
    test.break_it(&config);
    const absl::Status status = Validate(config);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << test.named;
    EXPECT_EQ(status.message().find(test.named), 0u) << status.message();
  }
}

TEST(ConfigTest, OtherAddressesThanLoopbackNeedInsecure) {
  Config config;
  for (const char* loopback : {"127.0.0.1:0", "127.1.2.3:80", "localhost:80", "[::1]:80"}) {
    config.listen = loopback;
    EXPECT_TRUE(Validate(config).ok()) << loopback;
  }
  for (const char* open : {"0.0.0.0:80", "[::]:80", "example.com:80", "128.0.0.1:80"}) {
    config.listen = open;
    config.insecure = false;
    EXPECT_FALSE(Validate(config).ok()) << open;
    config.insecure = true;
    EXPECT_TRUE(Validate(config).ok()) << open;
  }
}

TEST(ConfigTest, FlagsThatDecideOutcomesBecomeSettings) {
  Config config;
  config.implicit_cgroups = "below-explicit";
  config.tombstone_window_seconds = 0.5 + 1;
  config.settings.pools_max = 7;
  const Settings settings = SettingsOf(config);
  EXPECT_EQ(settings.implicit_cgroups, ImplicitCgroups::kBelowExplicit);
  EXPECT_EQ(settings.tombstone_window_us, 1500000);
  EXPECT_EQ(settings.pools_max, 7u);
  EXPECT_EQ(SettingsOf(Config()), Settings());
}

}  // namespace
}  // namespace dmem::server
