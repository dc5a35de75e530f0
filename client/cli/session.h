// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_CLI_SESSION_H_
#define DMEMD_CLIENT_CLI_SESSION_H_

#include <functional>
#include <memory>
#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/client.h"
#include "client/connection.h"
#include "client/retry_environment.h"
#include "google/protobuf/message.h"

namespace dmem::client {

// What dmemctl uses of the world; tests replace it.
struct Environment {
  std::ostream& out;
  std::ostream& err;
  std::function<std::shared_ptr<Connection>(const std::string& server)> connect;
  RetryEnvironment retry;
  std::function<std::string()> new_charge_id;
  std::string default_server;  // "HOST:PORT".
};

struct GlobalFlags {
  std::string server;
  absl::Duration timeout = absl::Seconds(10);
  bool json = false;
  bool csv = false;  // Of commands that print it.
  bool headers = true;
};

// One run of a command: the connection, made when first used, and where results go. Results go to
// stdout, warnings and errors to stderr.
class Session {
 public:
  Session(const Environment& environment, GlobalFlags flags);

  const GlobalFlags& flags() const { return flags_; }
  bool json() const { return flags_.json; }
  absl::Time Now() const { return environment_.retry.now(); }
  std::string NewChargeId() const { return environment_.new_charge_id(); }

  Client& client();

  // `text` as it is.
  void Print(absl::string_view text);
  // As -o asks: the message as JSON, or `text`.
  void PrintResult(const google::protobuf::Message& message, absl::string_view text);
  // "Warning: `text`", a line on stderr.
  void Warn(absl::string_view text);

 private:
  const Environment& environment_;
  const GlobalFlags flags_;
  std::unique_ptr<Client> client_;
};

// What a command line asks for, filled in while it is parsed and run afterwards.
using Command = std::function<absl::Status(Session&)>;

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_CLI_SESSION_H_
