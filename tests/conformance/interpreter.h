// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Interpreter: does what a line of a vector says, and answers in the vectors' words.

#ifndef TESTS_CONFORMANCE_INTERPRETER_H_
#define TESTS_CONFORMANCE_INTERPRETER_H_

#include <cstdint>
#include <map>
#include <string>

#include "nlohmann/json.hpp"
#include "tests/conformance/backend.h"

namespace dmem {
namespace conformance {

// The mapping between the vectors' words and dmemd's, for one file: ids of cgroups and charges, and
// the differences that are by design. Source: conformance description, section 2, and 5.3, 5.8.
//
// Thread-compatible.
class Interpreter {
 public:
  // `backend` must outlive this.
  Interpreter(Backend* backend, std::string charge_id_prefix);

  // The answer to one line, comparable with Expected(line). An answer of dmemd that has no
  // counterpart in the vectors is the error "CODE: text". Throws json::exception if arguments are
  // missing or of another type. Afterwards `lost` says whether dmemd did not answer at all.
  nlohmann::json Execute(const nlohmann::json& line);
  bool lost() const { return lost_; }

  // What the line expects of dmemd: granted peaks instead of the kernel's.
  static nlohmann::json Expected(const nlohmann::json& line);

 private:
  nlohmann::json CreateCgroup(const nlohmann::json& line);
  nlohmann::json RemoveCgroup(const nlohmann::json& line);
  nlohmann::json RegisterRegion(const nlohmann::json& line);
  nlohmann::json UnregisterRegion(const nlohmann::json& line);
  nlohmann::json SetLimits(const nlohmann::json& line);
  nlohmann::json WriteLimitText(const nlohmann::json& line);
  nlohmann::json Charge(const nlohmann::json& line);
  nlohmann::json Uncharge(const nlohmann::json& line);
  nlohmann::json Read(const nlohmann::json& line);
  nlohmann::json Show(const nlohmann::json& line);
  nlohmann::json Protection(const nlohmann::json& line);
  nlohmann::json EvictValuable(const nlohmann::json& line);
  nlohmann::json Below(const nlohmann::json& line);

  // {"ok":false,"error":…} with the vectors' word for the reason, if `words` has one.
  nlohmann::json Refused(const Failure& failure, const std::map<std::string, std::string>& words);
  // A name of a cgroup in dmemd for one in the vectors, and back.
  std::string ToDmemd(const std::string& cgroup) const;
  std::string FromDmemd(const std::string& cgroup) const;
  std::string FromDmemd(uint64_t cgroup_id) const;

  Backend* const backend_;
  const std::string charge_id_prefix_;
  bool lost_ = false;
  std::map<uint64_t, uint64_t> dmemd_cgroup_;   // By the vectors' id.
  std::map<uint64_t, uint64_t> vector_cgroup_;  // By dmemd's id.
  std::map<uint64_t, std::string> charge_id_;   // By the vectors' id; refused charges too.
};

}  // namespace conformance
}  // namespace dmem

#endif  // TESTS_CONFORMANCE_INTERPRETER_H_
