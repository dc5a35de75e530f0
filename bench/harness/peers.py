# Copyright 2026 The dmemd Authors
# SPDX-License-Identifier: Apache-2.0
"""The same charges on Redis and PostgreSQL, each as durable as dmemd, in rounds that take turns.

What a competent user would do: Redis decides in one Lua script with one read and one write of a
hash, and always syncs its log; PostgreSQL in one prepared statement, a function, with a connection
for each caller. Peers come from Debian's packages and run on loopback, in the scratch directory.
"""

import os
import pwd
import select
import shutil
import socket
import subprocess
import time

from bench.harness import servers
from bench.harness.results import Results
from bench.harness.servers import RATE_AND_LATENCIES, charge_load, picked, run_json

POSTGRESQL_BIN = '/usr/lib/postgresql/15/bin'
TARGETS = ('//bench/peers:redis_load', '//bench/peers:postgresql_load')
CALLERS = 64
READY_SECONDS = 30


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def await_port(process, port, log):
    """Until something listens there."""
    deadline = time.monotonic() + READY_SECONDS
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(('127.0.0.1', port)) == 0:
                return
        if process.poll() is not None or time.monotonic() > deadline:
            with open(log, encoding='utf-8', errors='replace') as file:
                raise servers.Failed('%s did not start:\n%s' % (log, file.read()[-2000:]))
        select.select([], [], [], 0.05)


class Redis:
    """Keeps every command in its log before it answers: appendfsync always."""

    program = 'peers/redis_load'

    def __init__(self, directory):
        self.directory = directory

    def __enter__(self):
        os.makedirs(self.directory)
        port = free_port()
        self.address = '127.0.0.1:%d' % port
        log = os.path.join(self.directory, 'log')
        self.process = subprocess.Popen(
            ['redis-server', '--port', str(port), '--bind', '127.0.0.1', '--dir', self.directory,
             '--appendonly', 'yes', '--appendfsync', 'always', '--save', '', '--logfile', log],
            stdin=subprocess.DEVNULL)
        await_port(self.process, port, log)
        return self

    def __exit__(self, *_):
        servers.stop(self.process)


class Postgresql:
    """fsync and synchronous_commit are on, as they are by default."""

    program = 'peers/postgresql_load'

    def __init__(self, directory):
        self.directory = directory

    def __enter__(self):
        os.makedirs(self.directory)
        # It refuses to run as root.
        as_user = []
        if os.geteuid() == 0:
            user = pwd.getpwnam('postgres')
            os.chown(self.directory, user.pw_uid, user.pw_gid)
            for above in (os.path.dirname(self.directory), servers.SCRATCH):
                os.chmod(above, 0o755)
            as_user = ['setpriv', '--reuid=postgres', '--regid=postgres', '--clear-groups']
        data = os.path.join(self.directory, 'data')
        port = free_port()
        self.address = 'host=127.0.0.1 port=%d user=dmem dbname=postgres' % port
        subprocess.run(as_user + [POSTGRESQL_BIN + '/initdb', '--pgdata=' + data, '--auth=trust',
                                  '--username=dmem'], stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, check=True)
        log = os.path.join(self.directory, 'log')
        with open(log, 'ab') as out:
            self.process = subprocess.Popen(
                as_user + [POSTGRESQL_BIN + '/postgres', '-D', data, '-p', str(port),
                           '-c', 'listen_addresses=127.0.0.1', '-c', 'max_connections=200',
                           '-c', 'unix_socket_directories=', '-c', 'shared_buffers=512MB'],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        await_port(self.process, port, log)
        return self

    def __exit__(self, *_):
        servers.stop(self.process)


def missing():
    """The peers that are not installed."""
    found = {'redis-server': shutil.which('redis-server'),
             'postgresql-15': os.path.exists(POSTGRESQL_BIN + '/postgres')}
    return [name for name, is_there in found.items() if not is_there]


def load(peer, seconds, *flags):
    return picked(run_json(peer.program, '--address=' + peer.address, '--seconds=%g' % seconds,
                           *flags), RATE_AND_LATENCIES)


def check(kind):
    """That the peer grants, replays and refuses as dmemd does."""
    with servers.scratch() as directory, kind(directory + '/peer') as peer:
        run_json(peer.program, '--address=' + peer.address, '--check')


def measure(rounds, seconds, say):
    results = Results('peers')
    if missing():
        raise servers.Failed('not installed: %s (tools/setup bench)' % ', '.join(missing()))
    for kind in (Redis, Postgresql):
        say('peers: %s decides as it must' % kind.__name__)
        check(kind)
    with servers.scratch() as directory, servers.Dmemd(directory + '/dmemd') as dmemd, \
            Redis(directory + '/redis') as redis, Postgresql(directory + '/postgresql') as postgresql:
        unary = ['--callers=%d' % CALLERS]
        for number in range(rounds):
            say('peers: round %d of %d' % (number + 1, rounds))
            at = ['--seconds=%g' % seconds]
            own = picked(charge_load(dmemd, '--in-flight=%d' % CALLERS, *at), RATE_AND_LATENCIES)
            in_redis = load(redis, seconds, *unary)
            in_postgresql = load(postgresql, seconds, *unary)
            batched = picked(charge_load(dmemd, '--shape=batch', '--in-flight=8', *at),
                             RATE_AND_LATENCIES)
            for row, subject, values in (
                    ('redis-unary', 'dmemd', own), ('redis-unary', 'redis', in_redis),
                    ('postgresql-unary', 'dmemd', own),
                    ('postgresql-unary', 'postgresql', in_postgresql),
                    ('redis-batched', 'dmemd', batched),
                    ('redis-batched', 'redis pipelined',
                     load(redis, seconds, '--callers=4', '--batch=100')),
                    ('redis-batched', 'redis script',
                     load(redis, seconds, '--callers=4', '--batch=100', '--one-script')),
                    ('postgresql-batched', 'dmemd', batched),
                    ('postgresql-batched', 'postgresql', in_postgresql),
                    ('postgresql-batched', 'postgresql, 1000 charges a transaction',
                     load(postgresql, seconds, '--callers=2', '--batch=1000'))):
                results.add(row, number, subject, values)
    return results
