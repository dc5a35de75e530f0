// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef TESTS_FUZZ_MESSAGE_MUTATOR_H_
#define TESTS_FUZZ_MESSAGE_MUTATOR_H_

#include <google/protobuf/message.h>

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace dmem::fuzz {

// Changes messages at random, by reflection. The values that it puts in are mostly those that it
// has seen in a field of the same name, so that what belongs together often still does.
class MessageMutator {
 public:
  // The same seed makes the same changes.
  explicit MessageMutator(unsigned seed) : random_(seed) {}

  // Remembers the values in `message`.
  void Learn(const google::protobuf::Message& message);
  // Changes one field somewhere in it.
  void Mutate(google::protobuf::Message* message);
  // Sets some fields of it.
  void Fill(google::protobuf::Message* message);

  // A number below `count`. REQUIRES: count > 0.
  size_t Below(size_t count) { return random_() % count; }

 private:
  void Fill(google::protobuf::Message* message, int depth);
  void SetScalar(google::protobuf::Message* message, const google::protobuf::FieldDescriptor* field,
                 bool is_element);
  uint64_t Number(const std::string& field);
  std::string Text(const std::string& field);

  std::minstd_rand random_;
  std::map<std::string, std::vector<std::string>> texts_;  // By field name.
  std::map<std::string, std::vector<uint64_t>> numbers_;
};

}  // namespace dmem::fuzz

#endif  // TESTS_FUZZ_MESSAGE_MUTATOR_H_
