# Copyright 2026 The dmemd Authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of lint.py: every rule fires on a sample and stays silent on its neighbour."""

import unittest

import lint

HEAD = '// Copyright 2026 The dmemd Authors\n// SPDX-License-Identifier: Apache-2.0\n'
PYTHON_HEAD = HEAD.replace('//', '#')

# rule: [(path, line that it finds, path, line that it does not)]
SAMPLES = {
    'core-stands-alone': [
        ('core/a.h', '#include <grpcpp/grpcpp.h>', 'server/a.h', '#include <grpcpp/grpcpp.h>'),
        ('core/a_test.cc', '#include "dmem/v1/limits.pb.h"', 'core/a.cc', '#include "core/b.h"'),
        ('core/a.cc', '#include "absl/synchronization/mutex.h"',
         'core/a.cc', '#include "absl/strings/str_cat.h"'),
    ],
    'core-has-no-threads-or-clock': [
        ('core/a.cc', '#include <mutex>', 'server/a.cc', '#include <mutex>'),
        ('core/a.h', '#include "absl/time/clock.h"', 'core/a.h', '#include "absl/time/time.h"'),
    ],
    'core-has-no-io': [
        ('core/a.cc', '#include <fstream>', 'core/a_test.cc', '#include <fstream>'),
    ],
    'core-has-no-floats': [
        ('core/a.cc', 'double share = 0;', 'core/a.cc', '// no double here'),
        ('core/a.h', 'float f();', 'server/a.h', 'float f();'),
    ],
    'client-stands-alone': [
        ('client/a.cc', '#include "core/b.h"', 'server/a.cc', '#include "core/b.h"'),
        ('client/a_test.cc', '#include "server/b.h"', 'client/a.cc', '#include "client/b.h"'),
    ],
    'server-without-client': [
        ('server/a.cc', '#include "client/b.h"', 'server/a_test.cc', '#include "client/b.h"'),
    ],
    'clock': [
        ('server/a.cc', 'auto t = absl::Now();', 'server/system_clock.cc', 'return absl::Now();'),
        ('client/a.cc', 'std::chrono::steady_clock::now()', 'bench/a.cc', 'steady_clock::now()'),
        ('core/a.cc', 'time(nullptr)', 'core/a.cc', 'command_time(nullptr)'),
    ],
    'sleep': [
        ('tests/a.cc', 'absl::SleepFor(d);', 'tests/a.cc', '// never absl::SleepFor(d)'),
        ('server/a_test.cc', 'std::this_thread::sleep_for(d);', 'server/a.cc', 'sleep_for_me(d);'),
        ('bench/a.cc', 'usleep(1);', 'bench/a.cc', '"usleep(1)"'),
    ],
    'randomness': [
        ('core/a.cc', 'int x = rand();', 'core/a.cc', 'int x = operand();'),
        ('tests/a.cc', 'std::random_device d;', 'tests/a.cc', 'std::mt19937_64 r(seed);'),
        ('server/a.cc', 'absl::BitGen g;', 'server/a.cc', 'std::seed_seq g;'),
    ],
    'shell': [
        ('tests/a.cc', 'system("ls");', 'tests/a.cc', 'file_system("ls");'),
        ('client/a.cc', 'popen("ls", "r");', 'client/a.cc', 'open("ls");'),
    ],
    'assert': [
        ('core/a.cc', 'assert(x);', 'core/a.cc', 'static_assert(x);'),
    ],
    'disabled-test': [
        ('core/a_test.cc', 'TEST(A, DISABLED_B) {', 'core/a_test.cc', 'TEST(A, DISABLED_B) {  // why'),
    ],
    'string-view': [
        ('core/a.h', 'void F(std::string_view s);', 'core/a.h', 'void F(absl::string_view s);'),
    ],
    'using-namespace': [
        ('tests/a.cc', 'using namespace std;', 'tests/a.cc', 'using std::string;'),
    ],
    'unfinished': [
        ('core/a.cc', '// TO' + 'DO: all', 'core/a.cc', '// to do'),
        ('docs/a.md', 'FIX' + 'ME', 'docs/a.txt', 'FIX' + 'ME'),
    ],
    'trailing-space': [
        ('core/a.cc', 'int x; ', 'core/a.cc', 'int x;'),
        ('tools/demo', 'echo ', 'tools/demo', 'echo'),
    ],
    'tab': [
        ('core/a.cc', '\tint x;', 'Makefile', '\tls'),
    ],
}


def rules_found(path, line):
    head = HEAD if path.endswith(('.cc', '.h')) else PYTHON_HEAD
    return {rule for _, rule, _ in lint.check_file(path, head + '\n' + line + '\n')}


class RulesTest(unittest.TestCase):

    def test_every_rule_has_a_sample(self):
        self.assertEqual(sorted(SAMPLES), sorted(rule.name for rule in lint.RULES))

    def test_every_rule_fires_on_its_sample_and_not_on_its_neighbour(self):
        for rule, samples in SAMPLES.items():
            for bad_path, bad_line, good_path, good_line in samples:
                with self.subTest(rule=rule, line=bad_line):
                    self.assertIn(rule, rules_found(bad_path, bad_line))
                with self.subTest(rule=rule, neighbour=good_line):
                    self.assertNotIn(rule, rules_found(good_path, good_line))

    def test_a_finding_names_the_line(self):
        text = HEAD + '\nint x;\nassert(x);\n'
        self.assertEqual([line for line, _, _ in lint.check_file('core/a.cc', text)], [5])

    def test_an_exception_silences_its_rule_in_its_file_only(self):
        rule = lint.Rule('r', lint.CPP, 'x', 'm', exceptions={'core/a.cc': 'reason'})
        self.assertFalse(rule.applies('core/a.cc'))
        self.assertTrue(rule.applies('core/b.cc'))


class WholeFileTest(unittest.TestCase):

    def names(self, path, text):
        return [rule for _, rule, _ in lint.check_file(path, text)]

    def test_license(self):
        self.assertEqual(self.names('core/a.cc', HEAD), [])
        self.assertEqual(self.names('core/a.cc', 'int x;\n'), ['license'])
        self.assertEqual(self.names('core/a.cc', HEAD.split('\n', 1)[1]), ['license'])
        self.assertEqual(self.names('tools/run', '#!/bin/sh\n' + PYTHON_HEAD), [])
        self.assertEqual(self.names('tools/run', '#!/bin/sh\nls\n'), ['license'])
        self.assertEqual(self.names('docs/a.md', 'words\n'), [])

    def test_length(self):
        line = 'int x;\n'
        self.assertEqual(self.names('core/a.cc', HEAD + line * (lint.MAX_LINES - 2)), [])
        self.assertEqual(self.names('core/a.cc', HEAD + line * (lint.MAX_LINES - 1)), ['length'])

    def test_last_line(self):
        self.assertEqual(self.names('core/a.cc', HEAD + 'int x;'), ['last-line'])

    def test_an_exception_for_a_file_that_is_gone_is_found(self):
        exceptions = [('length', 'core/gone.cc')]
        self.assertEqual(len(lint.check_exceptions(['core/a.cc'], exceptions)), 1)
        self.assertEqual(lint.check_exceptions(['core/gone.cc'], exceptions), [])


class WithoutCommentsAndLiteralsTest(unittest.TestCase):

    def test_blanks_what_is_not_code(self):
        blank = lint.without_comments_and_literals
        self.assertEqual(blank('a; // b'), 'a;     ')
        self.assertEqual(blank('a /* b\nc */ d'), 'a     \n     d')
        self.assertEqual(blank('f("x\\"y", z)'), 'f(      , z)')
        self.assertEqual(blank('"// no" + sleep(1)'), '        + sleep(1)')
        self.assertEqual(blank('R"(a\n")" b'), '    \n    b')
        self.assertEqual(blank("1'000'000 + '\"' + x"), '1_000_000 +     + x')
        self.assertEqual(blank('#include "a/b.h"  // c'), '#include "a/b.h"      ')


if __name__ == '__main__':
    unittest.main()
