# Copyright 2026 The dmemd Authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of run_tests.py: what counts as passed, failed and skipped."""

import json
import unittest

import run_tests

GTEST = '''<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="4" failures="1" disabled="1" errors="0">
  <testsuite name="Pool" tests="4">
    <testcase name="Grows" status="run" result="completed" classname="Pool" />
    <testcase name="Shrinks" status="run" result="completed" classname="Pool">
      <failure message="x" type=""><![CDATA[x]]></failure>
    </testcase>
    <testcase name="NeedsData" status="run" result="skipped" classname="Pool">
      <skipped message="no data"><![CDATA[no data]]></skipped>
    </testcase>
    <testcase name="DISABLED_Later" status="notrun" result="suppressed" classname="Pool" />
  </testsuite>
</testsuites>'''
GTEST_PASSED = '''<testsuites><testsuite name="P">
  <testcase name="A" status="run" result="completed" classname="P" />
  <testcase name="B" status="run" result="completed" classname="P" />
</testsuite></testsuites>'''
GTEST_EMPTY = '<testsuites tests="0" name="AllTests"></testsuites>'
BAZEL_PASSED = '''<testsuites><testsuite name="a/b" tests="1" failures="0" errors="0">
  <testcase name="a/b" status="run" duration="0" time="0"></testcase>
  <system-out><![CDATA[words]]></system-out></testsuite></testsuites>'''
BAZEL_FAILED = '''<testsuites><testsuite name="a/b" tests="1" failures="0" errors="1">
  <testcase name="a/b" status="run" duration="0" time="0">
  <error message="exited with error code 134"></error></testcase></testsuite></testsuites>'''


class TallyTargetTest(unittest.TestCase):

    def expect(self, tally, passed, failed, skipped):
        self.assertEqual((tally.passed, tally.failed, tally.skipped), (passed, failed, skipped))

    def test_counts_cases_and_names_the_failed_one(self):
        self.expect(run_tests.tally_target('//a:b', 'FAILED', [GTEST]),
                    1, ['//a:b Pool.Shrinks'], 2)

    def test_shards_add_up(self):
        self.expect(run_tests.tally_target('//a:b', 'PASSED', [GTEST_PASSED, GTEST_PASSED]),
                    4, [], 0)

    def test_a_target_without_cases_is_one(self):
        self.expect(run_tests.tally_target('//a:b', 'PASSED', [BAZEL_PASSED]), 1, [], 0)
        self.expect(run_tests.tally_target('//a:b', 'FAILED', [BAZEL_FAILED]), 0, ['//a:b'], 0)

    def test_a_failure_after_the_last_case_counts(self):
        self.expect(run_tests.tally_target('//a:b', 'FAILED', [GTEST_PASSED]),
                    2, ['//a:b (FAILED)'], 0)

    def test_a_timeout_without_results_is_a_failure(self):
        self.expect(run_tests.tally_target('//a:b', 'TIMEOUT', []), 0, ['//a:b (TIMEOUT)'], 0)

    def test_a_target_that_was_not_run_is_a_failure(self):
        self.expect(run_tests.tally_target('//a:b', None, []),
                    0, ['//a:b (not built or not run)'], 0)

    def test_a_passed_target_without_any_case_is_a_failure(self):
        self.expect(run_tests.tally_target('//a:b', 'PASSED', [GTEST_EMPTY]),
                    0, ['//a:b (no test case ran)'], 0)

    def test_a_torn_file_is_a_failure(self):
        tally = run_tests.tally_target('//a:b', 'PASSED', [GTEST_PASSED[:50]])
        self.assertEqual(len(tally.failed), 1)
        self.assertIn('unreadable', tally.failed[0])


class ReadEventsTest(unittest.TestCase):

    def test_finds_results_and_what_did_not_build(self):
        lines = [json.dumps(event) for event in [
            {'id': {'testResult': {'label': '//a:b', 'run': 1}},
             'testResult': {'testActionOutput': [
                 {'name': 'test.log', 'uri': 'file:///x/test.log'},
                 {'name': 'test.xml', 'uri': 'file:///x%20y/test.xml'}], 'status': 'PASSED'}},
            {'id': {'testSummary': {'label': '//a:b'}},
             'testSummary': {'overallStatus': 'PASSED'}},
            {'id': {'targetCompleted': {'label': '//a:b'}}, 'completed': {'success': True}},
            {'id': {'targetCompleted': {'label': '//a:c'}}, 'completed': {}},
            {'id': {'targetCompleted': {'label': '//a:d'}}, 'aborted': {'reason': 'x'}},
        ]]
        ran, broken = run_tests.read_events(lines)
        self.assertEqual(ran, {'//a:b': ('PASSED', ['/x y/test.xml'])})
        self.assertEqual(broken, ['//a:c', '//a:d'])


class LineTest(unittest.TestCase):

    def test_names_skipped_only_if_there_are_any(self):
        self.assertEqual(run_tests.Tally(passed=3, failed=['x']).line(), '3 passed, 1 failed')
        self.assertEqual(run_tests.Tally(passed=3, skipped=2).line(),
                         '3 passed, 0 failed, 2 skipped')

    def test_nothing_passed_is_not_ok(self):
        self.assertFalse(run_tests.Tally().ok())
        self.assertFalse(run_tests.Tally(passed=1, failed=['x']).ok())
        self.assertTrue(run_tests.Tally(passed=1, skipped=1).ok())


class StepsTest(unittest.TestCase):

    def test_without_arguments_the_presubmit(self):
        self.assertEqual(run_tests.steps_of([]), ['lint', 'tests', 'demo'])

    def test_deep_is_every_step_and_named_steps_come_in_their_order(self):
        self.assertEqual(run_tests.steps_of(['--deep']), list(run_tests.STEPS))
        self.assertEqual(run_tests.steps_of(['--deep', 'tidy', 'asan']), ['asan', 'tidy'])

    def test_what_is_no_step_is_refused(self):
        self.assertIsNone(run_tests.steps_of(['--deep', 'msan']))
        self.assertIsNone(run_tests.steps_of(['asan']))


if __name__ == '__main__':
    unittest.main()
