# Copyright 2026 The dmemd Authors
# SPDX-License-Identifier: Apache-2.0
"""Servers on loopback, started for a measurement and stopped after it, and loads on them."""

import contextlib
import json
import os
import select
import shutil
import statistics
import subprocess
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.path.join(ROOT, 'bazel-bin')
# Durability costs nothing on a file system in memory, so the data lies beside the sources.
SCRATCH = os.path.join(ROOT, '.bench')
READY_SECONDS = 120


class Failed(Exception):
    pass


@contextlib.contextmanager
def scratch():
    os.makedirs(SCRATCH, exist_ok=True)
    directory = tempfile.mkdtemp(prefix='run.', dir=SCRATCH)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def stop(process, seconds=60):
    """Asks it to end, and kills it if it does not."""
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Dmemd:
    """A dmemd on a directory. A context: it is stopped in the end."""

    def __init__(self, directory, *flags):
        self.directory, self.flags = directory, flags
        self.process = None

    def start(self):
        """Returns the seconds until it was ready."""
        endpoints = os.path.join(self.directory, 'endpoints.json')
        os.makedirs(self.directory, exist_ok=True)
        log_path = self.directory + '.log'
        started = time.monotonic()
        with open(log_path, 'ab') as log:
            self.process = subprocess.Popen(
                [BIN + '/server/dmemd', '--listen=127.0.0.1:0', '--http=127.0.0.1:0',
                 '--data-dir=' + self.directory, '--store=rocksdb', '--log-level=warning',
                 *self.flags], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        while True:
            if self.process.poll() is not None or time.monotonic() - started > READY_SECONDS:
                with open(log_path, encoding='utf-8', errors='replace') as log:
                    raise Failed('dmemd did not start:\n' + log.read()[-2000:])
            with contextlib.suppress(FileNotFoundError, ValueError):
                with open(endpoints, encoding='utf-8') as file:
                    found = json.load(file)
                if found['pid'] == self.process.pid:
                    self.grpc, self.http = found['grpc'], found['http']
                    return time.monotonic() - started
            select.select([], [], [], 0.005)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def memory_bytes(self):
        """What the process has in memory now."""
        with open('/proc/%d/statm' % self.process.pid, encoding='ascii') as file:
            return int(file.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        stop(self.process)


class Echo:
    """The no-op gRPC echo."""

    def __enter__(self):
        self.process = subprocess.Popen([BIN + '/bench/echo_server'], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, text=True)
        self.grpc = self.process.stdout.readline().strip()
        if not self.grpc:
            raise Failed('echo_server did not start')
        return self

    def __exit__(self, *_):
        stop(self.process)
        self.process.stdout.close()


def run_json(program, *flags, seconds=600):
    """Runs a program of bench/ to its end: the JSON object that it prints."""
    run = subprocess.run([os.path.join(BIN, 'bench', program), *flags], stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE, text=True, timeout=seconds, check=False)
    if run.returncode != 0:
        raise Failed('%s ended with exit code %d' % (program, run.returncode))
    return json.loads(run.stdout)


def charge_load(server, *flags):
    """A round of bench/load:charge_load: what it measured, without what is the same each time."""
    echo = ['--echo'] if isinstance(server, Echo) else []
    return run_json('load/charge_load', '--server=' + server.grpc, *echo, *flags)


RATE_AND_LATENCIES = ('charges_per_second', 'p50_us', 'p99_us', 'p999_us')


def picked(values, metrics):
    return {metric: values[metric] for metric in metrics}


def synced_write_us(count=300):
    """The median time of appending 4 KiB to a file and making it durable."""
    with scratch() as directory:
        path = os.path.join(directory, 'sync')
        file = os.open(path, os.O_CREAT | os.O_WRONLY)
        block, times = b'x' * 4096, []
        try:
            for _ in range(count):
                started = time.perf_counter()
                os.write(file, block)
                os.fdatasync(file)
                times.append(time.perf_counter() - started)
        finally:
            os.close(file)
    return statistics.median(times) * 1e6
