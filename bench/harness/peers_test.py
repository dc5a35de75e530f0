# Copyright 2026 The dmemd Authors
# SPDX-License-Identifier: Apache-2.0
"""Tests of how peers are started and stopped, with a server of our own in place of a peer."""

import os
import signal
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, ROOT)

from bench.harness import peers, servers  # noqa: E402

LISTEN = ('import signal, socket, sys; s = socket.create_server(("127.0.0.1", int(sys.argv[1]))); '
          'signal.pause()')


class Sample(peers.Peer):
    server = 'sample'
    code = LISTEN

    def start(self):
        port = peers.free_port()
        self.launch([sys.executable, '-c', self.code, str(port)], port)


class Broken(Sample):
    code = 'import sys; sys.exit("the disk is on fire")'


class PeerTest(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.directory = scratch.name + '/peer'

    def test_it_listens_when_ready_and_is_stopped_in_the_end(self):
        with Sample(self.directory) as peer:
            self.assertTrue(peer.is_ready())
            process = peer.process
        self.assertEqual(process.returncode, -signal.SIGTERM)
        self.assertFalse(peer.is_ready())

    def test_it_is_stopped_when_a_measurement_fails(self):
        with self.assertRaises(ValueError):
            with Sample(self.directory) as peer:
                raise ValueError
        self.assertEqual(peer.process.returncode, -signal.SIGTERM)

    def test_what_does_not_start_is_told_with_its_last_words(self):
        with self.assertRaisesRegex(servers.Failed, 'sample did not start:\nthe disk is on fire'):
            with Broken(self.directory):
                self.fail('it started')

    def test_after_a_crash_it_can_be_started_again(self):
        with Sample(self.directory) as peer:
            peer.crash()
            self.assertEqual(peer.process.returncode, -signal.SIGKILL)
            peer.start()
            self.assertTrue(peer.is_ready())
        self.assertEqual(peer.process.returncode, -signal.SIGTERM)


if __name__ == '__main__':
    unittest.main()
