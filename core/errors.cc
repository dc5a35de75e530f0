// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "core/errors.h"

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "core/encoding.h"

namespace dmem {
namespace {

constexpr char kFactsPayload[] = "dmemd/facts";

std::string Iso(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", time, absl::UTCTimeZone());
}

std::string Quoted(absl::string_view name) { return absl::StrCat("\"", name, "\""); }

std::string Number(ByteCount bytes) { return absl::StrCat(bytes.value()); }

absl::Status NotFound(absl::string_view message, const ErrorFacts& facts) {
  return MakeError(absl::StatusCode::kNotFound, message, facts);
}

absl::Status FailedPrecondition(absl::string_view message, const ErrorFacts& facts) {
  return MakeError(absl::StatusCode::kFailedPrecondition, message, facts);
}

absl::Status Aborted(absl::string_view message, const ErrorFacts& facts) {
  return MakeError(absl::StatusCode::kAborted, message, facts);
}

}  // namespace

absl::Status MakeError(absl::StatusCode code, absl::string_view message, const ErrorFacts& facts) {
  absl::Status status(code, message);
  std::string encoded;
  Encoder encoder(&encoded);
  encoder.String(facts.reason);
  encoder.Uint(facts.metadata.size());
  for (const auto& [key, value] : facts.metadata) {
    encoder.String(key);
    encoder.String(value);
  }
  status.SetPayload(kFactsPayload, absl::Cord(encoded));
  return status;
}

ErrorFacts FactsOf(const absl::Status& status) {
  ErrorFacts facts;
  const absl::optional<absl::Cord> payload = status.GetPayload(kFactsPayload);
  if (!payload.has_value()) return facts;
  const std::string encoded(*payload);
  Decoder decoder(encoded);
  facts.reason = std::string(decoder.String());
  for (uint64_t n = decoder.Uint(); n > 0 && decoder.ok(); --n) {
    std::string key(decoder.String());
    facts.metadata.emplace_back(std::move(key), std::string(decoder.String()));
  }
  return facts;
}

absl::Status CreatedAtInFuture(absl::string_view charge_id, absl::Time created_at, absl::Time now) {
  return MakeError(absl::StatusCode::kInvalidArgument,
                   absl::StrCat("created_at ", Iso(created_at), " of charge ", Quoted(charge_id),
                                " is more than a minute ahead of the server's time ", Iso(now),
                                "; set the caller's clock right"),
                   {"CREATED_AT_IN_FUTURE",
                    {{"charge_id", std::string(charge_id)},
                     {"created_at", Iso(created_at)},
                     {"now", Iso(now)}}});
}

absl::Status BadLimitText(absl::string_view why) {
  return MakeError(absl::StatusCode::kInvalidArgument, why, {"BAD_LIMIT_TEXT", {}});
}

absl::Status RegionNotFound(absl::string_view name) {
  return NotFound(absl::StrCat("no region or group ", Quoted(name), " is registered"),
                  {"REGION_NOT_FOUND", {{"region", std::string(name)}}});
}

absl::Status GroupNotFound(absl::string_view name) {
  return NotFound(absl::StrCat("no region group ", Quoted(name), " is registered"),
                  {"GROUP_NOT_FOUND", {{"group", std::string(name)}}});
}

absl::Status CgroupNotFound(absl::string_view path) {
  return NotFound(absl::StrCat("no cgroup ", Quoted(path)),
                  {"CGROUP_NOT_FOUND", {{"cgroup", std::string(path)}}});
}

absl::Status ImplicitCgroupsOff(absl::string_view path) {
  return NotFound(absl::StrCat("no cgroup ", Quoted(path),
                               ", and this server makes none implicitly; create it first"),
                  {"CGROUP_NOT_FOUND", {{"cgroup", std::string(path)}}});
}

absl::Status ImplicitCgroupsBelowExplicitOnly(absl::string_view path) {
  return NotFound(
      absl::StrCat(
          "no cgroup ", Quoted(path),
          ", and this server makes cgroups implicitly only below an explicit one other than "
          "\"/\"; create one of its ancestors first"),
      {"CGROUP_NOT_FOUND", {{"cgroup", std::string(path)}}});
}

absl::Status ParentGroupNotFound(absl::string_view name, absl::string_view parent) {
  return NotFound(
      absl::StrCat("parent ", Quoted(parent), " of ", Quoted(name), " is not registered"),
      {"PARENT_NOT_FOUND", {{"name", std::string(name)}, {"parent", std::string(parent)}}});
}

absl::Status ParentCgroupNotFound(absl::string_view path, absl::string_view parent) {
  return NotFound(
      absl::StrCat("parent ", Quoted(parent), " of cgroup ", Quoted(path), " does not exist"),
      {"PARENT_NOT_FOUND", {{"name", std::string(path)}, {"parent", std::string(parent)}}});
}

absl::Status ChargeNotFound(absl::string_view charge_id) {
  return NotFound(absl::StrCat("no charge ", Quoted(charge_id)),
                  {"CHARGE_NOT_FOUND", {{"charge_id", std::string(charge_id)}}});
}

absl::Status ItemNotFound(absl::string_view charge_id, absl::string_view cgroup,
                          absl::string_view region) {
  return NotFound(absl::StrCat("charge ", Quoted(charge_id), " has no item in cgroup ",
                               Quoted(cgroup), " and region ", Quoted(region)),
                  {"ITEM_NOT_FOUND",
                   {{"charge_id", std::string(charge_id)},
                    {"cgroup", std::string(cgroup)},
                    {"region", std::string(region)}}});
}

absl::Status ReservedItemNotFound(absl::string_view charge_id, absl::string_view cgroup,
                                  absl::string_view region) {
  return NotFound(absl::StrCat("charge ", Quoted(charge_id), " has nothing reserved for cgroup ",
                               Quoted(cgroup), " in ", Quoted(region), " or a group above it"),
                  {"ITEM_NOT_FOUND",
                   {{"charge_id", std::string(charge_id)},
                    {"cgroup", std::string(cgroup)},
                    {"region", std::string(region)}}});
}

absl::Status NoItemInCgroup(absl::string_view charge_id, absl::string_view cgroup) {
  return NotFound(
      absl::StrCat("charge ", Quoted(charge_id), " has no item in cgroup ", Quoted(cgroup)),
      {"ITEM_NOT_FOUND", {{"charge_id", std::string(charge_id)}, {"cgroup", std::string(cgroup)}}});
}

absl::Status FileNotFound(absl::string_view cgroup, absl::string_view file) {
  return NotFound(
      absl::StrCat("cgroup ", Quoted(cgroup), " has no file ", Quoted(file),
                   cgroup == "/"
                       ? "; it has dmem.capacity and dmem.current"
                       : "; it has dmem.current, dmem.peak, dmem.min, dmem.low and dmem.max"),
      {"FILE_NOT_FOUND", {{"cgroup", std::string(cgroup)}, {"file", std::string(file)}}});
}

absl::Status ChargeIdInUse(absl::string_view charge_id) {
  return MakeError(absl::StatusCode::kAlreadyExists,
                   absl::StrCat("charge id ", Quoted(charge_id),
                                " belongs to a live charge made by another request"),
                   {"CHARGE_ID_IN_USE", {{"charge_id", std::string(charge_id)}}});
}

absl::Status CgroupExists(absl::string_view path) {
  return MakeError(absl::StatusCode::kAlreadyExists,
                   absl::StrCat("cgroup ", Quoted(path), " exists already"),
                   {"CGROUP_EXISTS", {{"cgroup", std::string(path)}}});
}

absl::Status CommitIdInUse(absl::string_view charge_id, absl::string_view commit_id) {
  return MakeError(
      absl::StatusCode::kAlreadyExists,
      absl::StrCat("commit id ", Quoted(commit_id), " of charge ", Quoted(charge_id),
                   " belongs to a commit with other placements"),
      {"COMMIT_ID_IN_USE",
       {{"charge_id", std::string(charge_id)}, {"commit_id", std::string(commit_id)}}});
}

absl::Status RefusedByCounter(RefusalKind kind, absl::string_view cgroup, absl::string_view region,
                              ByteCount bytes, const CounterRefusal& refusal) {
  std::string what = absl::StrCat("charge of ", Number(bytes), " bytes to ", Quoted(cgroup),
                                  " in region ", Quoted(region), " refused: ");
  const char* reason = "MAX_EXCEEDED";
  switch (kind) {
    case RefusalKind::kMax:
      absl::StrAppend(&what, Quoted(refusal.cgroup), " in ", Quoted(refusal.region), " uses ",
                      Number(refusal.usage), " of max ", Number(refusal.max), " bytes");
      break;
    case RefusalKind::kCapacity:
      reason = "CAPACITY";
      absl::StrAppend(&what, "region ", Quoted(refusal.region), " is full, ", Number(refusal.usage),
                      " of ", Number(refusal.max),
                      " grantable bytes are used and no cgroup's limit was hit");
      break;
    case RefusalKind::kUnattributed:
      reason = "UNATTRIBUTED";
      absl::StrAppend(&what, "region ", Quoted(refusal.region), " uses ", Number(refusal.usage),
                      " of ", Number(refusal.grantable), " grantable bytes, but ",
                      Number(refusal.unattributed),
                      " bytes are in use on the device and belong to no charge, so that only ",
                      Number(refusal.max), " are granted");
      break;
    case RefusalKind::kOverflow:
      reason = "COUNTER_OVERFLOW";
      absl::StrAppend(&what, "the usage of ", Quoted(refusal.cgroup), " in ",
                      Quoted(refusal.region), ", now ", Number(refusal.usage),
                      " bytes, would pass 2^63-1");
      break;
  }
  absl::StrAppend(&what, "; short by ", Number(refusal.short_by), " bytes, at most ",
                  Number(refusal.largest_grantable), " would be granted now");
  ErrorFacts facts{reason,
                   {{"item", absl::StrCat(refusal.item)},
                    {"cgroup", std::string(cgroup)},
                    {"region", std::string(region)},
                    {"bytes", Number(bytes)}}};
  if (kind == RefusalKind::kMax || kind == RefusalKind::kOverflow) {
    facts.metadata.emplace_back("counter_cgroup", refusal.cgroup);
  }
  facts.metadata.emplace_back("counter_region", refusal.region);
  facts.metadata.emplace_back("usage_bytes", Number(refusal.usage));
  facts.metadata.emplace_back("max_bytes", Number(refusal.max));
  facts.metadata.emplace_back("requested_bytes", Number(refusal.requested));
  facts.metadata.emplace_back("short_bytes", Number(refusal.short_by));
  facts.metadata.emplace_back("largest_grantable_bytes", Number(refusal.largest_grantable));
  if (!refusal.unattributed.is_zero()) {
    facts.metadata.emplace_back("grantable_bytes", Number(refusal.grantable));
    facts.metadata.emplace_back("unattributed_bytes", Number(refusal.unattributed));
  }
  return MakeError(absl::StatusCode::kResourceExhausted, what, facts);
}

absl::Status TooMany(absl::string_view objects, uint64_t bound) {
  return MakeError(
      absl::StatusCode::kResourceExhausted,
      absl::StrCat("this server holds at most ", bound, " ", objects,
                   "; remove some, or raise its bound and restart it"),
      {"TOO_MANY", {{"object", std::string(objects)}, {"bound", absl::StrCat(bound)}}});
}

absl::Status TooManyOfCharge(absl::string_view charge_id, absl::string_view objects,
                             uint64_t bound) {
  return MakeError(absl::StatusCode::kResourceExhausted,
                   absl::StrCat("charge ", Quoted(charge_id), " can have at most ", bound, " ",
                                objects, "; use several charges"),
                   {"TOO_MANY",
                    {{"object", absl::StrCat(objects, " of a charge")},
                     {"bound", absl::StrCat(bound)},
                     {"charge_id", std::string(charge_id)}}});
}

absl::Status TextTooLong(absl::string_view file, uint64_t bytes_max) {
  return MakeError(absl::StatusCode::kResourceExhausted,
                   absl::StrCat("the text of ", Quoted(file), " would pass ", bytes_max,
                                " bytes; list the pools instead"),
                   {"TOO_MANY", {{"object", "bytes of text"}, {"bound", absl::StrCat(bytes_max)}}});
}

absl::Status AlreadyReleased(absl::string_view charge_id) {
  return FailedPrecondition(
      absl::StrCat("charge id ", Quoted(charge_id),
                   " is spent: it was uncharged, dropped or cancelled; use a new id"),
      {"ALREADY_RELEASED", {{"charge_id", std::string(charge_id)}}});
}

absl::Status IdTooOld(absl::string_view charge_id, absl::Time created_at,
                      absl::Time covered_since) {
  return FailedPrecondition(
      absl::StrCat("charge ", Quoted(charge_id), " was first sent at ", Iso(created_at),
                   ", and ids are remembered only since ", Iso(covered_since),
                   "; make sure that it is not held, then use a new id"),
      {"ID_TOO_OLD",
       {{"charge_id", std::string(charge_id)},
        {"created_at", Iso(created_at)},
        {"covered_since", Iso(covered_since)}}});
}

absl::Status RegionCordoned(absl::string_view region) {
  return FailedPrecondition(
      absl::StrCat("region ", Quoted(region), " is cordoned and takes no new charges"),
      {"REGION_CORDONED", {{"region", std::string(region)}}});
}

absl::Status RegionGone(absl::string_view region) {
  return FailedPrecondition(
      absl::StrCat("region ", Quoted(region), " is unregistered; only uncharging is possible"),
      {"REGION_GONE", {{"region", std::string(region)}}});
}

absl::Status RegionIsGroup(absl::string_view name) {
  return FailedPrecondition(
      absl::StrCat(Quoted(name), " is a region group where a region is meant"),
      {"WRONG_KIND", {{"name", std::string(name)}, {"kind", "group"}}});
}

absl::Status GroupIsRegion(absl::string_view name) {
  return FailedPrecondition(
      absl::StrCat(Quoted(name), " is a region where a region group is meant"),
      {"WRONG_KIND", {{"name", std::string(name)}, {"kind", "region"}}});
}

absl::Status CgroupDying(absl::string_view cgroup) {
  return FailedPrecondition(
      absl::StrCat("cgroup ", Quoted(cgroup), " is dying: it takes no new charges or limits"),
      {"CGROUP_DYING", {{"cgroup", std::string(cgroup)}}});
}

absl::Status CgroupHasChildren(absl::string_view path, uint32_t children) {
  return FailedPrecondition(
      absl::StrCat("cgroup ", Quoted(path), " has ", children, " live children; delete them first"),
      {"CGROUP_HAS_CHILDREN",
       {{"cgroup", std::string(path)}, {"children", absl::StrCat(children)}}});
}

absl::Status MaxBelowUsage(absl::string_view cgroup, absl::string_view region, ByteCount max,
                           ByteCount usage) {
  return FailedPrecondition(
      absl::StrCat("max of ", Number(max), " bytes for ", Quoted(cgroup), " in ", Quoted(region),
                   " is below its usage of ", Number(usage),
                   " bytes; free memory first, or apply it below usage"),
      {"MAX_BELOW_USAGE",
       {{"cgroup", std::string(cgroup)},
        {"region", std::string(region)},
        {"max_bytes", Number(max)},
        {"usage_bytes", Number(usage)}}});
}

absl::Status GroupNotEmpty(absl::string_view name, uint32_t members) {
  return FailedPrecondition(
      absl::StrCat("region group ", Quoted(name), " has ", members, " members"),
      {"GROUP_NOT_EMPTY", {{"group", std::string(name)}, {"members", absl::StrCat(members)}}});
}

absl::Status GroupCycle(absl::string_view name, absl::string_view parent) {
  return FailedPrecondition(
      absl::StrCat("region group ", Quoted(name), " cannot be below ", Quoted(parent),
                   ", which is itself below it"),
      {"GROUP_CYCLE", {{"group", std::string(name)}, {"parent", std::string(parent)}}});
}

absl::Status GroupTooDeep(absl::string_view name, absl::string_view parent, int depth_max) {
  return FailedPrecondition(
      absl::StrCat(Quoted(name), " below ", Quoted(parent), " would put more than ", depth_max,
                   " groups above a region"),
      {"GROUP_TOO_DEEP",
       {{"name", std::string(name)},
        {"parent", std::string(parent)},
        {"bound", absl::StrCat(depth_max)}}});
}

absl::Status HasCharges(absl::string_view name, uint64_t items) {
  return FailedPrecondition(
      absl::StrCat(Quoted(name), " cannot change its parent while ", items,
                   " charge items are in it"),
      {"HAS_CHARGES", {{"name", std::string(name)}, {"items", absl::StrCat(items)}}});
}

absl::Status NotReserved(absl::string_view charge_id) {
  return FailedPrecondition(
      absl::StrCat("charge ", Quoted(charge_id), " has nothing reserved: it is committed already"),
      {"NOT_RESERVED", {{"charge_id", std::string(charge_id)}}});
}

absl::Status PlacementMissing(absl::string_view charge_id) {
  return FailedPrecondition(
      absl::StrCat("all that charge ", Quoted(charge_id),
                   " has reserved is in groups; say on which regions to place it"),
      {"PLACEMENT_MISSING", {{"charge_id", std::string(charge_id)}}});
}

absl::Status NotAMember(absl::string_view region, absl::string_view reserved_in) {
  return FailedPrecondition(
      absl::StrCat("region ", Quoted(region), " is not ", Quoted(reserved_in),
                   ", where it is reserved, nor below it"),
      {"NOT_A_MEMBER",
       {{"region", std::string(region)}, {"reserved_in", std::string(reserved_in)}}});
}

absl::Status ReservationTooSmall(absl::string_view charge_id, absl::string_view cgroup,
                                 absl::string_view reserved_in, ByteCount asked,
                                 ByteCount reserved) {
  return FailedPrecondition(
      absl::StrCat("placements of ", Number(asked), " bytes, but charge ", Quoted(charge_id),
                   " has only ", Number(reserved), " reserved for ", Quoted(cgroup), " in ",
                   Quoted(reserved_in), "; charge the rest on its own"),
      {"RESERVATION_TOO_SMALL",
       {{"charge_id", std::string(charge_id)},
        {"cgroup", std::string(cgroup)},
        {"reserved_in", std::string(reserved_in)},
        {"asked_bytes", Number(asked)},
        {"reserved_bytes", Number(reserved)}}});
}

absl::Status NotHeld(absl::string_view charge_id) {
  return FailedPrecondition(
      absl::StrCat("charge ", Quoted(charge_id),
                   " is reserved, so that nobody has to release it; cancel or uncharge it"),
      {"NOT_HELD", {{"charge_id", std::string(charge_id)}}});
}

absl::Status NotReleasing(absl::string_view charge_id) {
  return FailedPrecondition(
      absl::StrCat("charge ", Quoted(charge_id),
                   " is not releasing: uncharge it whole, or ask for its release first"),
      {"NOT_RELEASING", {{"charge_id", std::string(charge_id)}}});
}

absl::Status ReleaseNeedsEvidence(absl::string_view charge_id, absl::string_view region) {
  return FailedPrecondition(
      absl::StrCat("charge ", Quoted(charge_id), " is releasing, and its memory in ",
                   Quoted(region),
                   " is given back only by the session of that node, with its "
                   "evidence that no process uses it, or by a fence"),
      {"RELEASE_NEEDS_EVIDENCE",
       {{"charge_id", std::string(charge_id)}, {"region", std::string(region)}}});
}

absl::Status StaleIncarnation(absl::string_view region, uint64_t given, uint64_t current) {
  return Aborted(absl::StrCat("incarnation ", given, " of region ", Quoted(region),
                              " is older than the current ", current),
                 {"STALE_INCARNATION",
                  {{"region", std::string(region)},
                   {"given", absl::StrCat(given)},
                   {"current", absl::StrCat(current)}}});
}

absl::Status IncarnationMismatch(absl::string_view region, uint64_t given, uint64_t current) {
  return Aborted(absl::StrCat("the charge means incarnation ", given, " of region ", Quoted(region),
                              ", which is now at ", current),
                 {"INCARNATION_MISMATCH",
                  {{"region", std::string(region)},
                   {"given", absl::StrCat(given)},
                   {"current", absl::StrCat(current)}}});
}

absl::Status EtagMismatch(absl::string_view cgroup, absl::string_view region, uint64_t given,
                          uint64_t current) {
  return Aborted(absl::StrCat("limits of ", Quoted(cgroup), " in ", Quoted(region), " have etag ",
                              current, ", not ", given, "; read them again"),
                 {"ETAG_MISMATCH",
                  {{"cgroup", std::string(cgroup)},
                   {"region", std::string(region)},
                   {"given", absl::StrCat(given)},
                   {"current", absl::StrCat(current)}}});
}

absl::Status ExpectedBytesMismatch(absl::string_view charge_id, absl::string_view cgroup,
                                   absl::string_view region, ByteCount expected,
                                   ByteCount current) {
  return Aborted(absl::StrCat("item of charge ", Quoted(charge_id), " in ", Quoted(cgroup), " and ",
                              Quoted(region), " has ", Number(current), " bytes, not the expected ",
                              Number(expected)),
                 {"EXPECTED_BYTES_MISMATCH",
                  {{"charge_id", std::string(charge_id)},
                   {"cgroup", std::string(cgroup)},
                   {"region", std::string(region)},
                   {"expected_bytes", Number(expected)},
                   {"current_bytes", Number(current)}}});
}

}  // namespace dmem
