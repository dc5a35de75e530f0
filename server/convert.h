// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// The core's views as messages of the interface.

#ifndef SERVER_CONVERT_H_
#define SERVER_CONVERT_H_

#include <cstdint>
#include <vector>

#include "core/commands.h"
#include "core/state.h"
#include "core/views.h"
#include "dmem/v1/quota_service.pb.h"

namespace dmem::server {

v1::RegionState ToProto(RegionState state);
void ToProto(const RegionView& view, v1::Region* region);
void ToProto(const GroupView& view, v1::RegionGroup* group);
void ToProto(const CgroupView& view, v1::Cgroup* cgroup);
void ToProto(const PoolView& view, v1::Pool* pool);
void ToProto(const ChargeView& view, v1::Charge* charge);
void ToProto(const std::vector<CounterRefusal>& refusals,
             google::protobuf::RepeatedPtrField<v1::WouldRefuse>* would_refuse);
void ToProto(int64_t time_us, google::protobuf::Timestamp* time);

// Whole microseconds, of a time since 1970; what is finer is dropped.
int64_t ToMicroseconds(const google::protobuf::Timestamp& time);
int64_t ToMicroseconds(const google::protobuf::Duration& duration);

}  // namespace dmem::server

#endif  // SERVER_CONVERT_H_
