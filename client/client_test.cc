// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Client over GrpcConnection over a real gRPC server on loopback.

#include "client/client.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/error_facts.h"
#include "client/grpc_connection.h"
#include "client/testing/fake_quota_service.h"
#include "google/rpc/error_details.pb.h"

namespace dmem::client {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

class ClientTest : public ::testing::Test {
 protected:
  FakeQuotaService service_;
  std::vector<absl::Duration> sleeps_;
  absl::Time now_ = absl::Now();
  Client client_{MakeGrpcConnection(service_.address()),
                 RetryPolicy{},
                 {[this] { return now_; }, [this](absl::Duration wait) { sleeps_.push_back(wait); },
                  [] { return 0.0; }}};
};

TEST_F(ClientTest, RequestAndAnswerGoThroughUnchanged) {
  v1::ChargeRequest request;
  request.set_charge_id("a");
  auto* item = request.add_items();
  item->set_cgroup("/team-a");
  item->set_region("n1/gpu0");
  item->set_bytes(9223372036854775807u);
  v1::ChargeResponse answer;
  answer.mutable_charge()->set_charge_id("a");
  answer.set_sequence(7);
  service_.Answer(answer);

  const absl::StatusOr<v1::ChargeResponse> response = client_.Charge(request);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->SerializeAsString(), answer.SerializeAsString());
  EXPECT_EQ(service_.last_request(),
            "ChargeRequest {charge_id: \"a\" items { cgroup: \"/team-a\" region: \"n1/gpu0\" "
            "bytes: 9223372036854775807 }}");
}

TEST_F(ClientTest, ErrorKeepsCodeTextAndDetails) {
  google::rpc::ErrorInfo info;
  info.set_domain("dmemd");
  info.set_reason("REGION_NOT_FOUND");
  service_.Fail<v1::GetPoolResponse>(WithDetail(absl::NotFoundError("no such region"), info));
  const absl::Status status = client_.GetPool({}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(status.message(), "no such region");
  EXPECT_EQ(FactsOf(status).reason, "REGION_NOT_FOUND");
}

TEST_F(ClientTest, ChargeWithAnIdIsSentAgainTheSame) {
  service_.Fail<v1::ChargeResponse>(absl::UnavailableError("starting"));
  service_.Answer(v1::ChargeResponse());
  v1::ChargeRequest request;
  request.set_charge_id("a");
  EXPECT_TRUE(client_.Charge(request).ok());
  EXPECT_THAT(service_.requests(),
              ElementsAre("ChargeRequest {charge_id: \"a\"}", "ChargeRequest {charge_id: \"a\"}"));
  EXPECT_THAT(sleeps_, SizeIs(1));
}

TEST_F(ClientTest, ChargeWithoutAnIdIsSentOnce) {
  service_.Fail<v1::ChargeResponse>(absl::UnavailableError("starting"));
  EXPECT_TRUE(absl::IsUnavailable(client_.Charge({}).status()));
  EXPECT_THAT(service_.requests(), SizeIs(1));
}

TEST_F(ClientTest, PagesAreFollowedToTheEndAndJoined) {
  v1::ListRegionsResponse first;
  first.add_regions()->set_name("n1/gpu0");
  first.set_next_page_token("2");
  first.set_sequence(10);
  v1::ListRegionsResponse second;
  second.add_regions()->set_name("n2/gpu0");
  second.add_groups()->set_name("cluster");
  second.set_sequence(11);
  service_.Answer(first);
  service_.Answer(second);

  const absl::StatusOr<v1::ListRegionsResponse> all = client_.ListAllRegions({});
  ASSERT_TRUE(all.ok()) << all.status();
  EXPECT_EQ(all->ShortDebugString(),
            "regions { name: \"n1/gpu0\" } regions { name: \"n2/gpu0\" } "
            "groups { name: \"cluster\" } sequence: 11");
  EXPECT_THAT(service_.requests(),
              ElementsAre("ListRegionsRequest {}", "ListRegionsRequest {page_token: \"2\"}"));
}

TEST_F(ClientTest, PageTokenThatDoesNotMoveOnIsAnErrorNotALoop) {
  v1::ListPoolsResponse page;
  page.set_next_page_token("same");
  service_.Answer(page);
  service_.Answer(page);
  EXPECT_TRUE(absl::IsInternal(client_.ListAllPools({}).status()));
}

TEST_F(ClientTest, ServerThatIsNotThereIsUnavailable) {
  std::string address;
  {
    FakeQuotaService gone;
    address = gone.address();
  }
  RetryPolicy once;
  once.attempts_max = 1;
  Client client(MakeGrpcConnection(address), once);
  EXPECT_TRUE(absl::IsUnavailable(client.Check({}).status()));
}

TEST_F(ClientTest, ServerThatIsBackIsFoundByTheNextFewCalls) {
  auto service = std::make_unique<FakeQuotaService>();
  const std::string address = service->address();
  RetryPolicy once;
  once.attempts_max = 1;
  Client client(MakeGrpcConnection(address), once);
  service->Answer(v1::CheckResponse());
  ASSERT_TRUE(client.Check({}).ok());
  service.reset();
  ASSERT_TRUE(absl::IsUnavailable(client.Check({}).status()));
  service = std::make_unique<FakeQuotaService>(address);
  service->Answer(v1::CheckResponse());
  int calls = 1;
  while (calls < 20 && !client.Check({}).ok()) ++calls;
  EXPECT_LT(calls, 20);
}

TEST_F(ClientTest, OfSeveralServersTheOneThatAnswersIsAskedFromThenOn) {
  FakeQuotaService standby;
  standby.Fail<v1::CheckResponse>(absl::UnavailableError("standby"));
  service_.Answer(v1::CheckResponse());
  service_.Answer(v1::CheckResponse());
  Client client(MakeGrpcConnection({standby.address(), service_.address()}));
  EXPECT_TRUE(client.Check({}).ok());
  EXPECT_TRUE(client.Check({}).ok());
  EXPECT_THAT(standby.requests(), SizeIs(1));
  EXPECT_THAT(service_.requests(), SizeIs(2));
}

// Takes connections and never says a word.
class SilentServer {
 public:
  SilentServer() {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(bind(socket_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(socket_, 8), 0);
    EXPECT_EQ(getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    address_ = absl::StrCat("127.0.0.1:", ntohs(address.sin_port));
  }
  ~SilentServer() { close(socket_); }

  const std::string& address() const { return address_; }

 private:
  const int socket_ = socket(AF_INET, SOCK_STREAM, 0);
  std::string address_;
};

TEST_F(ClientTest, CallEndsWithItsTimeout) {
  const SilentServer silent;
  RetryPolicy hasty;
  hasty.timeout = absl::Milliseconds(50);
  Client client(MakeGrpcConnection(silent.address()), hasty);
  EXPECT_TRUE(absl::IsDeadlineExceeded(client.Check({}).status()));
}

}  // namespace
}  // namespace dmem::client
