#!/bin/bash
# Copyright 2026 The dmemd Authors
# SPDX-License-Identifier: Apache-2.0

# The files that operators copy are well formed.
set -euo pipefail

promtool check config deploy/prometheus/prometheus.yml

unit="$TEST_TMPDIR/dmemd.service"
# The binary is not installed where tests run; any other one serves for the check of the unit.
sed 's,^ExecStart=/usr/bin/dmemd,ExecStart=/bin/true,' deploy/systemd/dmemd.service > "$unit"
grep -q '^ExecStart=/bin/true --data-dir=' "$unit"
if command -v systemd-analyze > /dev/null; then
  problems=$(systemd-analyze verify "$unit" 2>&1 | grep -F "$unit" || true)
  if [[ -n "$problems" ]]; then
    printf '%s\n' "$problems" >&2
    exit 1
  fi
else
  echo "systemd-analyze is not installed: the unit is not verified"
fi
