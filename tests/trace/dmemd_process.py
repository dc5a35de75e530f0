# Copyright 2026 The dmemd Authors
# SPDX-License-Identifier: Apache-2.0
"""Processes that end with their test, and a dmemd of a test's own."""

import ctypes
import json
import os
import signal
import subprocess
import tempfile
import time

DMEMD = os.path.join("server", "dmemd")
SECONDS_MAX = 60
PR_SET_PDEATHSIG = 1  # Of linux/prctl.h.
LIBC = ctypes.CDLL(None)


def eventually(condition, what, seconds=SECONDS_MAX):
    """Waits until condition() is true, and returns what it returned.

    `what` was waited for: a text, or what makes one of how things are when it did not come."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            said = what() if callable(what) else what
            raise AssertionError(f"not within {seconds} s: {said}")
        time.sleep(0.05)  # Until the condition, with a deadline.


def spawn(arguments, **options):
    """A process that never outlives this one, however this one ends."""
    parent = os.getpid()

    def die_with_parent():
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)  # It has ended before.

    # No test has threads, of which a process between fork and exec would have to beware.
    return subprocess.Popen(arguments, stdin=subprocess.DEVNULL, preexec_fn=die_with_parent,
                            **options)


def await_stop(process, what, seconds=SECONDS_MAX, log=lambda: ""):
    """It was asked to; in the end it is killed."""
    try:
        return process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise AssertionError(f"{what} did not stop within {seconds} s\n{log()}") from None


class DmemdProcess:
    """A dmemd whose files are in a directory. It can be killed and started again, at the same
    address and with its data."""

    def __init__(self, directory, *flags):
        self._directory = directory
        self._flags = flags
        self._listen = "127.0.0.1:0"
        self._process = None
        self.start()

    def start(self):
        data = os.path.join(self._directory, "data")
        endpoints = os.path.join(data, "endpoints.json")
        if os.path.exists(endpoints):
            os.remove(endpoints)
        with open(self._log_path(), "ab") as log:
            self._process = spawn(
                [DMEMD, f"--listen={self._listen}", "--http=127.0.0.1:0", f"--data-dir={data}",
                 *self._flags], stdout=log, stderr=subprocess.STDOUT)

        def ready():
            if not self.is_running():
                raise AssertionError(f"dmemd exited with {self._process.returncode}:\n{self.log()}")
            try:
                with open(endpoints, encoding="ascii") as file:
                    return json.load(file)
            except (FileNotFoundError, json.JSONDecodeError):
                return None

        try:
            self.address = eventually(ready, lambda: f"dmemd is ready:\n{self.log()}")["grpc"]
        except BaseException:
            self.kill()
            raise
        self._listen = self.address

    def is_running(self):
        return self._process.poll() is None

    def kill(self):
        self._process.kill()
        self._process.wait()

    def stop(self):
        if self.is_running():
            self._process.send_signal(signal.SIGTERM)
            await_stop(self._process, "dmemd", log=self.log)

    def _log_path(self):
        return os.path.join(self._directory, "dmemd.log")

    def log(self):
        with open(self._log_path(), encoding="utf-8", errors="replace") as file:
            return file.read()


class Dmemd(DmemdProcess):
    """One with an empty store; `with` stops and removes it."""

    def __init__(self, store="rocksdb"):
        self._temporary = tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR"))
        super().__init__(self._temporary.name, f"--store={store}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.stop()
        finally:
            self._temporary.cleanup()
