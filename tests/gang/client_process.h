// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef TESTS_GANG_CLIENT_PROCESS_H_
#define TESTS_GANG_CLIENT_PROCESS_H_

#include <sys/types.h>

#include <cstdio>
#include <string>
#include <vector>

namespace dmem {

// A client as a process, and what it writes. Killed at the latest with this, and with the thread
// that made it.
class ClientProcess {
 public:
  // The program and its arguments. Errors are for the child to have: it ends with 127.
  explicit ClientProcess(std::vector<std::string> arguments);
  ClientProcess(const ClientProcess&) = delete;
  ClientProcess& operator=(const ClientProcess&) = delete;
  ~ClientProcess();

  // False at its end.
  bool ReadLine(std::string* line);
  // Sends SIGKILL and waits until it is gone.
  void Kill();
  // Waits for its end, and gives its status as waitpid does.
  int Wait();

 private:
  pid_t pid_ = -1;  // -1: none, or waited for.
  FILE* out_ = nullptr;
};

}  // namespace dmem

#endif  // TESTS_GANG_CLIENT_PROCESS_H_
