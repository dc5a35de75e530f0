#!/usr/bin/env python3
# Copyright 2026 The dmemd Authors
# SPDX-License-Identifier: Apache-2.0
"""Checks every file of the project against RULES, and the C++ against .clang-format.

usage: tools/lint.py [FILE...]     all files that git knows or would add, without arguments

To allow an exception, add the file and the reason to the rule. Prints `FILE:LINE: RULE: MESSAGE` and
exits 1 if there are findings.
"""

import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

CPP = r'\.(cc|h)$'
SOURCE = r'\.(cc|h|proto|py|sh|bzl|bazel)$'
# Also scripts without an extension, which are recognised by their first line.
SCRIPT = r'^#!'

CODE = 'code'  # a rule's pattern is searched in C++ without comments and the text of literals
TEXT = 'text'  # ... in each line as it is


class Rule:
    """Finds lines that match `pattern` in files that match `files` and not `unless`."""

    def __init__(self, name, files, pattern, message, scope=CODE, unless=None, exceptions=None):
        self.name = name
        self.files = re.compile(files)
        self.pattern = re.compile(pattern)
        self.message = message
        self.scope = scope
        self.unless = re.compile(unless) if unless else None
        self.exceptions = exceptions or {}  # path: reason

    def applies(self, path):
        return (self.files.search(path) and path not in self.exceptions and
                not (self.unless and self.unless.search(path)))


TESTS = r'_test\.cc$|/testing/|^tests/'

RULES = [
    # Layers.
    Rule('core-stands-alone', r'^core/.*' + CPP,
         r'#include [<"](grpc|google/protobuf|prometheus|rocksdb|absl/(flags|synchronization)/'
         r'|server/|client/|dmem/v1/|.*\.pb\.h)',
         'core depends on Abseil only: no gRPC, protobuf, metrics, store, flags or locks', TEXT),
    Rule('core-has-no-threads-or-clock', r'^core/.*' + CPP,
         r'#include (<(thread|mutex|shared_mutex|condition_variable|future|atomic|chrono|ctime'
         r'|sys/time\.h|time\.h)>|"absl/time/clock\.h")',
         'the state machine is deterministic: time comes in with the command, nothing is locked',
         TEXT, unless=TESTS),
    Rule('core-has-no-io', r'^core/.*' + CPP, r'#include <(iostream|fstream|cstdio|filesystem)>',
         'the state machine does no I/O', TEXT, unless=TESTS,
         exceptions={'core/check.h': 'says what failed, then aborts'}),
    Rule('core-has-no-floats', r'^core/.*' + CPP, r'\b(double|float)\b',
         'amounts are integers: use ByteCount', unless=TESTS),
    Rule('client-stands-alone', r'^client/.*' + CPP, r'#include "(core|server)/',
         'client never includes core or server', TEXT),
    Rule('server-without-client', r'^server/.*' + CPP, r'#include "client/',
         'server depends on proto and core', TEXT, unless=TESTS),

    # Determinism and tests.
    Rule('clock', r'^(core|server|client)/.*' + CPP,
         r'\babsl::Now\(|\bGetCurrentTimeNanos\(|\b(system|steady|high_resolution)_clock::now\('
         r'|\bgettimeofday\(|\bclock_gettime\(|\btime\((nullptr|NULL|0)\)',
         'the clock is passed in', unless=TESTS + r'|clock\.(h|cc)$'),
    Rule('sleep', CPP, r'\bSleepFor\(|\bsleep_(for|until)\(|\b(u|nano)?sleep\(',
         'wait for the condition, with a deadline',
         exceptions={'client/retry_loop.cc': 'waits between attempts, as long as it is told to',
                     'tests/storm/storm_run.cc': 'the server is to be away for so long'}),
    Rule('randomness', CPP,
         r'\b(s?rand(_r)?|[dlm]rand48)\(|\brandom\(\)|\brandom_device\b|\babsl::(Insecure)?BitGen\b',
         'randomness is passed in, with a seed that can be printed',
         # Ids must differ between runs; tests pass another generator.
         unless=r'^server/id_generator\.cc$|^client/(retry_environment|charge_id)\.cc$'),
    Rule('shell', CPP, r'\b(system|popen)\(', 'no shell: it quotes wrongly and hides errors'),
    Rule('assert', CPP, r'\bassert\(|#include <cassert>',
         'assert is compiled out: use the CHECK macros of core/check.h'),
    Rule('disabled-test', CPP, r'\bDISABLED_\w+(?!.*//)', 'a disabled test says why on its line', TEXT),

    # Words and form.
    Rule('string-view', r'^(core|server|client)/.*\.h$', r'\bstd::string_view\b',
         'use absl::string_view: here it is another type, and our interfaces use one'),
    Rule('using-namespace', CPP, r'\busing namespace\b', 'name what is used'),
    Rule('unfinished', SOURCE + r'|\.md$', r'\b(TO' + r'DO|FIX' + r'ME|XX' + r'X)\b',
         'finish it, or file an issue', TEXT),
    Rule('trailing-space', SOURCE + r'|\.(md|txt|yaml|yml|json)$|^[^.]+$', r'[ \t]+$',
         'trailing white space', TEXT,
         unless=r'^tests/fuzz/corpus/'),
    Rule('tab', SOURCE, r'\t', 'use spaces', TEXT),
]

# Rules about a whole file. A longer file has probably been joined by a second subject.
MAX_LINES = 500
LONGER_FILES = {
    # path: reason
    'core/BUILD.bazel': 'a target for each class',
    'server/BUILD.bazel': 'a target for each class',
    'server/quota_service.cc': 'a few lines for each RPC',
}
COPYRIGHT = re.compile(r'^(//|#|"""|--|<!--) ?Copyright 20\d\d The dmemd Authors')
LICENSE = re.compile(r'^(//|#|--) ?SPDX-License-Identifier: Apache-2\.0$')


def without_comments_and_literals(text):
    """Blanks comments and the text of literals in C++; lines and columns stay."""
    pattern = re.compile(
        r'//[^\n]*|/\*.*?\*/|R"([^(\s]*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'',
        re.DOTALL)
    include = re.compile(r'^\s*#\s*include\b')

    def blank(match):
        start = text.rfind('\n', 0, match.start()) + 1
        if match.group().startswith('"') and include.match(text[start:match.start()]):
            return match.group()
        return re.sub(r'[^\n]', ' ', match.group())

    # A digit separator is no literal: 1'000.
    return pattern.sub(blank, re.sub(r"(?<=[0-9a-fA-F])'(?=[0-9a-fA-F])", '_', text))


def check_file(path, text):
    """Returns the findings in one file as (line, rule, message)."""
    findings = []
    lines = text.split('\n')
    code = without_comments_and_literals(text).split('\n') if re.search(CPP, path) else lines
    for rule in RULES:
        if rule.applies(path):
            for number, line in enumerate(code if rule.scope == CODE else lines, 1):
                if rule.pattern.search(line):
                    findings.append((number, rule.name, rule.message))

    if re.search(SOURCE, path) or re.search(SCRIPT, text) or path in ('WORKSPACE', 'Makefile'):
        head = lines[:3]
        if not any(COPYRIGHT.search(line) for line in head) or \
                not any(LICENSE.search(line) for line in head):
            findings.append((1, 'license', 'the first lines name "Copyright 2026 The dmemd Authors" '
                             'and "SPDX-License-Identifier: Apache-2.0"'))
        count = text.count('\n')
        if count > MAX_LINES and path not in LONGER_FILES:
            findings.append((count, 'length', 'over %d lines: which second subject moved in? '
                             '(LONGER_FILES takes a reason)' % MAX_LINES))
        if text and not text.endswith('\n'):
            findings.append((len(lines), 'last-line', 'the last line has no end'))
    return sorted(findings)


def check_exceptions(paths, exceptions):
    """Returns a message for each exception (rule, path) whose file is gone."""
    return ['tools/lint.py: %s: exception for %s, which does not exist' % (rule, path)
            for rule, path in exceptions if path not in paths]


def all_exceptions():
    return ([(rule.name, path) for rule in RULES for path in rule.exceptions] +
            [('length', path) for path in LONGER_FILES])


def tracked_files():
    listing = subprocess.run(
        ['git', '-c', 'safe.directory=*', 'ls-files', '-z', '--cached', '--others',
         '--exclude-standard'], cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True)
    return sorted(path for path in set(listing.stdout.split('\0'))
                  if path and os.path.isfile(os.path.join(ROOT, path)))


def check_format(paths):
    """Returns a message for each file that clang-format would change."""
    paths = [path for path in paths if re.search(CPP, path)]
    if not paths:
        return []
    run = subprocess.run(['clang-format', '--dry-run', '--Werror'] + paths, cwd=ROOT,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    wrong = sorted(set(re.findall(r'^(\S+?):\d+:\d+: error:.*clang-format', run.stdout, re.M)))
    if run.returncode != 0 and not wrong:
        return ['clang-format failed: ' + run.stdout.strip()]
    return [path + ': format: run make format' for path in wrong]


def main(arguments):
    paths = arguments or tracked_files()
    messages = [] if arguments else check_exceptions(paths, all_exceptions())
    for path in paths:
        with open(os.path.join(ROOT, path), 'rb') as file:
            content = file.read()
        if b'\0' in content:
            continue
        for line, rule, message in check_file(path, content.decode('utf-8', 'replace')):
            messages.append('%s:%d: %s: %s' % (path, line, rule, message))
    messages += check_format(paths)
    for message in messages:
        print(message)
    print('lint: %d files, %d findings' % (len(paths), len(messages)))
    return 1 if messages else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
