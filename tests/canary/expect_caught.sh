#!/bin/bash
# Copyright 2026 The dmemd Authors
# SPDX-License-Identifier: Apache-2.0
#
# expect_caught.sh MESSAGE PROGRAM [ARGUMENT...]: runs a proof of a build that is broken. Passes if
# it fails as proofs do, with 1, and says what matches MESSAGE; a crash is not enough.

set -uo pipefail
message=$1
shift
# The proof's own report of failed cases is not this test's.
output=$(env -u XML_OUTPUT_FILE "$@" 2>&1)
code=$?
printf '%s\n' "$output" | head -c 100000
if [[ $code -ne 1 ]]; then
  echo "NOT CAUGHT: ended with $code, not with 1"
  exit 1
fi
if ! grep -qE -- "$message" <<<"$output"; then
  echo "NOT CAUGHT: failed, but did not say: $message"
  exit 1
fi
echo "caught"
