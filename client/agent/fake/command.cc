// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/fake/command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace dmem::client {
namespace {

constexpr size_t kKeptErrorBytes = 4 << 10;
constexpr int kLowestDescriptor = 10;  // Above those that the program is given.

class Descriptor {
 public:
  Descriptor() = default;
  // Takes `fd`; moves it out of the way of 0 to 3.
  explicit Descriptor(int fd) : fd_(fd) {
    if (fd < 0 || fd >= kLowestDescriptor) return;
    fd_ = ::fcntl(fd, F_DUPFD_CLOEXEC, kLowestDescriptor);
    ::close(fd);
  }
  Descriptor(Descriptor&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() { Close(); }

  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }
  void Close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  int fd_ = -1;
};

struct Pipe {
  Pipe() {
    int ends[2] = {-1, -1};
    if (::pipe2(ends, O_CLOEXEC) != 0) return;
    read = Descriptor(ends[0]);
    write = Descriptor(ends[1]);
    if (read.ok()) ::fcntl(read.get(), F_SETFL, O_NONBLOCK);
  }
  bool ok() const { return read.ok() && write.ok(); }

  Descriptor read;
  Descriptor write;
};

// A file in memory rather than a pipe: nothing has to be written while the program runs, and none
// that does not read it can stop us.
Descriptor InputFile(absl::string_view input) {
  Descriptor file(::memfd_create("input", MFD_CLOEXEC));
  while (file.ok() && !input.empty()) {
    const ssize_t size = ::write(file.get(), input.data(), input.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return Descriptor();
    input.remove_prefix(static_cast<size_t>(size));
  }
  if (file.ok()) ::lseek(file.get(), 0, SEEK_SET);
  return file;
}

Descriptor Timer(absl::Duration timeout) {
  Descriptor timer(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  itimerspec spec = {};
  spec.it_value = absl::ToTimespec(std::max(timeout, absl::Milliseconds(1)));
  if (timer.ok() && ::timerfd_settime(timer.get(), 0, &spec, nullptr) != 0) timer.Close();
  return timer;
}

// Starts the program with descriptors 0 to 3; returns errno. The last is only there to be closed
// when the program ends.
int Spawn(const std::vector<std::string>& arguments, const int (&descriptors)[4], pid_t& pid) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  for (int to = 0; to < 4; ++to) {
    posix_spawn_file_actions_adddup2(&actions, descriptors[to], to);
  }
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
  posix_spawnattr_setpgroup(&attributes, 0);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const int error = ::posix_spawn(&pid, argv[0], &actions, &attributes, argv.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return error;
}

// Reads what there is, and closes `from` at its end; of what passes `limit` it keeps nothing, and
// returns false.
bool Drain(Descriptor& from, size_t limit, std::string& text) {
  bool fits = true;
  char buffer[16 << 10];
  while (true) {
    const ssize_t size = ::read(from.get(), buffer, sizeof(buffer));
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == EAGAIN) return fits;
    if (size <= 0) {
      from.Close();
      return fits;
    }
    const size_t room = limit - text.size();
    fits &= static_cast<size_t>(size) <= room;
    text.append(buffer, std::min(room, static_cast<size_t>(size)));
  }
}

}  // namespace

absl::StatusOr<std::string> RunCommand(const std::vector<std::string>& arguments,
                                       absl::string_view input, absl::Duration timeout) {
  const std::string command = absl::StrJoin(arguments, " ");
  const auto failed = [&command](absl::string_view why) {
    return absl::UnavailableError(absl::StrCat("\"", command, "\" ", why));
  };
  Pipe out;
  Pipe error;
  Pipe alive;
  const Descriptor in = InputFile(input);
  const Descriptor timer = Timer(timeout);
  if (!out.ok() || !error.ok() || !alive.ok() || !in.ok() || !timer.ok()) {
    return failed(absl::StrCat("cannot be started: ", strerror(errno)));
  }
  pid_t pid = 0;
  const int spawned =
      Spawn(arguments, {in.get(), out.write.get(), error.write.get(), alive.write.get()}, pid);
  if (spawned != 0) return failed(absl::StrCat("cannot be started: ", strerror(spawned)));
  out.write.Close();
  error.write.Close();
  alive.write.Close();

  std::string printed;
  std::string complaint;
  std::string ignored;
  std::string trouble;
  while (trouble.empty() && (out.read.ok() || error.read.ok() || alive.read.ok())) {
    // poll passes over descriptors that are closed: they are -1.
    pollfd polled[] = {{out.read.get(), POLLIN, 0},
                       {error.read.get(), POLLIN, 0},
                       {alive.read.get(), POLLIN, 0},
                       {timer.get(), POLLIN, 0}};
    if (::poll(polled, 4, -1) < 0) {
      if (errno != EINTR) trouble = absl::StrCat("cannot be waited for: ", strerror(errno));
      continue;
    }
    if (polled[0].revents != 0 && !Drain(out.read, kMaxCommandOutputBytes, printed)) {
      trouble = absl::StrCat("printed more than ", kMaxCommandOutputBytes, " bytes");
    }
    if (polled[1].revents != 0) Drain(error.read, kKeptErrorBytes, complaint);
    if (polled[2].revents != 0) Drain(alive.read, 0, ignored);
    if (polled[3].revents != 0) {
      trouble = absl::StrCat("took longer than ", absl::FormatDuration(timeout));
    }
  }
  if (!trouble.empty()) ::kill(-pid, SIGKILL);
  int status = 0;
  pid_t waited;
  do {
    waited = ::waitpid(pid, &status, 0);
  } while (waited < 0 && errno == EINTR);

  if (!trouble.empty()) return failed(trouble);
  if (waited != pid) return failed(absl::StrCat("cannot be waited for: ", strerror(errno)));
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return printed;
  const std::string line = complaint.substr(0, complaint.find('\n'));
  return failed(absl::StrCat(WIFEXITED(status)
                                 ? absl::StrCat("ended with status ", WEXITSTATUS(status))
                                 : absl::StrCat("was killed by signal ", WTERMSIG(status)),
                             line.empty() ? "" : ": ", line));
}

}  // namespace dmem::client
