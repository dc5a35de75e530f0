// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/testing/dmemd_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "nlohmann/json.hpp"

namespace dmem::server {

namespace {

pid_t Spawn(const std::vector<std::string>& arguments, int stderr_fd) {
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const pid_t pid = fork();
  DMEM_CHECK(pid >= 0);
  if (pid != 0) return pid;
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // Never outlives the test.
  dup2(stderr_fd, STDERR_FILENO);
  execv(argv[0], argv.data());
  _exit(127);
}

}  // namespace

absl::StatusOr<std::unique_ptr<DmemdProcess>> DmemdProcess::Start(const Options& options) {
  std::unique_ptr<DmemdProcess> process = Launch(options);
  if (absl::Status status = process->AwaitReady(); !status.ok()) return status;
  return process;
}

std::unique_ptr<DmemdProcess> DmemdProcess::Launch(const Options& options) {
  std::vector<std::string> arguments = {
      options.binary,
      absl::StrCat("--listen=", options.listen),
      absl::StrCat("--http=", options.http),
      absl::StrCat("--data-dir=", options.data_dir),
      absl::StrCat("--store=", options.store),
  };
  arguments.insert(arguments.end(), options.flags.begin(), options.flags.end());
  int pipe_fds[2];
  DMEM_CHECK(pipe2(pipe_fds, O_CLOEXEC) == 0);
  std::unique_ptr<DmemdProcess> process(new DmemdProcess());
  process->pid_ = Spawn(arguments, pipe_fds[1]);
  process->stderr_fd_ = pipe_fds[0];
  close(pipe_fds[1]);
  return process;
}

absl::Status DmemdProcess::AwaitReady() {
  if (ReadUntilReady()) {
    reader_ = std::thread([this] { ReadOn(); });
    return absl::OkStatus();
  }
  const int exit_code = Wait();
  return absl::FailedPreconditionError(
      absl::StrCat("exit code ", exit_code, "; it wrote:\n", log()));
}

bool DmemdProcess::EndsWithin(absl::Duration time) {
  pollfd closed = {stderr_fd_, 0, 0};  // POLLHUP is always reported.
  return poll(&closed, 1, static_cast<int>(absl::ToInt64Milliseconds(time))) > 0;
}

DmemdProcess::~DmemdProcess() {
  if (!ended_) Kill();
  close(stderr_fd_);
}

bool DmemdProcess::ReadUntilReady() {
  std::string line;
  char byte;
  for (;;) {
    const ssize_t n = read(stderr_fd_, &byte, 1);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    {
      MutexLock lock(&mutex_);
      log_.push_back(byte);
    }
    if (byte != '\n') {
      line.push_back(byte);
      continue;
    }
    const nlohmann::json event = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    line.clear();
    if (!event.is_object() || event.value("event", "") != "ready") continue;
    grpc_address_ = event["grpc"];
    http_address_ = event["http"];
    return true;
  }
}

void DmemdProcess::ReadOn() {
  char buffer[4096];
  for (;;) {
    const ssize_t n = read(stderr_fd_, buffer, sizeof(buffer));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    MutexLock lock(&mutex_);
    log_.append(buffer, static_cast<size_t>(n));
  }
}

void DmemdProcess::Kill() {
  Signal(SIGKILL);
  Wait();
}

void DmemdProcess::Signal(int signal) {
  if (!ended_) kill(pid_, signal);
}

int DmemdProcess::Wait() {
  if (ended_) return exit_code_;
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0) DMEM_CHECK(errno == EINTR);
  if (reader_.joinable()) {
    reader_.join();
  } else {
    ReadOn();
  }
  ended_ = true;
  exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  return exit_code_;
}

std::string DmemdProcess::log() const {
  MutexLock lock(&mutex_);
  return log_;
}

std::string FindDmemd(const char* program) {
  std::string in_runfiles = "server/dmemd";
  std::error_code ignored;
  if (std::filesystem::exists(in_runfiles, ignored)) return in_runfiles;
  return std::filesystem::path(program).parent_path() / "../../server/dmemd";
}

}  // namespace dmem::server
