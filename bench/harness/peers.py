# Copyright 2026 The dmemd Authors
# SPDX-License-Identifier: Apache-2.0
"""The same charges on Redis, PostgreSQL and etcd, each as durable as dmemd, in rounds that take turns.

What a competent user would do: Redis decides in one Lua script with one read and one write of a
hash, and always syncs its log; PostgreSQL in one prepared statement, a function, with a connection
for each caller; etcd in one transaction that compares what the decision was made on. Peers come
from Debian's packages and run on loopback, in the scratch directory.
"""

import os
import pwd
import select
import shutil
import signal
import socket
import subprocess
import time

from bench.harness import servers
from bench.harness.results import Results
from bench.harness.servers import RATE_AND_LATENCIES, charge_load, picked, run_json

POSTGRESQL_BIN = '/usr/lib/postgresql/15/bin'
TARGETS = ('//bench/peers:redis_load', '//bench/peers:postgresql_load', '//bench/peers:etcd_load')
CALLERS = 64
READY_SECONDS = 30


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def last_lines(path):
    with open(path, encoding='utf-8', errors='replace') as file:
        return file.read()[-2000:]


class Peer:
    """A server on a directory, of its own. A context: it is stopped in the end."""

    def __init__(self, directory):
        self.directory = directory
        self.log = os.path.join(directory, 'log')
        self.process = None

    def __enter__(self):
        os.makedirs(self.directory)
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.process is not None:
            servers.stop(self.process)

    def launch(self, command, port):
        """Returns when it is ready."""
        self.port = port
        with open(self.log, 'ab') as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log)
        deadline = time.monotonic() + READY_SECONDS
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise servers.Failed('%s did not start:\n%s' % (self.server, last_lines(self.log)))
            select.select([], [], [], 0.05)

    def is_ready(self):
        with socket.socket() as probe:
            return probe.connect_ex(('127.0.0.1', self.port)) == 0

    def crash(self):
        self.process.kill()
        self.process.wait()


class Redis(Peer):
    """Keeps every command in its log before it answers: appendfsync always."""

    program = 'peers/redis_load'
    server = 'redis-server'
    version = ('redis-server', '--version')

    def start(self):
        port = free_port()
        self.address = '127.0.0.1:%d' % port
        self.launch(['redis-server', '--port', str(port), '--bind', '127.0.0.1',
                     '--dir', self.directory, '--appendonly', 'yes', '--appendfsync', 'always',
                     '--save', ''], port)

    def is_ready(self):
        # It listens before it has read its log.
        if not super().is_ready():
            return False
        with socket.create_connection(('127.0.0.1', self.port), READY_SECONDS) as probe:
            probe.sendall(b'PING\r\n')
            return probe.recv(64).startswith(b'+PONG')


class Postgresql(Peer):
    """fsync and synchronous_commit are on, as they are by default."""

    program = 'peers/postgresql_load'
    server = POSTGRESQL_BIN + '/postgres'
    version = (POSTGRESQL_BIN + '/postgres', '--version')

    def start(self):
        # It refuses to run as root.
        as_user = []
        if os.geteuid() == 0:
            user = pwd.getpwnam('postgres')
            os.chown(self.directory, user.pw_uid, user.pw_gid)
            for above in (os.path.dirname(self.directory), servers.SCRATCH):
                os.chmod(above, 0o755)
            as_user = ['setpriv', '--reuid=postgres', '--regid=postgres', '--clear-groups']
        data = os.path.join(self.directory, 'data')
        if not os.path.exists(data):
            with open(self.log, 'ab') as log:
                run = subprocess.run(as_user + [POSTGRESQL_BIN + '/initdb', '--pgdata=' + data,
                                                '--auth=trust', '--username=dmem'],
                                     stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False)
            if run.returncode != 0:
                raise servers.Failed('initdb failed (may user postgres enter every directory above '
                                     'its own?):\n' + last_lines(self.log))
        port = free_port()
        self.address = 'host=127.0.0.1 port=%d user=dmem dbname=postgres' % port
        self.launch(as_user + [self.server, '-D', data, '-p', str(port),
                               '-c', 'listen_addresses=127.0.0.1', '-c', 'max_connections=200',
                               '-c', 'unix_socket_directories=', '-c', 'shared_buffers=512MB'],
                    port)

    def is_ready(self):
        # It listens before it has recovered.
        return subprocess.run([POSTGRESQL_BIN + '/pg_isready', '-q', '-h', '127.0.0.1',
                               '-p', str(self.port)], check=False).returncode == 0

    def crash(self):
        # Ends all of its processes without writing anything; the next start recovers from the log.
        # Of SIGKILL only the first of them would know.
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait()


class Etcd(Peer):
    """Syncs its log before it answers, as by default. Transactions may be of any size."""

    program = 'peers/etcd_load'
    server = 'etcd'
    version = ('etcd', '--version')

    def start(self):
        port, peers_port = free_port(), free_port()
        self.address = '127.0.0.1:%d' % port
        url, peers_url = 'http://' + self.address, 'http://127.0.0.1:%d' % peers_port
        self.launch(['etcd', '--name=bench', '--data-dir=' + os.path.join(self.directory, 'data'),
                     '--listen-client-urls=' + url, '--advertise-client-urls=' + url,
                     '--listen-peer-urls=' + peers_url,
                     '--initial-advertise-peer-urls=' + peers_url,
                     '--initial-cluster=bench=' + peers_url, '--max-txn-ops=100000',
                     '--quota-backend-bytes=%d' % (8 << 30), '--logger=zap', '--log-level=warn'],
                    port)


KINDS = (Redis, Postgresql, Etcd)


def missing():
    """The peers that are not installed."""
    return [kind.server for kind in KINDS if not shutil.which(kind.server)]


def load(peer, seconds, *flags):
    return picked(run_json(peer.program, '--address=' + peer.address, '--seconds=%g' % seconds,
                           *flags), RATE_AND_LATENCIES)


def check(kind):
    """That the peer grants, replays and refuses as dmemd does, and forgets nothing in a crash."""
    with servers.scratch() as directory, kind(directory + '/peer') as peer:
        run_json(peer.program, '--address=' + peer.address, '--check')
        peer.crash()
        peer.start()
        run_json(peer.program, '--address=' + peer.address, '--check-kept')


def check_all(say):
    if missing():
        raise servers.Failed('not installed: %s (tools/setup bench)' % ', '.join(missing()))
    for kind in KINDS:
        say('peers: %s decides as it must' % kind.__name__)
        check(kind)


def measure(rounds, seconds, say):
    results = Results('peers')
    check_all(say)
    for kind in KINDS:
        run = subprocess.run(kind.version, stdout=subprocess.PIPE, text=True, check=True)
        results.facts['version of ' + kind.__name__.lower()] = run.stdout.split('\n')[0]
    with servers.scratch() as directory, servers.Dmemd(directory + '/dmemd') as dmemd, \
            Redis(directory + '/redis') as redis, \
            Postgresql(directory + '/postgresql') as postgresql, \
            Etcd(directory + '/etcd') as etcd, Etcd(directory + '/etcd-batched') as etcd_batched:
        # etcd becomes slower with every key, and batches make many: they have an etcd of their own.
        unary = ['--callers=%d' % CALLERS]
        at = '--seconds=%g' % seconds
        for number in range(rounds):
            say('peers: round %d of %d' % (number + 1, rounds))

            def own(*flags):
                return 'dmemd', picked(charge_load(dmemd, at, *flags), RATE_AND_LATENCIES)

            # Each peer between a measurement of dmemd and the next.
            single = own('--in-flight=%d' % CALLERS)
            in_redis = load(redis, seconds, *unary)
            batched = own('--shape=batch', '--in-flight=8')
            add(results, 'redis-unary', number, single, ('redis', in_redis))
            add(results, 'redis-batched', number, batched,
                ('redis pipelined', load(redis, seconds, '--callers=4', '--batch=100')),
                ('redis script',
                 load(redis, seconds, '--callers=4', '--batch=100', '--one-script')))
            single = own('--in-flight=%d' % CALLERS)
            # As behind a pool of connections: more wait for each other at the devices' rows.
            in_postgresql = (('postgresql', load(postgresql, seconds, *unary)),
                             ('postgresql, 8 connections',
                              load(postgresql, seconds, '--callers=8')))
            batched = own('--shape=batch', '--in-flight=8')
            add(results, 'postgresql-unary', number, single, *in_postgresql)
            add(results, 'postgresql-batched', number, batched, *in_postgresql,
                ('postgresql, 1000 charges a transaction',
                 load(postgresql, seconds, '--callers=2', '--batch=1000')))
            single = own('--in-flight=%d' % CALLERS)
            in_etcd = load(etcd, seconds, *unary)
            batched = own('--shape=batch', '--in-flight=8')
            add(results, 'etcd-unary', number, single, ('etcd', in_etcd))
            add(results, 'etcd-batched', number, batched, ('etcd', in_etcd),
                ('etcd, 125 charges a transaction',
                 load(etcd_batched, seconds, '--callers=8', '--batch=1000')))
    return results


def add(results, row, number, *measured):
    for subject, values in measured:
        results.add(row, number, subject, values)
