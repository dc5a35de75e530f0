// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/pods/http_getter.h"

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace dmem::client {
namespace {

constexpr int kPollMillis = 1000;  // Only an upper bound: Cancel wakes the poll.
// A server that is gone without a word is noticed after a minute.
constexpr long kKeepAliveSeconds = 30;       // NOLINT(google-runtime-int): curl takes a long.
constexpr long kKeepAliveProbeSeconds = 10;  // NOLINT(google-runtime-int): the same.

struct EasyDeleter {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
using Easy = std::unique_ptr<CURL, EasyDeleter>;

struct ListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using HeaderList = std::unique_ptr<curl_slist, ListDeleter>;

// What the callbacks of one transfer know.
struct Transfer {
  CURL* easy;
  const HttpGetter::OnPart& on_part;
  bool is_stopped = false;

  size_t Deliver(absl::string_view part, size_t size) {
    long code = 0;  // NOLINT(google-runtime-int): curl writes a long.
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &code);
    is_stopped = is_stopped || !on_part(static_cast<int>(code), part);
    return is_stopped ? 0 : size;  // Anything but `size` ends the transfer.
  }
};

size_t OnBody(char* data, size_t size, size_t count, void* transfer) {
  return static_cast<Transfer*>(transfer)->Deliver({data, size * count}, size * count);
}

// Headers come a line each; an empty one ends them.
size_t OnHeader(char* data, size_t size, size_t count, void* transfer) {
  const size_t bytes = size * count;
  if (absl::StripAsciiWhitespace(absl::string_view(data, bytes)).empty()) {
    return static_cast<Transfer*>(transfer)->Deliver("", bytes);
  }
  return bytes;
}

bool IsToken(absl::string_view token) {
  return std::all_of(token.begin(), token.end(),
                     [](unsigned char c) { return absl::ascii_isgraph(c); });
}

// Scheme, host and port: what a message may show of a URL.
absl::string_view ServerOf(absl::string_view url) {
  const size_t host = url.find("://");
  return url.substr(0, host == absl::string_view::npos ? host : url.find('/', host + 3));
}

}  // namespace

class HttpGetter::Impl {
 public:
  Impl() {
    // Thread safe since libcurl 7.84.
    static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
    if (ready == CURLE_OK) multi_ = curl_multi_init();
  }
  ~Impl() {
    if (multi_ != nullptr) curl_multi_cleanup(multi_);
  }

  absl::StatusOr<int> Get(const HttpRequest& request, const OnPart& on_part) {
    const Easy easy(curl_easy_init());
    if (multi_ == nullptr || easy == nullptr) {
      return absl::ResourceExhaustedError("libcurl cannot be initialized");
    }
    if (!IsToken(request.bearer_token)) {
      return absl::InvalidArgumentError("the bearer token has white space or control characters");
    }
    Transfer transfer{easy.get(), on_part};
    std::array<char, CURL_ERROR_SIZE> error{};
    HeaderList headers(curl_slist_append(nullptr, "Accept: application/json"));
    if (!request.bearer_token.empty()) {
      const std::string header = absl::StrCat("Authorization: Bearer ", request.bearer_token);
      curl_slist* longer = curl_slist_append(headers.get(), header.c_str());
      if (longer == nullptr) return absl::ResourceExhaustedError("libcurl has no memory");
      headers.release();  // NOLINT(bugprone-unused-return-value): `longer` begins with it.
      headers.reset(longer);
    }
    SetOptions(request, headers.get(), error.data(), &transfer);

    curl_multi_add_handle(multi_, easy.get());
    const absl::StatusOr<CURLcode> result = Run();
    curl_multi_remove_handle(multi_, easy.get());
    if (!result.ok()) return result.status();
    if (*result == CURLE_OK) {
      long code = 0;  // NOLINT(google-runtime-int): curl writes a long.
      curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &code);
      return static_cast<int>(code);
    }
    const std::string why = absl::StrCat(
        ServerOf(request.url), ": ", error[0] != '\0' ? error.data() : curl_easy_strerror(*result));
    if (transfer.is_stopped) return absl::AbortedError(why);
    if (*result == CURLE_OPERATION_TIMEDOUT) return absl::DeadlineExceededError(why);
    return absl::UnavailableError(why);
  }

  void Cancel() {
    is_cancelled_ = true;
    if (multi_ != nullptr) curl_multi_wakeup(multi_);
  }

 private:
  static void SetOptions(const HttpRequest& request, curl_slist* headers, char* error,
                         Transfer* transfer) {
    CURL* easy = transfer->easy;
    curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "dmem-agent");
    if (!request.ca_file.empty()) {
      curl_easy_setopt(easy, CURLOPT_CAINFO, request.ca_file.c_str());
    }
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                     static_cast<long>(absl::ToInt64Milliseconds(request.connect_timeout)));
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
                     static_cast<long>(absl::ToInt64Milliseconds(request.timeout)));
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, kKeepAliveSeconds);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, kKeepAliveProbeSeconds);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, OnBody);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, OnHeader);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
  }

  // Until the one transfer has ended, and how.
  absl::StatusOr<CURLcode> Run() {
    while (!is_cancelled_) {
      int running = 0;
      const CURLMcode performed = curl_multi_perform(multi_, &running);
      if (performed != CURLM_OK) return absl::InternalError(curl_multi_strerror(performed));
      int left = 0;
      while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
        if (message->msg == CURLMSG_DONE) return message->data.result;
      }
      curl_multi_poll(multi_, nullptr, 0, kPollMillis, nullptr);
    }
    return absl::CancelledError("the agent stops");
  }

  CURLM* multi_ = nullptr;
  std::atomic<bool> is_cancelled_{false};
};

HttpGetter::HttpGetter() : impl_(std::make_unique<Impl>()) {}
HttpGetter::~HttpGetter() = default;

absl::StatusOr<int> HttpGetter::Get(const HttpRequest& request, const OnPart& on_part) {
  return impl_->Get(request, on_part);
}

void HttpGetter::Cancel() { impl_->Cancel(); }

}  // namespace dmem::client
