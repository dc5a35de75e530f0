// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef SERVER_TESTING_DMEMD_PROCESS_H_
#define SERVER_TESTING_DMEMD_PROCESS_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/mutex.h"

namespace dmem::server {

// dmemd as a process, for tests that kill it. Needs "//server:dmemd" in the data of the test.
//
// Thread safety: log() from any thread, the rest from one.
class DmemdProcess {
 public:
  struct Options {
    std::string binary = "server/dmemd";  // As tests find it.
    std::string data_dir;
    std::string store = "rocksdb";
    std::string listen = "127.0.0.1:0";
    std::string http = "127.0.0.1:0";
    std::vector<std::string> flags;  // Beside these.
  };

  // Starts one and waits until it is ready. Errors: FAILED_PRECONDITION with its exit code and what
  // it wrote, if it ended before.
  static absl::StatusOr<std::unique_ptr<DmemdProcess>> Start(const Options& options);
  // The same in two steps, for tests that end it while it starts.
  static std::unique_ptr<DmemdProcess> Launch(const Options& options);
  absl::Status AwaitReady();
  DmemdProcess(const DmemdProcess&) = delete;
  DmemdProcess& operator=(const DmemdProcess&) = delete;
  // Kills it if it still runs.
  ~DmemdProcess();

  const std::string& grpc_address() const { return grpc_address_; }
  const std::string& http_address() const { return http_address_; }
  pid_t pid() const { return pid_; }

  // Sends SIGKILL and waits until it is gone.
  void Kill();
  void Signal(int signal);
  // Whether it is gone, or about to be, before so much time has passed.
  bool EndsWithin(absl::Duration time);
  // Waits until it is gone. Returns its exit code, or minus the signal that ended it.
  int Wait();
  // Everything that it wrote to standard error so far; all of it after Wait.
  std::string log() const;

 private:
  DmemdProcess() = default;
  // Reads its standard error until the "ready" line or the end; then goes on in a thread.
  bool ReadUntilReady();
  void ReadOn();

  pid_t pid_ = -1;
  int stderr_fd_ = -1;
  bool ended_ = false;
  int exit_code_ = 0;
  std::string grpc_address_;
  std::string http_address_;
  std::thread reader_;
  mutable Mutex mutex_;
  std::string log_ ABSL_GUARDED_BY(mutex_);
};

// Where a program that tests run, but people too, finds dmemd: as `bazel run` and tests have it, or
// beside the program's own output. `program` is its argv[0].
std::string FindDmemd(const char* program);

}  // namespace dmem::server

#endif  // SERVER_TESTING_DMEMD_PROCESS_H_
