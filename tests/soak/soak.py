#!/usr/bin/env python3
# Copyright 2026 The dmemd Authors
# SPDX-License-Identifier: Apache-2.0
"""Hours of kills, power cuts and load, and a report of what came of them.

HOURS=1 says how long; the seed is printed. Three things take turns until the time is over:
//tests/crash:torture, //tests/crash:power_cut, and load on one dmemd that lives from the start to
the end, whose memory is looked at while it is empty. Exits 1 if anything was lost, doubled or left
behind, or if that dmemd's memory keeps growing.
"""

import json
import os
import random
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from bench.harness import servers  # noqa: E402

TARGETS = ('//server:dmemd', '//client:dmemctl', '//tests/crash:torture', '//tests/crash:power_cut',
           '//bench/load:charge_load')
CRASHES_A_TURN = 50
LOAD_SECONDS = 30
# Between the first look, after a turn of load, and the last: tables and caches have their size by
# then. A leak of one byte for each charge of an hour is more.
GROWTH_BYTES_MAX = 64 << 20
SUMMARY = re.compile(r'(\d+) (?:kills|cuts), (\d+) acknowledged operations, (\d+) unknown settled, '
                     r'(\d+) lost, (\d+) doubled')


def crash(program, flag, seed, totals):
    """A turn of one of the crash tests; False if it found something."""
    run = subprocess.run(
        [os.path.join(servers.BIN, 'tests', 'crash', program), '--%s=%d' % (flag, CRASHES_A_TURN),
         '--seed=%d' % seed], cwd=servers.ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        text=True, check=False)
    found = SUMMARY.search(run.stdout)
    if found is None:
        print(run.stdout[-4000:])
        return False
    for name, value in zip((flag, 'operations', 'unknown settled', 'lost', 'doubled'),
                           found.groups()):
        totals[name] = totals.get(name, 0) + int(value)
    if run.returncode != 0:
        print(run.stdout[-4000:])
    return run.returncode == 0


def load(dmemd, totals):
    """A turn of unary and batched charges, all given back after it."""
    for flags in (['--in-flight=64'], ['--shape=batch', '--in-flight=8']):
        done = servers.charge_load(dmemd, '--seconds=%d' % (LOAD_SECONDS // 2), *flags)
        totals['operations'] = totals.get('operations', 0) + int(
            done['charges_per_second'] * (LOAD_SECONDS // 2))


def charges_left(dmemd):
    run = subprocess.run([servers.BIN + '/client/dmemctl', '--server=' + dmemd.grpc, 'check', '-o',
                          'json'], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                         check=True)
    return int(json.loads(run.stdout).get('chargedBytes', 0))


def main():
    seconds = float(os.environ.get('HOURS', '1')) * 3600
    seed = int(os.environ.get('SEED', random.SystemRandom().randrange(1 << 31)))
    print('soak: %.2f hours, SEED=%d' % (seconds / 3600, seed), flush=True)
    if subprocess.run(['bazel', 'build', *TARGETS], cwd=servers.ROOT, stdin=subprocess.DEVNULL,
                      check=False).returncode != 0:
        return 1
    totals, turns, is_ok, memory = {}, 0, True, []
    started = time.monotonic()
    with servers.scratch() as directory, servers.Dmemd(directory + '/data') as dmemd:
        while is_ok and (turns == 0 or time.monotonic() - started < seconds):
            load(dmemd, totals)
            memory.append(dmemd.memory_bytes())
            is_ok = (crash('torture', 'kills', seed + turns, totals) and
                     crash('power_cut', 'cuts', seed + turns, totals))
            turns += 1
            print('soak: %5.0f s, %s, %.0f MiB' % (
                time.monotonic() - started,
                ', '.join('%d %s' % (v, k) for k, v in sorted(totals.items())),
                memory[-1] / (1 << 20)), flush=True)
        left = charges_left(dmemd)
    grown = memory[-1] - memory[0]
    print('operations %d, kills %d, cuts %d, lost %d, doubled %d, bytes left behind %d, '
          'memory %.0f MiB at the start, %.0f MiB at the end' % (
              totals.get('operations', 0), totals.get('kills', 0), totals.get('cuts', 0),
              totals.get('lost', 0), totals.get('doubled', 0), left, memory[0] / (1 << 20),
              memory[-1] / (1 << 20)))
    return 0 if is_ok and left == 0 and grown <= GROWTH_BYTES_MAX else 1


if __name__ == '__main__':
    sys.exit(main())
