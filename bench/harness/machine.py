# Copyright 2026 The dmemd Authors
# SPDX-License-Identifier: Apache-2.0
"""What is measured on."""

import os
import subprocess


def describe():
    """Processors and kernel, in a line."""
    model = 'unknown processor'
    with open('/proc/cpuinfo', encoding='utf-8') as file:
        for line in file:
            if line.startswith('model name'):
                model = line.split(':', 1)[1].strip()
                break
    return '%d x %s, Linux %s' % (os.cpu_count(), model, '.'.join(os.uname().release.split('.')[:2]))


def is_in_memory(directory):
    """Whether its file system keeps nothing."""
    os.makedirs(directory, exist_ok=True)
    kind = subprocess.run(['stat', '-f', '-c', '%T', directory], stdout=subprocess.PIPE, text=True,
                          check=True).stdout.strip()
    return kind in ('tmpfs', 'ramfs')
