#!/bin/sh
# Copyright 2026 The dmemd Authors
# SPDX-License-Identifier: Apache-2.0
exec python3 -B "$1"
