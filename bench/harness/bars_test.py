# Copyright 2026 The dmemd Authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of bars, and that docs/performance.md says what the samples in bench/results say."""

import json
import os
import statistics
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, ROOT)

from bench.harness import bars, document, results  # noqa: E402

DOC = os.path.join(ROOT, 'docs', 'performance.md')
KEPT = os.path.join(ROOT, 'bench', 'results')


def bar_named(everything, text):
    found = [bar for bar in bars.bars(everything) if text in bar.what]
    assert len(found) == 1, text
    return found[0]


class BarsTest(unittest.TestCase):
    def setUp(self):
        self.results = results.Results('sample')

    def add(self, row, metric, of):
        """`of`: {subject: value of each round}."""
        for subject, numbers in of.items():
            for number, value in enumerate(numbers):
                self.results.add(row, number, subject, {metric: value})

    def test_a_ratio_is_taken_within_each_round_before_the_median(self):
        self.add('unary-64', 'charges_per_second', {'echo': [100, 10, 1000], 'dmemd': [90, 8, 100]})
        bar = bar_named(self.results, '64 in flight')
        self.assertEqual(bar.numbers, [0.9, 0.8, 0.1])
        self.assertEqual(bar.value, 0.8)  # Of the medians it would be 0.9.
        self.assertTrue(bar.reached)

    def test_a_bar_that_is_just_missed_is_missed(self):
        self.add('unary-64', 'charges_per_second', {'echo': [1000], 'dmemd': [749]})
        self.assertFalse(bar_named(self.results, '64 in flight').reached)
        self.add('core-depth-4', 'ns', {'reference': [10], 'dmemd': [20.01]})
        bar = bar_named(self.results, 'depth 4')
        self.assertFalse(bar.reached)
        self.assertLess(bar.headroom, 1)

    def test_rounds_in_which_one_was_not_measured_do_not_count(self):
        self.add('unary-64', 'charges_per_second', {'echo': [100, 100], 'dmemd': [80]})
        self.assertEqual(bar_named(self.results, '64 in flight').numbers, [0.8])

    def test_what_was_not_measured_is_not_reached(self):
        rows = bars.table(bars.bars(self.results))
        self.assertGreater(len(rows), 15)
        self.assertEqual({row[3] for row in rows[1:]}, {'not measured'})

    def test_a_single_caller_is_held_to_the_echo_and_to_syncs(self):
        self.add('unary-1', 'p50_us', {'echo': [200], 'dmemd': [480], 'synced 4 KiB write': [200]})
        self.assertAlmostEqual(bar_named(self.results, '1 in flight').value, 1.4)

    def test_batches_a_second_have_a_bar_only_where_a_sync_is_fast(self):
        self.add('batch-8', 'charges_per_second', {'dmemd': [250000]})
        self.add('batch-8', 'p50_us', {'synced 4 KiB write': [200]})
        self.assertFalse(bar_named(self.results, 'charges a second').reached)
        self.setUp()
        self.add('batch-8', 'charges_per_second', {'dmemd': [250000]})
        self.add('batch-8', 'p50_us', {'synced 4 KiB write': [5000]})
        self.assertTrue(bar_named(self.results, 'no bar').reached)

    def test_the_best_of_redis_is_what_counts(self):
        self.add('redis-batched', 'charges_per_second',
                 {'dmemd': [300, 300], 'redis pipelined': [30, 60], 'redis script': [50, 40]})
        self.assertEqual(bar_named(self.results, 'best of Redis').numbers, [6, 5])

    def test_the_best_is_of_those_that_were_measured_in_the_same_rounds(self):
        self.add('redis-batched', 'charges_per_second', {'dmemd': [300], 'redis script': [50, 40]})
        self.assertEqual(bar_named(self.results, 'best of Redis').numbers, [6])

    def test_postgresql_with_the_better_number_of_connections_is_what_counts(self):
        self.add('postgresql-unary', 'charges_per_second',
                 {'dmemd': [300, 300], 'postgresql': [30, 60], 'postgresql, 8 connections': [50, 40]})
        self.assertEqual(bar_named(self.results, 'unary, against PostgreSQL').numbers, [6, 5])

    def test_samples_come_back_as_they_were_written(self):
        self.add('unary-64', 'charges_per_second', {'echo': [1.5]})
        self.results.facts['machine'] = 'two abacuses'
        with tempfile.TemporaryDirectory() as directory:
            self.results.write(directory)
            read = results.read_directory(directory)
        self.assertEqual(read.samples, self.results.samples)
        self.assertEqual(read.facts, self.results.facts)

    def test_lines_have_their_columns_below_each_other(self):
        lines = bars.lines(bars.table(bars.bars(self.results)))
        column = lines[0].index('Bar')
        for line in lines[1:]:
            self.assertEqual(line[column - 2:column], '  ')
            self.assertIn(line[column:column + 2], ('>=', '<='))


class KeptResultsTest(unittest.TestCase):
    def test_the_table_in_the_documentation_is_computed_from_the_samples(self):
        with open(DOC, encoding='utf-8') as file:
            text = file.read()
        self.assertIn(document.section(results.read_directory(KEPT)), text)

    def test_ratios_against_the_echo_are_those_of_the_raw_files(self):
        with open(os.path.join(KEPT, 'service.json'), encoding='utf-8') as file:
            samples = json.load(file)['samples']

        def rates(subject):
            return [s['value'] for s in samples if s['row'] == 'unary-64' and
                    s['subject'] == subject and s['metric'] == 'charges_per_second']

        self.assertGreaterEqual(len(rates('echo')), 3)
        ratio = statistics.median(d / e for d, e in zip(rates('dmemd'), rates('echo')))
        bar = bar_named(results.read_directory(KEPT), 'unary, 64 in flight')
        self.assertAlmostEqual(bar.value, ratio)


if __name__ == '__main__':
    unittest.main()
