# Copyright 2026 The dmemd Authors
# SPDX-License-Identifier: Apache-2.0
"""A dmemd of a test's own."""

import json
import os
import subprocess
import tempfile
import time

DMEMD = "server/dmemd"
START_SECONDS_MAX = 60


class Dmemd:
    """A running server with an empty store, on free ports of loopback; `with` stops and removes it."""

    def __init__(self, store="rocksdb"):
        self._directory = tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR"))
        self._log = open(os.path.join(self._directory.name, "log"), "w+b")
        data = os.path.join(self._directory.name, "data")
        self._process = subprocess.Popen(
            [DMEMD, "--listen=127.0.0.1:0", "--http=127.0.0.1:0", f"--data-dir={data}",
             f"--store={store}"],
            stdin=subprocess.DEVNULL, stdout=self._log, stderr=subprocess.STDOUT)
        try:
            self.address = self._await_endpoints(os.path.join(data, "endpoints.json"))["grpc"]
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise

    def _await_endpoints(self, path):
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise RuntimeError(f"dmemd exited with {self._process.returncode}:\n{self.log()}")
            try:
                with open(path, encoding="ascii") as file:
                    return json.load(file)
            except (FileNotFoundError, json.JSONDecodeError):
                time.sleep(0.01)  # Until the condition, with a deadline.
        raise RuntimeError(f"dmemd wrote no {path}:\n{self.log()}")

    def log(self):
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.terminate()
        try:
            self._process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise RuntimeError(f"dmemd did not end on SIGTERM:\n{self.log()}") from None
        finally:
            self._log.close()
            self._directory.cleanup()
