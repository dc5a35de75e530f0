// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Checks of single fields, of which Validate is made.

#ifndef SERVER_FIELD_CHECKS_H_
#define SERVER_FIELD_CHECKS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <tuple>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/repeated_field.h"
#include "google/protobuf/timestamp.pb.h"
#include "server/errors.h"

namespace dmem::server {

#define DMEM_RETURN_IF_ERROR(expression)                                    \
  do {                                                                      \
    if (absl::Status status_ = (expression); !status_.ok()) return status_; \
  } while (false)

// A path to a field that costs nothing unless it is needed: most requests are right.
class Field {
 public:
  explicit Field(absl::string_view name) : name_(name) {}
  Field(absl::string_view list, size_t index, absl::string_view name)
      : list_(list), index_(index), name_(name) {}
  std::string Path() const {
    if (list_.empty()) return std::string(name_);
    if (name_.empty()) return absl::StrCat(list_, "[", index_, "]");
    return absl::StrCat(list_, "[", index_, "].", name_);
  }

 private:
  absl::string_view list_;
  size_t index_ = 0;
  absl::string_view name_;
};

inline constexpr size_t kAttributeBytesMax = 255;

// Each returns OK, or INVALID_ARGUMENT that names the field, its value and the bound.

// A name by its rule (core/names.h).
absl::Status CheckName(absl::Status (*rule)(absl::string_view), const Field& field,
                       absl::string_view value);
absl::Status CheckBytes(const Field& field, uint64_t bytes);
absl::Status CheckLength(const Field& field, absl::string_view value, size_t max);
// Text that must be there.
absl::Status CheckText(const Field& field, absl::string_view value, size_t max);
// The length of a list that must not be empty.
absl::Status CheckCount(absl::string_view field, size_t count, size_t max);
absl::Status CheckEnum(const Field& field, int value, bool is_valid, absl::string_view type);
absl::Status CheckUnset(absl::string_view field, bool is_set);
// An all-or-nothing request is one step of the ledger and one entry of a record.
absl::Status CheckCommandBytes(size_t bytes);
absl::Status CheckTimestamp(const Field& field, const google::protobuf::Timestamp& time);
// What is known of a device or a node: up to kAttributeBytesMax of printable ASCII, or nothing.
absl::Status CheckAttribute(absl::string_view field, absl::string_view value);
absl::Status CheckPage(int page_size, absl::string_view page_token);
// Whole microseconds count; both ends included.
absl::Status CheckDuration(const Field& field, const google::protobuf::Duration& duration,
                           int64_t seconds_min, int64_t seconds_max);

using Key = std::tuple<absl::string_view, absl::string_view, absl::string_view>;

// Finds the same key twice. `key_of(i)` gives the key of the i-th of `count` entries of `list`.
template <typename KeyOf>
absl::Status CheckDistinct(absl::string_view list, size_t count, const KeyOf& key_of) {
  if (count < 2) return absl::OkStatus();
  absl::flat_hash_set<Key> seen;
  seen.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    const Key key = key_of(i);
    if (seen.insert(key).second) continue;
    std::string shown(std::get<0>(key));
    if (!std::get<1>(key).empty()) absl::StrAppend(&shown, " in ", std::get<1>(key));
    if (!std::get<2>(key).empty()) absl::StrAppend(&shown, " in ", std::get<2>(key));
    return DuplicateItem(Field(list, i, "").Path(), shown);
  }
  return absl::OkStatus();
}

// The list "regions", which may be empty: names, at most `max`, each once.
absl::Status CheckRegionNames(const google::protobuf::RepeatedPtrField<std::string>& regions,
                              size_t max);

}  // namespace dmem::server

#endif  // SERVER_FIELD_CHECKS_H_
