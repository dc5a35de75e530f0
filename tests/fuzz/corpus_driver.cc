// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Runs a fuzz target without libFuzzer: over each file of its corpus, and over changes of them made
// at random from a seed. What ends the program is kept as a file.

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "tests/fuzz/corpus.h"
#include "tests/fuzz/fuzz_target.h"

extern "C" __attribute__((weak)) size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size,
                                                                size_t max_size, unsigned seed);

namespace {

constexpr size_t kInputBytesMax = 16384;
// Of one input: an input that never ends is a finding, too.
constexpr unsigned kSecondsMax = 20;

std::minstd_rand dice;
std::vector<std::string> corpus;
// What is being tried, for the handler of the signal that ends it.
std::string input;
std::string finding_path;

size_t Below(size_t count) { return dice() % count; }

void KeepFinding(int number) {
  const int file = open(finding_path.c_str(), O_CREAT | O_WRONLY | O_TRUNC, 0644);
  if (file >= 0) {
    const ssize_t written = write(file, input.data(), input.size());
    (void)written;
    close(file);
  }
  std::fprintf(stderr, "FINDING: input kept as %s\n", finding_path.c_str());
  // A check that failed, and said so, or no end.
  if (number == SIGABRT || number == SIGALRM) _exit(1);
  std::signal(number, SIG_DFL);
  std::raise(number);
}

void Try(const std::string& bytes) {
  input = bytes;
  alarm(kSecondsMax);
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
}

std::string Changed(std::string bytes) {
  bytes.resize(std::min(bytes.size(), kInputBytesMax));
  const size_t size = bytes.size();
  bytes.resize(kInputBytesMax);
  auto* data = reinterpret_cast<uint8_t*>(&bytes[0]);
  bytes.resize(LLVMFuzzerCustomMutator != nullptr
                   ? LLVMFuzzerCustomMutator(data, size, kInputBytesMax, dice())
                   : LLVMFuzzerMutate(data, size, kInputBytesMax));
  return bytes;
}

}  // namespace

size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size) {
  std::string bytes(reinterpret_cast<const char*>(data), size);
  const size_t at = Below(size + 1);
  const std::string& other = corpus[Below(corpus.size())];
  switch (Below(6)) {
    case 0:
      if (at < size) bytes[at] = static_cast<char>(bytes[at] ^ (1 << Below(8)));
      break;
    case 1:
      bytes.insert(at, 1 + Below(4), static_cast<char>(Below(256)));
      break;
    case 2:
      bytes.erase(at, 1 + Below(8));
      break;
    case 3:  // A piece of another one.
      bytes.insert(at, other.substr(Below(other.size() + 1), Below(64)));
      break;
    case 4:  // The end of another one.
      bytes = bytes.substr(0, at) + other.substr(Below(other.size() + 1));
      break;
    default:
      bytes.replace(at, std::min<size_t>(size - at, 8), 8, Below(2) == 0 ? '\xff' : '\0');
      break;
  }
  if (bytes.size() > max_size) bytes.resize(max_size);
  std::copy(bytes.begin(), bytes.end(), data);
  return bytes.size();
}

int main(int argc, char** argv) {
  uint64_t tries = 10000;
  uint32_t seed = 1;
  std::string directory;
  CLI::App app("Tries a corpus, and changes of it.");
  app.add_option("--tries", tries, "how many changes of it")->capture_default_str();
  app.add_option("--seed", seed, "of the changes")->capture_default_str();
  app.add_option("corpus", directory, "directory of inputs")->required();
  CLI11_PARSE(app, argc, argv);

  const char* outputs = std::getenv("TEST_UNDECLARED_OUTPUTS_DIR");
  finding_path = std::string(outputs == nullptr ? "." : outputs) + "/finding";
  for (const int number : {SIGABRT, SIGALRM, SIGSEGV, SIGBUS, SIGFPE})
    std::signal(number, KeepFinding);
  for (auto& [name, bytes] : dmem::fuzz::ReadCorpus(directory)) corpus.push_back(std::move(bytes));
  if (corpus.empty()) {
    std::fprintf(stderr, "%s: no inputs\n", directory.c_str());
    return 2;
  }
  std::printf("%zu inputs, then %" PRIu64 " changes from seed %" PRIu32 "\n", corpus.size(), tries,
              seed);
  std::fflush(stdout);
  for (const std::string& each : corpus) Try(each);
  dice.seed(seed);
  std::string bytes;
  for (uint64_t i = 0; i < tries; ++i) {
    // A change of a change, now and then from the start again.
    if (bytes.empty() || Below(16) == 0) bytes = corpus[Below(corpus.size())];
    bytes = Changed(std::move(bytes));
    Try(bytes);
  }
  std::printf("%" PRIu64 " inputs tried\n", corpus.size() + tries);
  return 0;
}
