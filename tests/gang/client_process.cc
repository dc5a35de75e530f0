// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/gang/client_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "absl/strings/ascii.h"

namespace dmem {

ClientProcess::ClientProcess(std::vector<std::string> arguments) {
  int ends[2];
  // Not for other clients to inherit, or their ends would be waited for.
  if (pipe2(ends, O_CLOEXEC) != 0) return;
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) argv.push_back(&argument[0]);
  argv.push_back(nullptr);
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(127);  // It has ended before.
    dup2(ends[1], STDOUT_FILENO);
    execv(argv[0], argv.data());
    _exit(127);
  }
  close(ends[1]);
  out_ = fdopen(ends[0], "r");
}

ClientProcess::~ClientProcess() {
  Kill();
  if (out_ != nullptr) std::fclose(out_);
}

bool ClientProcess::ReadLine(std::string* line) {
  char buffer[4096];
  if (out_ == nullptr || std::fgets(buffer, sizeof(buffer), out_) == nullptr) return false;
  *line = std::string(absl::StripTrailingAsciiWhitespace(buffer));
  return true;
}

void ClientProcess::Kill() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  Wait();
}

int ClientProcess::Wait() {
  int status = -1;
  if (pid_ <= 0 || waitpid(pid_, &status, 0) != pid_) return -1;
  pid_ = -1;
  return status;
}

}  // namespace dmem
