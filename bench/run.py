#!/usr/bin/env python3
# Copyright 2026 The dmemd Authors
# SPDX-License-Identifier: Apache-2.0
"""Measures dmemd side by side with what it is compared with, and prints one table.

Raw samples go to bench/results/, docs/performance.md gets the table and docs/performance.svg the
plot with --update-docs. What was not measured in this run is taken from the samples that are there.
Exits 0 if every bar is reached, 3 if one is missed or not measured, 1 on an error.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from bench.harness import bars, document, machine, peers, results, servers, suites  # noqa: E402

RESULTS = os.path.join(servers.ROOT, 'bench', 'results')
TARGETS = ('//server:dmemd', '//bench:echo_server', '//bench:core_bench', '//bench:core_memory',
           '//bench/load:charge_load', '//bench/load:populate', '//bench/load:long_reads')


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('suites', nargs='*', help='of %s; none: all' % ', '.join(SUITES))
    parser.add_argument('--rounds', type=int, default=7, help='rounds of each measurement')
    parser.add_argument('--seconds', type=float, default=1.5, help='length of a round')
    parser.add_argument('--results', default=RESULTS, help='where raw samples go')
    parser.add_argument('--smoke', action='store_true',
                        help='a quick look at the service: no samples are kept')
    parser.add_argument('--check-peers', action='store_true',
                        help='only check that peers decide as they must, and keep it in a crash')
    parser.add_argument('--update-docs', action='store_true',
                        help='write the table and the plot to docs/')
    parsed = parser.parse_args()
    unknown = [name for name in parsed.suites if name not in SUITES]
    if unknown:
        parser.error('unknown suite "%s"' % unknown[0])
    return parsed


SUITES = {
    'core': lambda a, say: suites.core(a.rounds, say),
    'service': lambda a, say: suites.service(a.rounds, a.seconds, say),
    'growth': lambda a, say: suites.growth(a.rounds, a.seconds, say),
    'peers': lambda a, say: peers.measure(a.rounds, a.seconds, say),
    'long_reads': lambda a, say: suites.long_reads(a.rounds, max(a.seconds, 4), say),
}


def main():
    arguments = parse()
    # Servers are stopped then, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if arguments.smoke:
        arguments.suites, arguments.rounds = ['service'], min(arguments.rounds, 3)
        arguments.results = tempfile.mkdtemp(prefix='dmemd-bench-')
    started = time.monotonic()

    def say(text):
        print('[%4.0f s] %s' % (time.monotonic() - started, text), file=sys.stderr, flush=True)

    quiet = [] if sys.stderr.isatty() else ['--show_progress_rate_limit=10']
    targets = TARGETS
    if arguments.check_peers:
        targets = peers.TARGETS
    elif not arguments.suites or 'peers' in arguments.suites:
        targets += peers.TARGETS
    if subprocess.run(['bazel', 'build', *quiet, *targets], cwd=servers.ROOT,
                      stdin=subprocess.DEVNULL, check=False).returncode != 0:
        return 1
    if machine.is_in_memory(servers.SCRATCH):
        say('warning: %s is in memory: a sync there costs nothing' % servers.SCRATCH)
    try:
        if arguments.check_peers:
            peers.check_all(say)
            return 0
        for name in arguments.suites or SUITES:
            measured = SUITES[name](arguments, say)
            measured.facts['machine'] = machine.describe()
            measured.write(arguments.results)
        everything = results.read_directory(arguments.results)
    except servers.Failed as error:
        print('bench: %s' % error, file=sys.stderr)
        return 1
    finally:
        if arguments.smoke:
            shutil.rmtree(arguments.results)
    all_bars = bars.bars(everything)
    if arguments.smoke:
        all_bars = [bar for bar in all_bars if bar.numbers]
    print('\n'.join(bars.lines(bars.table(all_bars))))
    reached = sum(1 for bar in all_bars if bar.numbers and bar.reached)
    print('\n%d of %d bars reached' % (reached, len(all_bars)))
    if arguments.update_docs:
        document.update(everything, os.path.join(servers.ROOT, 'docs'))
    return 0 if reached == len(all_bars) else 3


if __name__ == '__main__':
    sys.exit(main())
