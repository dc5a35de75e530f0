// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/pods/http_getter.h"

#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/agent/pods/testing/fake_api_server.h"
#include "client/agent/pods/testing/test_certificate.h"
#include "client/agent/testing/temp_directory.h"
#include "gtest/gtest.h"

namespace dmem::client {
namespace {

class HttpGetterTest : public ::testing::Test {
 protected:
  HttpGetterTest() {
    request_.url = server_.url() + "/x?y=z";
    request_.connect_timeout = absl::Seconds(30);
    request_.timeout = absl::Seconds(30);
  }
  // Gets, and keeps the body.
  absl::StatusOr<int> Get() {
    return getter_.Get(request_, [this](int code, absl::string_view part) {
      code_ = code;
      absl::StrAppend(&body_, part);
      return true;
    });
  }

  FakeApiServer server_;
  HttpGetter getter_;
  HttpRequest request_;
  int code_ = 0;
  std::string body_;
};

TEST_F(HttpGetterTest, AnAnswersCodeAndBodyComeWhole) {
  server_.Answer(200, std::string(100000, 'x'));
  const absl::StatusOr<int> code = Get();
  ASSERT_TRUE(code.ok()) << code.status();
  EXPECT_EQ(*code, 200);
  EXPECT_EQ(body_, std::string(100000, 'x'));
}

TEST_F(HttpGetterTest, ErrorsOfTheServerAreAnswersToo) {
  server_.Answer(403, "no");
  EXPECT_EQ(*Get(), 403);
  EXPECT_EQ(code_, 403);
  EXPECT_EQ(body_, "no");
}

TEST_F(HttpGetterTest, TheTokenIsSentOnlyWhereThereIsOne) {
  server_.Answer(200, "");
  ASSERT_TRUE(Get().ok());
  request_.bearer_token = "s3cret";
  server_.Answer(200, "");
  ASSERT_TRUE(Get().ok());
  const std::vector<std::string> requests = server_.WaitForRequests(2);
  EXPECT_TRUE(absl::StartsWith(requests[0], "GET /x?y=z HTTP/1.1\r\n"));
  EXPECT_FALSE(absl::StrContains(requests[0], "Authorization"));
  EXPECT_TRUE(absl::StrContains(requests[1], "\r\nAuthorization: Bearer s3cret\r\n"));
}

TEST_F(HttpGetterTest, ATokenThatWouldMakeAnotherHeaderIsRefused) {
  request_.bearer_token = "a\r\nX-Evil: b";
  EXPECT_EQ(Get().status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(HttpGetterTest, ARedirectIsNotFollowed) {
  server_.Answer(302, "");
  EXPECT_EQ(*Get(), 302);
  EXPECT_EQ(server_.WaitForRequests(1).size(), 1u);
}

TEST_F(HttpGetterTest, PartsComeAsTheyAreSent) {
  server_.Open();
  std::vector<std::string> parts;
  const absl::StatusOr<int> code = getter_.Get(request_, [&](int, absl::string_view part) {
    parts.emplace_back(part);
    if (parts.size() == 1) server_.Send("one");  // The headers are there, and no body.
    if (part == "one") server_.Send("two");
    if (part == "two") server_.End();
    return true;
  });
  ASSERT_TRUE(code.ok()) << code.status();
  EXPECT_EQ(parts, (std::vector<std::string>{"", "one", "two"}));
}

TEST_F(HttpGetterTest, AnAnswerThatBreaksOffIsUnavailable) {
  server_.Open();
  server_.Send("half");
  server_.Break();
  const absl::Status status = Get().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), server_.url())) << status;
  EXPECT_FALSE(absl::StrContains(status.message(), "y=z")) << status;
}

TEST_F(HttpGetterTest, NobodyThereIsUnavailable) {
  request_.url = "http://127.0.0.1:1/";
  EXPECT_EQ(Get().status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(HttpGetterTest, PlainHttpIsNoTls) {
  request_.url = absl::StrCat("https", server_.url().substr(4), "/");
  server_.Answer(200, "");
  EXPECT_EQ(Get().status().code(), absl::StatusCode::kUnavailable);
}

// Over TLS, with a server that has a certificate of its own.
class HttpGetterTlsTest : public ::testing::Test {
 protected:
  explicit HttpGetterTlsTest(const std::string& address = "127.0.0.1")
      : certificate_(MakeTestCertificate(address)), server_(certificate_) {
    directory_.Write("ca.crt", certificate_.certificate);
    directory_.Write("other.crt", MakeTestCertificate("127.0.0.1").certificate);
    request_.url = server_.url() + "/";
    request_.bearer_token = "s3cret";
    request_.ca_file = directory_.path() + "/ca.crt";
    request_.timeout = absl::Seconds(30);
  }
  absl::StatusOr<int> Get() {
    return getter_.Get(request_, [](int, absl::string_view) { return true; });
  }

  const TempDirectory directory_;
  const TestCertificate certificate_;
  FakeApiServer server_;
  HttpGetter getter_;
  HttpRequest request_;
};

TEST_F(HttpGetterTlsTest, AServerThatTheCaFileVouchesForGetsTheToken) {
  server_.Answer(200, "");
  const absl::StatusOr<int> code = Get();
  ASSERT_TRUE(code.ok()) << code.status();
  EXPECT_EQ(*code, 200);
  EXPECT_TRUE(absl::StrContains(server_.WaitForRequests(1)[0], "Bearer s3cret"));
}

TEST_F(HttpGetterTlsTest, AServerThatNobodyVouchesForGetsNoRequest) {
  // Another authority, the system's, and a file that is not there.
  for (const std::string& ca_file :
       {directory_.path() + "/other.crt", std::string(), directory_.path() + "/missing.crt"}) {
    request_.ca_file = ca_file;
    EXPECT_EQ(Get().status().code(), absl::StatusCode::kUnavailable) << ca_file;
  }
  EXPECT_TRUE(server_.WaitForRequests(0).empty());
}

class HttpGetterOtherHostTest : public HttpGetterTlsTest {
 protected:
  HttpGetterOtherHostTest() : HttpGetterTlsTest("127.0.0.2") {}
};

TEST_F(HttpGetterOtherHostTest, ACertificateForAnotherHostIsRefused) {
  EXPECT_EQ(Get().status().code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(server_.WaitForRequests(0).empty());
}

TEST_F(HttpGetterTest, OtherProtocolsAreRefused) {
  request_.url = "file:///etc/passwd";
  EXPECT_FALSE(Get().ok());
  EXPECT_EQ(body_, "");
}

TEST_F(HttpGetterTest, AnAnswerThatDoesNotComeInTimeEnds) {
  request_.timeout = absl::Milliseconds(50);
  EXPECT_EQ(Get().status().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(HttpGetterTest, TheCallerCanStop) {
  server_.Open();
  server_.Send("part");
  const absl::StatusOr<int> code =
      getter_.Get(request_, [](int, absl::string_view part) { return part.empty(); });
  EXPECT_EQ(code.status().code(), absl::StatusCode::kAborted);
}

TEST_F(HttpGetterTest, CancelEndsAGetUnderWayAndEachLaterOne) {
  server_.Open();
  std::thread canceller([this] {
    server_.WaitForRequests(1);
    getter_.Cancel();
  });
  EXPECT_EQ(Get().status().code(), absl::StatusCode::kCancelled);
  canceller.join();
  EXPECT_EQ(Get().status().code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace dmem::client
