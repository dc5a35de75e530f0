// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Kinds of stored objects.
//
// An object's key is its kind and then its id, big-endian, so that keys sort by kind and id. Kinds
// stand in the order in which recovery needs them; ancestors have smaller ids than what is below
// them.
//
// Indices are not stored: objects name each other by id, and the same state has the same objects
// however its records lie in their tables.

#ifndef CORE_OBJECT_KINDS_H_
#define CORE_OBJECT_KINDS_H_

namespace dmem {

inline constexpr char kScalarsKind = 'A';
inline constexpr char kRegionKind = 'B';
inline constexpr char kCgroupKind = 'C';
inline constexpr char kPoolKind = 'D';
inline constexpr char kChargeKind = 'E';
inline constexpr char kTombstoneKind = 'F';
inline constexpr char kNodeKind = 'G';
inline constexpr char kSessionKind = 'H';

}  // namespace dmem

#endif  // CORE_OBJECT_KINDS_H_
