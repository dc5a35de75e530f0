# Copyright 2026 The dmemd Authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of tools/tidy: what makes it look at a file again."""

import importlib.machinery
import importlib.util
import os
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
LOADER = importlib.machinery.SourceFileLoader('tidy', 'tools/tidy')
tidy = importlib.util.module_from_spec(importlib.util.spec_from_loader('tidy', LOADER))
LOADER.exec_module(tidy)


class DigestTest(unittest.TestCase):
    """a.cc includes b.h, which includes gen.h of another folder and a header of a package."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.write('src/a.cc', '#include "b.h"\n')
        self.write('src/b.h', '#  include <x/gen.h>\n#include <absl/time/time.h>\n')
        self.write('out/x/gen.h', 'int x;\n')
        self.write('src/other.h', '')

    def write(self, path, text):
        path = os.path.join(self.folder.name, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)

    def digest(self, common='packages', arguments=('-O2',)):
        return tidy.Inputs(common).digest({
            'directory': self.folder.name,
            'file': os.path.join(self.folder.name, 'src/a.cc'),
            'arguments': ['clang++', '-iquote', 'src', '-isystem', 'out'] + list(arguments),
        })

    def test_stays_while_nothing_changes_that_the_file_sees(self):
        before = self.digest()
        self.write('src/other.h', 'int y;\n')
        self.assertEqual(self.digest(), before)

    def test_changes_with_the_file_and_with_all_that_it_includes(self):
        for path in ('src/a.cc', 'src/b.h', 'out/x/gen.h'):
            before = self.digest()
            with open(os.path.join(self.folder.name, path), 'a', encoding='utf-8') as file:
                file.write('int z;\n')
            self.assertNotEqual(self.digest(), before, path)

    def test_changes_with_a_header_that_hides_another(self):
        before = self.digest()
        self.write('src/x/gen.h', 'int x;\n')
        self.assertNotEqual(self.digest(), before)

    def test_changes_with_the_command_the_checks_and_the_packages(self):
        before = self.digest()
        self.assertNotEqual(self.digest(arguments=('-O3',)), before)
        self.assertNotEqual(self.digest(common='newer packages'), before)

    def test_headers_that_include_each_other_end(self):
        self.write('src/b.h', '#include "c.h"\n')
        self.write('src/c.h', '#include "b.h"\n')
        self.assertEqual(self.digest(), self.digest())


if __name__ == '__main__':
    unittest.main()
