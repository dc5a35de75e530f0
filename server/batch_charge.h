// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef SERVER_BATCH_CHARGE_H_
#define SERVER_BATCH_CHARGE_H_

#include <cstddef>
#include <string>

#include "dmem/v1/quota_service.pb.h"
#include "server/apply.h"
#include "server/call.h"
#include "server/session_keeper.h"
#include "server/writer.h"

namespace dmem::server {

// A BatchCharge: applied in slices of kSliceCharges, so that no other call waits for more than one.
class BatchChargeTask final : public WriterTask {
 public:
  static constexpr int kSliceCharges = 200;

  // REQUIRES: Validate(*request) is OK. Its charges are validated in their turn.
  BatchChargeTask(const Call& call, const v1::BatchChargeRequest* request,
                  v1::BatchChargeResponse* response, SessionKeeper* keeper, std::string actor);

  size_t record_bytes() const override;
  size_t queued_bytes() const override { return queued_bytes_; }
  bool Run(Turn* turn) override;
  void Complete(const absl::Status& commit) override { call_.Finish(commit); }

 private:
  void ApplyNext(Turn* turn);
  void Render(const absl::Status& error, v1::BatchChargeResult* result);
  void ShortenWouldRefuse(v1::BatchChargeResult* result);

  const Call call_;
  const v1::BatchChargeRequest* const request_;
  v1::BatchChargeResponse* const response_;
  SessionKeeper* const keeper_;
  const size_t queued_bytes_;
  CommandInput input_;  // Of the charge that is applied; the actor is that of all.
  int next_ = 0;
  size_t explained_bytes_ = 0;  // Rendered so far.
};

}  // namespace dmem::server

#endif  // SERVER_BATCH_CHARGE_H_
