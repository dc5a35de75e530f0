// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// make_corpus CALLS NAME: from a file of calls, the inputs of the other two targets that are made
// of them: corpus/record/NAME and corpus/checkpoint/NAME. To be run where corpus/ is.

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

#include "core/state_codec.h"
#include "tests/fuzz/calls.h"
#include "tests/fuzz/objects.h"
#include "tests/fuzz/player.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: make_corpus CALLS NAME\n");
    return 2;
  }
  std::ifstream file(argv[1]);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  dmem::fuzz::Player player;
  player.Play(dmem::fuzz::ParseCalls(text));

  std::ofstream record(std::string("corpus/record/") + argv[2], std::ios::binary);
  for (const std::string& each : player.records()) record << each;
  dmem::StateDelta all = dmem::DiffStates(nullptr, dmem::StateHash(), player.ledger().state());
  std::sort(all.puts.begin(), all.puts.end());
  std::string objects;
  for (const auto& [key, value] : all.puts) dmem::fuzz::AppendObject(key, value, &objects);
  std::ofstream(std::string("corpus/checkpoint/") + argv[2], std::ios::binary) << objects;
  std::printf("%s: %zu records, %zu objects\n", argv[2], player.records().size(), all.puts.size());
  return 0;
}
