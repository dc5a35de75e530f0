#!/usr/bin/env python3
# Copyright 2026 The dmemd Authors
# SPDX-License-Identifier: Apache-2.0
"""Runs lint and the tests, and counts test cases.

The last line is `N passed, M failed`, with `, K skipped` after it if K > 0. What is counted: every
GoogleTest case, one for each test target that has no cases of its own, and one for each check that
is not a Bazel test (lint, clang-tidy, the demo). Exits 1 if anything failed or nothing passed.

Bazel's build event file says what ran and how it ended. The expected set comes from a query, so that
a test which was not built or not run counts as failed, not as absent.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.parse
import xml.etree.ElementTree

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Tally:
    """Counts of one or more test targets."""

    def __init__(self, passed=0, failed=(), skipped=0):
        self.passed = passed
        self.failed = list(failed)  # names
        self.skipped = skipped

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def line(self):
        text = '%d passed, %d failed' % (self.passed, len(self.failed))
        return text + (', %d skipped' % self.skipped if self.skipped else '')

    def ok(self):
        return self.passed > 0 and not self.failed


def tally_xml(label, text):
    """Counts the cases of one test.xml. Names of failed cases are `LABEL Suite.Case`."""
    tally = Tally()
    for suite in xml.etree.ElementTree.fromstring(text).iter('testsuite'):
        for case in suite.findall('testcase'):
            # A file without `result` was written by Bazel for a test that wrote none: the whole
            # target is one case.
            has_cases = 'result' in case.attrib
            name = label
            if has_cases:
                name += ' %s.%s' % (case.get('classname', suite.get('name')), case.get('name'))
            if case.find('failure') is not None or case.find('error') is not None:
                tally.failed.append(name)
            elif has_cases and case.get('result') in ('skipped', 'suppressed'):
                tally.skipped += 1
            else:
                tally.passed += 1
    return tally


def tally_target(label, status, texts):
    """Counts one target: its overall status in Bazel's words, and the text of each test.xml."""
    if status is None:
        return Tally(failed=[label + ' (not built or not run)'])
    tally = Tally()
    for text in texts:
        try:
            tally.add(tally_xml(label, text))
        except xml.etree.ElementTree.ParseError as error:
            tally.failed.append('%s (unreadable test.xml: %s)' % (label, error))
    if status != 'PASSED' and not tally.failed:
        # Such as a leak reported at exit, after the cases have passed.
        tally.failed.append('%s (%s)' % (label, status))
    elif not tally.passed and not tally.failed and not tally.skipped:
        tally.failed.append(label + ' (no test case ran)')
    return tally


def read_events(lines):
    """Returns {label: (status, [path of test.xml])} and the other targets that failed to build."""
    status, paths, broken = {}, {}, []
    for line in lines:
        event = json.loads(line)
        identity = event['id']
        if 'testResult' in identity:
            label = identity['testResult']['label']
            for output in event['testResult'].get('testActionOutput', []):
                if output['name'] == 'test.xml':
                    path = urllib.parse.unquote(urllib.parse.urlparse(output['uri']).path)
                    paths.setdefault(label, []).append(path)
        elif 'testSummary' in identity:
            status[identity['testSummary']['label']] = event['testSummary']['overallStatus']
        elif 'targetCompleted' in identity and not event.get('completed', {}).get('success'):
            broken.append(identity['targetCompleted']['label'])
    return {label: (status[label], paths.get(label, [])) for label in status}, broken


def has_tag(tag):
    return 'attr(tags, "[\\[ ]%s[,\\]]", //...)' % tag


def announce(text):
    print('== ' + text, flush=True)


def bazel_tests(title, flags, only=None, without=()):
    """Runs the tests with the tag `only` (None: all) but those with a tag in `without`."""
    announce(title)
    expression = 'tests(//...)'
    if only:
        expression += ' intersect ' + has_tag(only)
    for tag in ('manual',) + tuple(without):
        expression += ' except ' + has_tag(tag)
    query = subprocess.run(['bazel', 'query', '--noshow_progress', expression], cwd=ROOT,
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    if query.returncode != 0:
        return Tally(failed=[title + ': bazel query'])
    expected = query.stdout.split()
    if not expected:
        print('no such tests', flush=True)
        return Tally()

    filters = ([only] if only else []) + ['-' + tag for tag in without]
    if not sys.stderr.isatty():
        flags = flags + ['--show_progress_rate_limit=10']
    with tempfile.NamedTemporaryFile('r', suffix='.json') as events:
        run = subprocess.run(
            ['bazel', 'test', '--keep_going', '--build_event_json_file=' + events.name,
             '--test_tag_filters=' + ','.join(filters)] + flags + ['//...'],
            cwd=ROOT, stdin=subprocess.DEVNULL)
        ran, broken = read_events(events)

    tally = Tally()
    for label in sorted(expected):
        status, paths = ran.get(label, (None, []))
        texts = []
        for path in paths:
            with open(path, encoding='utf-8') as file:
                texts.append(file.read())
        tally.add(tally_target(label, status, texts))
    tally.failed += [label + ' (does not build)' for label in broken if label not in expected]
    if run.returncode != 0 and not tally.failed:
        tally.failed.append('bazel (exit code %d)' % run.returncode)
    tally.failed = ['%s: %s' % (title, name) for name in tally.failed]
    return tally


def check(title, command):
    """Runs a check that is not a Bazel test."""
    announce(title)
    if subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL).returncode == 0:
        return Tally(passed=1)
    return Tally(failed=[title])


def sanitized(name, only=None, without=()):
    return bazel_tests('tests with ' + name, ['--config=' + name, '--build_tests_only'], only=only,
                       without=('deep',) + without)


# In the order in which --deep runs them.
STEPS = {
    'lint': lambda: check('lint', [sys.executable, 'tools/lint.py']),
    'tests': lambda: bazel_tests('tests', [], without=['deep']),
    'deep': lambda: bazel_tests('deep tests', ['--build_tests_only'], only='deep'),
    'asan': lambda: sanitized('asan', without=('no-sanitizer',)),
    'ubsan': lambda: sanitized('ubsan', without=('no-sanitizer',)),
    'tsan': lambda: sanitized('tsan', only='tsan'),
    'tidy': lambda: check('clang-tidy', ['tools/tidy']),
    'fuzz': lambda: check('fuzzing', ['tools/fuzz']),
    'peers': lambda: check('peers of the benchmark', [
        'sh', '-c', 'tools/setup bench && python3 bench/run.py --check-peers']),
    'soak': lambda: check('soak', [sys.executable, 'tests/soak/soak.py']),
    'demo': lambda: check('demo', ['env', 'ONCE=1', 'tools/demo']),
}


def steps_of(arguments):
    """Returns the names of the steps that the arguments ask for, or None if they are wrong."""
    if not arguments:
        return ['lint', 'tests', 'demo']
    if arguments[0] != '--deep' or not set(arguments[1:]) <= set(STEPS):
        return None
    return [name for name in STEPS if name in arguments[1:] or len(arguments) == 1]


def main():
    steps = steps_of(sys.argv[1:])
    if steps is None:
        print('usage: tools/run_tests.py [--deep [%s]...]' % '|'.join(STEPS), file=sys.stderr)
        return 2
    total = Tally()
    took = []
    for name in steps:
        started = time.monotonic()
        total.add(STEPS[name]())
        took.append('%s %d s' % (name, time.monotonic() - started))

    print()
    print('took: ' + ', '.join(took))
    for name in total.failed:
        print('FAILED: ' + name)
    summary = total.line()
    if 'DMEM_TEST_SUMMARY' in os.environ:
        with open(os.environ['DMEM_TEST_SUMMARY'], 'w', encoding='utf-8') as file:
            file.write(summary + '\n')
    print(summary, flush=True)
    return 0 if total.ok() else 1


if __name__ == '__main__':
    sys.exit(main())
