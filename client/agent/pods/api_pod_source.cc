// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/pods/api_pod_source.h"

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/agent/config/about_key.h"
#include "client/agent/pods/http_getter.h"
#include "client/agent/pods/pod_cache.h"
#include "client/agent/pods/pod_json.h"
#include "client/agent/read_file.h"

namespace dmem::client {
namespace {

constexpr int kPageSize = 500;
constexpr size_t kMaxPageBytes = size_t{64} * 1024 * 1024;
constexpr size_t kMaxEventBytes = size_t{8} * 1024 * 1024;  // etcd's objects have at most 1.5 MiB.
constexpr size_t kMaxErrorBytes = size_t{64} * 1024;
constexpr size_t kMaxCaBytes = size_t{16} * 1024 * 1024;
constexpr size_t kMaxTokenBytes = size_t{64} * 1024;
// A watch that ended in order after this long did its work, whatever it brought.
constexpr absl::Duration kWatchWorked = absl::Seconds(5);

// For a query: everything but what RFC 3986 calls unreserved is %XX.
std::string QueryEscape(absl::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
        absl::string_view("-._~").find(c) != absl::string_view::npos) {
      escaped.push_back(c);
    } else {
      absl::StrAppend(&escaped, "%",
                      absl::AsciiStrToUpper(absl::BytesToHexString(absl::string_view(&c, 1))));
    }
  }
  return escaped;
}

// What an answer other than 200 means. `body` is a v1.Status if it is the API server's.
absl::Status HttpError(int code, absl::string_view body) {
  std::string why = absl::StrCat("HTTP ", code);
  if (const absl::StatusOr<nlohmann::json> status = ParseJson(body); status.ok()) {
    const std::string message = TextAt(*status, {"message"});
    if (!message.empty()) absl::StrAppend(&why, ": ", message.substr(0, 500));
  }
  switch (code) {
    case 401:
      return absl::UnauthenticatedError(why);
    case 403:
      return absl::PermissionDeniedError(why);
    case 410:
      return absl::OutOfRangeError(why);
    default:
      return absl::UnavailableError(why);
  }
}

absl::Status AboutFile(absl::string_view key, const std::string& file, const absl::Status& status) {
  return absl::Status(
      status.code(),
      absl::StrCat(AboutKey(absl::StrCat("pods.api_server.", key), file, status).message(),
                   " (is it mounted where dmem-agent runs?)"));
}

class ApiPodSource : public PodSource {
 public:
  ApiPodSource(ApiPodSourceOptions options, ApiPodSourceEnvironment environment)
      : options_(std::move(options)),
        environment_(std::move(environment)),
        thread_([this] { Loop(); }) {}

  ~ApiPodSource() override {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      is_stopping_ = true;
    }
    changed_.notify_all();
    getter_.Cancel();
    thread_.join();
  }

  absl::string_view name() const override { return "api-server"; }

  PodSnapshot List() override {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait_for(lock, absl::ToChronoNanoseconds(options_.timeout),
                      [this] { return has_outcome_; });
    if (has_outcome_) return snapshot_;
    PodSnapshot none;
    none.status = absl::UnavailableError(
        absl::StrCat("pods of ", options_.node, " from ", options_.url, ": no answer yet"));
    return none;
  }

 private:
  void Loop() {
    int failures = 0;
    bool must_list = true;
    while (!IsStopping()) {
      bool is_sound = false;  // The server did what it is for.
      absl::Status status = must_list ? ListPods() : WatchPods(is_sound);
      if (status.ok() && must_list) {
        must_list = false;
        continue;  // A list alone proves little: its watch may be refused again and again.
      }
      if (is_sound) failures = 0;
      if (!status.ok()) PublishFailure(must_list ? "list" : "watch", status);
      // Of an event that cannot be read, what it said is in the next list.
      if (absl::IsOutOfRange(status) || absl::IsInvalidArgument(status)) must_list = true;
      if (!is_sound) Wait(failures++);
    }
  }

  // Pages may belong to an older version than the first by now (410): then all begins anew.
  absl::Status ListPods() {
    std::string next;
    do {
      std::string query = absl::StrCat("limit=", kPageSize);
      if (!next.empty()) absl::StrAppend(&query, "&continue=", QueryEscape(next));
      std::string body;
      absl::Status got = Request(query, options_.timeout, [&body](absl::string_view part) {
        body.append(part.data(), part.size());
        return body.size() <= kMaxPageBytes;
      });
      if (!got.ok()) return got;
      absl::StatusOr<std::string> token = cache_.AddPage(body, /*is_first=*/next.empty());
      if (!token.ok()) return token.status();
      next = *std::move(token);
    } while (!next.empty());
    Publish();
    return absl::OkStatus();
  }

  // Until it ends. `is_sound`: it brought something, or lasted.
  absl::Status WatchPods(bool& is_sound) {
    const absl::Time begin = environment_.now();
    std::string line;
    absl::Status broken;
    const auto on_part = [&](absl::string_view part) {
      if (part.empty()) Publish();  // The watch is open.
      for (const char c : part) {
        if (c != '\n') {
          line.push_back(c);
          continue;
        }
        if (!absl::StripAsciiWhitespace(line).empty()) broken = cache_.ApplyEvent(line);
        line.clear();
        if (!broken.ok()) return false;
        is_sound = true;
        Publish();
      }
      return line.size() <= kMaxEventBytes;
    };
    const std::string query = absl::StrCat(
        "watch=true&allowWatchBookmarks=true&resourceVersion=",
        QueryEscape(cache_.resource_version()),
        "&timeoutSeconds=", std::max<int64_t>(1, absl::ToInt64Seconds(options_.watch_timeout)));
    // The server ends the watch; a little later we do.
    absl::Status status = Request(query, options_.watch_timeout + options_.timeout, on_part);
    if (environment_.now() - begin >= kWatchWorked && status.ok()) is_sound = true;
    if (!broken.ok()) {
      is_sound = false;
      return broken;
    }
    return status;
  }

  // One GET of /api/v1/pods. OK: 200, and all of the body went through `on_part`, which is first
  // called with an empty part.
  absl::Status Request(const std::string& query, absl::Duration timeout,
                       const std::function<bool(absl::string_view)>& on_part) {
    HttpRequest request;
    request.url = absl::StrCat(options_.url, "/api/v1/pods?fieldSelector=spec.nodeName%3D",
                               QueryEscape(options_.node), "&", query);
    request.ca_file = options_.ca_file;
    request.connect_timeout = options_.timeout;
    request.timeout = timeout;
    if (absl::StartsWith(options_.url, "https://") && !options_.ca_file.empty()) {
      // What it is asked with says only that there is something wrong with the certificate.
      const absl::Status status = ReadSmallFile(options_.ca_file, kMaxCaBytes).status();
      if (!status.ok()) return AboutFile("ca_file", options_.ca_file, status);
    }
    if (!options_.token_file.empty()) {
      const absl::StatusOr<std::string> token = ReadSmallFile(options_.token_file, kMaxTokenBytes);
      if (!token.ok()) return AboutFile("token_file", options_.token_file, token.status());
      request.bearer_token = std::string(absl::StripAsciiWhitespace(*token));
    }
    std::string error;
    const absl::StatusOr<int> code =
        getter_.Get(request, [&](int code_so_far, absl::string_view part) {
          if (code_so_far == 200) return on_part(part);
          error.append(part.data(), std::min(part.size(), kMaxErrorBytes - error.size()));
          return true;
        });
    if (!code.ok()) return code.status();
    return *code == 200 ? absl::OkStatus() : HttpError(*code, error);
  }

  void Publish() {
    PodSnapshot snapshot;
    snapshot.pods = cache_.pods();
    SortPods(snapshot.pods);
    snapshot.as_of = environment_.now();
    const std::lock_guard<std::mutex> lock(mutex_);
    snapshot_ = std::move(snapshot);
    has_outcome_ = true;
    changed_.notify_all();
  }

  void PublishFailure(absl::string_view what, const absl::Status& status) {
    const std::lock_guard<std::mutex> lock(mutex_);
    snapshot_.status =
        absl::Status(status.code(), absl::StrCat("pods of ", options_.node, " from ", options_.url,
                                                 ", ", what, ": ", status.message()));
    has_outcome_ = true;
    changed_.notify_all();
  }

  bool IsStopping() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return is_stopping_;
  }

  // As long as after so many failures in a row, or until this stops.
  void Wait(int failures) {
    absl::Duration wait = options_.backoff_min;
    for (int i = 0; i < failures && wait < options_.backoff_max; ++i) wait *= 2;
    wait = std::min(wait, options_.backoff_max) * (1 - environment_.chance() / 2);
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait_for(lock, absl::ToChronoNanoseconds(wait), [this] { return is_stopping_; });
  }

  const ApiPodSourceOptions options_;
  const ApiPodSourceEnvironment environment_;
  HttpGetter getter_;
  PodCache cache_;  // Of the thread.

  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_stopping_ = false;
  bool has_outcome_ = false;  // A list is there, or has failed.
  PodSnapshot snapshot_;

  std::thread thread_;  // The last, as it uses the others.
};

}  // namespace

std::unique_ptr<PodSource> MakeApiPodSource(ApiPodSourceOptions options,
                                            ApiPodSourceEnvironment environment) {
  return std::make_unique<ApiPodSource>(std::move(options), std::move(environment));
}

}  // namespace dmem::client
