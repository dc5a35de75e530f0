// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// A pod that was deleted by force and whose process lives on, between the agent's loop and a dmemd,
// both in this process and on one simulated clock: its bytes are nobody else's until it has ended,
// whether the device's software lists processes or, as the kernel's files do, only bytes.

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "client/agent/dmem_files/cgroup_files.h"
#include "client/agent/dmem_files/dmem_files_backend.h"
#include "client/agent/testing/scripted_sources.h"
#include "client/error_facts.h"
#include "tests/agent/simulated_node.h"
#include "tests/integration/http_get.h"

namespace dmem::client {
namespace {

constexpr uint64_t kBookedBytes = 40 * kGiB;
constexpr uint64_t kUsedBytes = 3 * kGiB;
constexpr int kMinutes = 15;

// The pod u1 of the namespace ml is booked 40 GiB of the device and uses 3. /other wants 40 GiB,
// too.
class LingeringProcessTest : public SimulatedNode {
 protected:
  LingeringProcessTest() { StartAgent(); }

  std::string RegionName() const { return absl::StrCat("n1/", region_); }

  // The device is another than it was registered as, and nothing that it holds.
  virtual void ChangeModel(const std::string& model) { DeviceOf(region_).model = model; }
  virtual void StartPod() { AddPod("u1", region_, kBookedBytes, 11, kUsedBytes); }
  virtual void EndPod() { EndProcesses(); }

  // What /other gets for asking: the reason of the error, or "".
  std::string ChargeOther(const std::string& id) {
    v1::ChargeRequest request;
    request.set_charge_id(id);
    request.mutable_created_at()->set_seconds(now_us_.load() / 1000000);
    v1::ChargeItem* item = request.add_items();
    item->set_cgroup("/other");
    item->set_region(RegionName());
    item->set_bytes(kBookedBytes);
    return FactsOf(client_->Charge(request).status()).reason;
  }

  uint64_t Usage() {
    v1::GetPoolRequest request;
    request.set_cgroup("/");
    request.set_region(RegionName());
    const auto pool = client_->GetPool(request);
    EXPECT_TRUE(pool.ok()) << pool.status();
    return pool->pool().usage_bytes();
  }
  // As the server's metrics have it.
  absl::Duration ReleaseAge() {
    const server::HttpAnswer answer = server::HttpGet(server_.server().http_address(), "/metrics");
    for (absl::string_view line : absl::StrSplit(answer.body, '\n')) {
      double seconds = 0;
      if (!absl::ConsumePrefix(&line, "dmemd_release_age_oldest_seconds ")) continue;
      EXPECT_TRUE(absl::SimpleAtod(line, &seconds)) << line;
      return absl::Seconds(seconds);
    }
    ADD_FAILURE() << "no metric: " << answer.code;
    return absl::ZeroDuration();
  }
  // How often each kind of event was, of those that change what is held.
  std::map<v1::EventKind, int> Events() {
    std::map<v1::EventKind, int> counts;
    v1::ListEventsRequest request;
    request.set_page_size(1000);
    do {
      const auto page = client_->ListEvents(request);
      EXPECT_TRUE(page.ok()) << page.status();
      if (!page.ok()) break;
      for (const v1::Event& event : page->events()) {
        if (event.has_charge_granted() || event.has_charge_changed() ||
            event.has_release_requested() || event.has_over_changed())
          ++counts[event.kind()];
      }
      request.set_page_token(page->next_page_token());
    } while (!request.page_token().empty());
    return counts;
  }

  // The pod is charged; then it is deleted by force.
  void DeletePodByForce() {
    StartPod();
    PassSecond();
    const std::vector<v1::Charge> charges = Charges();
    ASSERT_EQ(charges.size(), 1u);
    charged_ = charges[0];
    ASSERT_EQ(charged_.state(), v1::CHARGE_STATE_HELD);
    pods_.pods.clear();
    PassSecond();
    asked_at_ = absl::FromUnixMicros(now_us_.load());
    ExpectReleasing();
  }
  void ExpectReleasing() {
    const absl::Duration age = absl::FromUnixMicros(now_us_.load()) - asked_at_;
    SCOPED_TRACE(absl::StrCat(absl::FormatDuration(age), " after it was asked for"));
    const std::vector<v1::Charge> charges = Charges();
    ASSERT_EQ(charges.size(), 1u);
    EXPECT_EQ(charges[0].charge_id(), charged_.charge_id());
    EXPECT_EQ(charges[0].owner().uid(), "u1");
    EXPECT_EQ(charges[0].state(), v1::CHARGE_STATE_RELEASING);
    EXPECT_EQ(charges[0].release().requested_by(), "dmem-agent on n1");
    EXPECT_EQ(charges[0].release().requested_at().seconds(), absl::ToUnixSeconds(asked_at_));
    ASSERT_EQ(charges[0].items_size(), 1);
    EXPECT_EQ(charges[0].items(0).cgroup(), "/ns/ml");
    EXPECT_EQ(charges[0].items(0).bytes(), kBookedBytes);
    EXPECT_EQ(Usage(), kBookedBytes);
    EXPECT_EQ(ReleaseAge(), age);
    EXPECT_EQ(RegionState(RegionName()), v1::REGION_STATE_READY);
  }
  // Somebody else asks in each second, and somebody looks in each minute.
  void Linger(int minutes) {
    for (int second = 1; second <= 60 * minutes; ++second) {
      // A device that is registered anew makes the agent ask for what is charged, so that its next
      // list, one a minute, judges that.
      if (second % 60 == 30) ChangeModel(absl::StrCat("as of ", now_us_.load()));
      PassSecond();
      ASSERT_EQ(ChargeOther("too-early"), "CAPACITY") << "in second " << second;
      if (second % 60 == 0) ExpectReleasing();
      ASSERT_FALSE(HasFailure());
    }
  }
  // The process ends: its bytes are had again, once.
  void ExpectBytesReturnOnce() {
    EndPod();
    PassSecond();
    EXPECT_EQ(Charges().size(), 0u);
    EXPECT_EQ(Usage(), 0u);
    EXPECT_EQ(ReleaseAge(), absl::ZeroDuration());
    EXPECT_EQ(ChargeOther("other"), "");
    for (int second = 0; second < 120; ++second) {
      PassSecond();
      ASSERT_EQ(ChargeOther("too-late"), "CAPACITY");
      ASSERT_EQ(Usage(), kBookedBytes);
    }
    EXPECT_EQ(Events(), (std::map<v1::EventKind, int>{{v1::EVENT_KIND_CHARGED, 2},
                                                      {v1::EVENT_KIND_RELEASE_REQUESTED, 1},
                                                      {v1::EVENT_KIND_UNCHARGED, 1}}));
  }

  std::string region_ = "gpu0";
  v1::Charge charged_;
  absl::Time asked_at_;
};

TEST_F(LingeringProcessTest, ItsBytesAreReleasingForFifteenMinutesAndGrantedToNobody) {
  ASSERT_NO_FATAL_FAILURE(DeletePodByForce());
  ASSERT_NO_FATAL_FAILURE(Linger(kMinutes));
  ExpectBytesReturnOnce();
}

// Its first list judges all that was charged before it came.
TEST_F(LingeringProcessTest, AnAgentThatComesInBetweenKeepsThemReleasingJustSo) {
  ASSERT_NO_FATAL_FAILURE(DeletePodByForce());
  ASSERT_NO_FATAL_FAILURE(Linger(7));
  StartAgent();
  ASSERT_NO_FATAL_FAILURE(Linger(kMinutes - 7));
  ExpectBytesReturnOnce();
}

// The device is known from the kernel's dmem files, here plain ones, which list no process. Of a
// pod that is gone there is only what the whole device has in use.
class LingeringMemoryTest : public LingeringProcessTest {
 protected:
  LingeringMemoryTest() {
    region_ = absl::StrCat("drm/", kAddress, "/vram0");
    root_.Write("dmem.capacity", Line(48 * kGiB));
    root_.Write("dmem.current", Line(0));
    for (const char* cgroup : {"", "kubepods/"})
      root_.Write(absl::StrCat(cgroup, "cgroup.subtree_control"), "dmem\n");
    ChangeModel("new");

    DmemFilesOptions options;
    options.cgroup_root = root_.path();
    options.sysfs_root = root_.path() + "/sys";
    options.memory[region_].reserved_bytes = kGiB;
    std::vector<std::unique_ptr<DeviceBackend>> backends;
    backends.push_back(
        std::make_unique<DmemFilesBackend>(options, MakeCgroupFiles(options.cgroup_root)));
    RetryPolicy once;
    once.attempts_max = 1;
    const auto now = [this] { return absl::FromUnixMicros(now_us_.load()); };
    agent_ = std::make_unique<Agent>(
        &config_,
        std::make_unique<NodeWatcher>(&config_, std::move(backends), nullptr,
                                      std::make_unique<ScriptedPodSource>(&pods_)),
        std::make_shared<Client>(MakeGrpcConnection(server_.server().grpc_address()), once),
        incarnations_.get(), &metrics_, AgentClocks{now, now},
        [this](const std::string& event, const std::string& what) {
          log_.push_back(absl::StrCat(event, ": ", what));
        });
  }

  std::string Line(uint64_t bytes) const { return absl::StrCat(region_, " ", bytes, "\n"); }

  void ChangeModel(const std::string& model) override {
    root_.Write(absl::StrCat("sys/bus/pci/devices/", kAddress, "/product_name"), model + "\n");
  }
  void StartPod() override {
    Pod& pod = AddPod("u1", "gpu0", kBookedBytes, 11, kUsedBytes);
    pod.containers = {{"main", "", {{"gpu", {kAddress}, "", ""}}}};
    for (const char* file : {"dmem.low", "dmem.max"})
      root_.Write(absl::StrCat(kPodCgroup, file), Line(0));
    root_.Write(absl::StrCat(kPodCgroup, "dmem.current"), Line(kUsedBytes));
    root_.Write("dmem.current", Line(kUsedBytes));
  }
  void EndPod() override {
    EndProcesses();
    root_.Remove(kPodCgroup);
    root_.Write("dmem.current", Line(0));
  }

  static constexpr char kAddress[] = "0000:03:00.0";
  static constexpr char kPodCgroup[] = "kubepods/podu1/";
};

TEST_F(LingeringMemoryTest, ItsBytesAreReleasingThoughNoProcessIsListed) {
  ASSERT_NO_FATAL_FAILURE(DeletePodByForce());
  ASSERT_NO_FATAL_FAILURE(Linger(kMinutes));
  ExpectBytesReturnOnce();
}

// A removed cgroup is no evidence: what its process holds is still in use on the device.
TEST_F(LingeringMemoryTest, ItsBytesAreReleasingThoughItsCgroupIsRemoved) {
  ASSERT_NO_FATAL_FAILURE(DeletePodByForce());
  root_.Remove(kPodCgroup);
  ASSERT_NO_FATAL_FAILURE(Linger(kMinutes));
  ExpectBytesReturnOnce();
}

}  // namespace
}  // namespace dmem::client
