# Copyright 2026 The dmemd Authors
# SPDX-License-Identifier: Apache-2.0
"""Runs unittest cases so that Bazel's test.xml has them one by one, skipped ones too."""

import os
import sys
import time
import unittest
import xml.etree.ElementTree as ET


class _Result(unittest.TextTestResult):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.suite = ET.Element("testsuite", name="python")
        self._case = None
        self._began = 0.0

    def startTest(self, test):
        super().startTest(test)
        classname, _, name = test.id().removeprefix("__main__.").rpartition(".")
        self._case = ET.SubElement(self.suite, "testcase", name=name, classname=classname,
                                   result="completed")
        self._began = time.monotonic()

    def stopTest(self, test):
        self._case.set("time", f"{time.monotonic() - self._began:.3f}")
        super().stopTest(test)

    def _failed(self, error):
        failure = ET.SubElement(self._case, "failure", message=str(error[1])[:200])
        failure.text = str(error[1])

    def addError(self, test, err):
        super().addError(test, err)
        if self._case is None or not isinstance(test, unittest.TestCase):  # In setUpClass.
            self._case = ET.SubElement(self.suite, "testcase", name=str(test), classname="setup",
                                       result="completed")
        self._failed(err)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._failed(err)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._failed(err)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._case.set("result", "skipped")
        print(f"SKIPPED {test.id()}: {reason}")


def main():
    """Runs the cases of the calling script and exits."""
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])
    result = unittest.TextTestRunner(verbosity=2, resultclass=_Result).run(suite)
    if "XML_OUTPUT_FILE" in os.environ:
        document = ET.Element("testsuites")
        document.append(result.suite)
        ET.ElementTree(document).write(os.environ["XML_OUTPUT_FILE"], encoding="utf-8")
    sys.exit(0 if result.wasSuccessful() and result.testsRun > 0 else 1)
