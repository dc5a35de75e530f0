// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Internal consistency checks. A failed one means a bug of ours, never bad input: nothing that a
// client sends may reach one.

#ifndef CORE_CHECK_H_
#define CORE_CHECK_H_

#include <cstdio>
#include <cstdlib>

// Aborts with the place and the condition if `condition` is false, in every build mode: a ledger
// that may be wrong must stop before it answers.
#define DMEM_CHECK(condition)                                                            \
  do {                                                                                   \
    if (__builtin_expect(!(condition), 0)) {                                             \
      std::fprintf(stderr, "%s:%d: check failed: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                      \
    }                                                                                    \
  } while (false)

#endif  // CORE_CHECK_H_
