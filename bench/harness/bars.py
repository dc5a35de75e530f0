# Copyright 2026 The dmemd Authors
# SPDX-License-Identifier: Apache-2.0
"""What dmemd is to reach, and whether samples show it."""

import statistics

from bench.harness import results as r

SLOW_SYNC_US = 600


class Bar:
    """A number computed from samples, and its bound. `numbers`: one for each round; none: the row
    was not measured. at_least, else at most."""

    def __init__(self, what, numbers, bound, at_least, unit=''):
        self.what, self.numbers, self.bound = what, numbers, bound
        self.at_least, self.unit = at_least, unit

    @property
    def value(self):
        return statistics.median(self.numbers)

    @property
    def reached(self):
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    @property
    def headroom(self):
        """How many times better than the bound: 1 is just reached."""
        return self.value / self.bound if self.at_least else self.bound / self.value


def of_best(results, row, of, subjects, metric):
    """The ratios to the best of those `subjects` that were measured, within each round."""
    present = [s for s in subjects if r.by_round(results, row, s, metric)]
    return r.combined(results, row, metric, [of, *present],
                      lambda own, *others: own / max(others)) if present else []


def bars(results):
    """All bars, measured or not, in the order of the table."""
    rate = 'charges_per_second'

    def ratio(what, row, metric, of, to, bound, at_least):
        return Bar(what, r.ratios(results, row, metric, of, to), bound, at_least, 'x')

    def plain(what, row, subject, metric, bound, at_least, unit):
        return Bar(what, r.values(results, row, subject, metric), bound, at_least, unit)

    # A charge a transaction, with a connection for each caller or a pool.
    postgresql = ('postgresql', 'postgresql, 8 connections')
    sync = r.values(results, 'batch-8', 'synced 4 KiB write', 'p50_us')
    fast_disk = bool(sync) and statistics.median(sync) <= SLOW_SYNC_US
    return [
        ratio('core: charge + uncharge, depth 4, against the reference loop', 'core-depth-4', 'ns',
              'dmemd', 'reference', 2, False),
        ratio('unary, 64 in flight, against the echo', 'unary-64', rate, 'dmemd', 'echo', 0.75,
              True),
        ratio('unary, 256 in flight, against the echo', 'unary-256', rate, 'dmemd', 'echo', 0.9,
              True),
        Bar('unary, 1 in flight: p50 beyond the echo\'s, in synced 4 KiB writes',
            r.combined(results, 'unary-1', 'p50_us', ('dmemd', 'echo', 'synced 4 KiB write'),
                       lambda d, e, s: (d - e) / s), 1.5, False, 'x'),
        ratio('batches of 1,000, against the echo', 'batch-8', rate, 'dmemd', 'echo', 0.35, True),
        Bar('batches of 1,000, charges a second' + ('' if fast_disk or not sync else
                                                    ' (slow disk: no bar)'),
            r.values(results, 'batch-8', 'dmemd', rate), 300000 if fast_disk or not sync else 0,
            True, '/s'),
        ratio('unary, against Redis with Lua, always synced', 'redis-unary', rate, 'dmemd', 'redis',
              0.8, True),
        Bar('batched, against the best of Redis (pipelined, 100 a script)',
            of_best(results, 'redis-batched', 'dmemd', ('redis pipelined', 'redis script'), rate),
            5, True, 'x'),
        Bar('unary, against PostgreSQL in a function',
            of_best(results, 'postgresql-unary', 'dmemd', postgresql, rate), 8, True, 'x'),
        Bar('batched, against PostgreSQL, a transaction a charge',
            of_best(results, 'postgresql-batched', 'dmemd', postgresql, rate), 50, True, 'x'),
        ratio('unary, against etcd, a transaction a charge', 'etcd-unary', rate, 'dmemd', 'etcd',
              1.5, True),
        ratio('batched, against etcd, a transaction a charge', 'etcd-batched', rate, 'dmemd', 'etcd',
              20, True),
        ratio('unary p50 with 1,000,000 pools against 1,000', 'growth', 'p50_us', '1000000 pools',
              '1000 pools', 1.3, False),
        plain('memory for a pool, its cgroup included', 'memory', 'dmemd', 'bytes_a_pool', 300,
              False, ' B'),
        plain('memory for a live charge', 'memory', 'dmemd', 'bytes_a_charge', 300, False, ' B'),
        plain('restart with 1,000,000 live charges, after SIGKILL', 'restart', 'dmemd', 'seconds',
              5, False, ' s'),
        plain('EvictCandidates over 100,000 pools', 'plans', 'dmemd', 'p50_ms', 50, False, ' ms'),
        ratio('p99 at 1,000/s beside plans, listings and scrapes, against idle', 'long-reads',
              'p99_us', 'busy', 'idle', 2, False),
    ]


def number(value, unit=''):
    if unit == '/s':
        return '{:,.0f}{}'.format(value, unit)
    return ('%.1f' if abs(value) >= 100 else '%.2f') % value + unit


def table(all_bars):
    """The bars as rows of text: what, median (smallest to largest), bar, verdict."""
    rows = [('What', 'Measured', 'Bar', '')]
    for bar in all_bars:
        bound = ('>= ' if bar.at_least else '<= ') + number(bar.bound, bar.unit)
        if not bar.numbers:
            rows.append((bar.what, '-', bound, 'not measured'))
            continue
        _, low, high = r.spread(bar.numbers)
        text = number(bar.value, bar.unit)
        if len(bar.numbers) > 1:
            text += ' (%s to %s)' % (number(low, bar.unit), number(high, bar.unit))
        rows.append((bar.what, text, bound, 'reached' if bar.reached else 'MISSED'))
    return rows


def lines(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ['  '.join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
            for row in rows]


def markdown(rows):
    out = ['| ' + ' | '.join(rows[0][:3] + ('Verdict',)) + ' |', '|---|---|---|---|']
    return out + ['| ' + ' | '.join(row) + ' |' for row in rows[1:]]
