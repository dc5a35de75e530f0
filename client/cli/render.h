// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_CLI_RENDER_H_
#define DMEMD_CLIENT_CLI_RENDER_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "client/cli/table.h"
#include "dmem/v1/quota_service.pb.h"

namespace dmem::client {

// How objects look. Tables have one row an object, in the order given; descriptions have one
// object, with exact bytes. Amounts in tables are FormatByteSize's.
template <typename Message>
using Repeated = google::protobuf::RepeatedPtrField<Message>;

Table RegionTable(const Repeated<v1::Region>& regions);
Table GroupTable(const Repeated<v1::RegionGroup>& groups);
Table CgroupTable(const Repeated<v1::Cgroup>& cgroups);
Table PoolTable(const Repeated<v1::Pool>& pools);
Table ChargeTable(const Repeated<v1::Charge>& charges, absl::Time now);
Table VictimTable(const Repeated<v1::Victim>& victims);

std::string DescribeRegion(const v1::Region& region, absl::Time now);
std::string DescribeGroup(const v1::RegionGroup& group);
std::string DescribeCgroup(const v1::Cgroup& cgroup);
std::string DescribePool(const v1::Pool& pool);
std::string DescribeCharge(const v1::Charge& charge, absl::Time now);

// A pool's max as a cell: "80GiB", "max", "80GiB(observed)".
std::string MaxCell(const v1::Pool& pool);

// How long ago, as kubectl shows it: 42s, 3m12s, 95m, 5h12m, 30h, 3d4h, 40d, 2y. "0s" if not yet.
std::string Age(absl::Duration age);

// "n1/gpu0 (8GiB)" and so on for what a dropped region took with it; a line each.
std::string RenderDropped(const Repeated<v1::DroppedItem>& dropped, uint64_t dropped_items);

// A line for each dying cgroup that ended: "cgroup/@12 freed".
std::string RenderFreed(const google::protobuf::RepeatedField<uint64_t>& freed_cgroups);

// "TYPE/name", where a cgroup's slash serves: region/n1/gpu0, cgroup/team-a.
std::string TypeName(absl::string_view type, absl::string_view name);

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_CLI_RENDER_H_
