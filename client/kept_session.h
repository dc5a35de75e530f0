// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_KEPT_SESSION_H_
#define DMEMD_CLIENT_KEPT_SESSION_H_

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/client.h"

namespace dmem::client {

struct KeptSessionOptions {
  std::string owner;         // Who opens it, for people.
  std::string node;          // Empty: a session that answers for no region.
  uint64_t incarnation = 0;  // Of the node; more than 0 with one.
  absl::Duration ttl = absl::Seconds(60);
};

// A session that is kept alive by a thread of its own, three times in its ttl, for as long as this
// lives. It is not closed at the end: an owner that comes back takes its node's session over, and
// until then silence releases nothing.
//
// Thread safe.
class KeptSession {
 public:
  KeptSession(std::shared_ptr<Client> client, KeptSessionOptions options);
  KeptSession(const KeptSession&) = delete;
  KeptSession& operator=(const KeptSession&) = delete;
  ~KeptSession();

  // Opens a session unless one is open. Returns its id. Errors: those of OpenSession.
  absl::StatusOr<uint64_t> Open();

  // Of the open session; 0: none is open, or it has ended.
  uint64_t id() const;

  // Why the last session ended (SESSION_FENCED, SESSION_SUPERSEDED, ...); OK while one is open, or
  // before the first.
  absl::Status ended() const;

  // The highest sequence that the server has told.
  uint64_t sequence() const;

  // Closes it: what its charges have reserved is given back, its node's regions are STALE. OK if
  // none is open. Errors: those of CloseSession; it is open still.
  absl::Status Close();

 private:
  void Loop();
  void KeepAlive(uint64_t id);

  const std::shared_ptr<Client> client_;
  const KeptSessionOptions options_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  // Guarded by mutex_.
  uint64_t id_ = 0;
  uint64_t sequence_ = 0;
  absl::Status ended_;
  bool is_stopping_ = false;

  std::thread thread_;
};

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_KEPT_SESSION_H_
