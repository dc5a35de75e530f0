#!/usr/bin/env python3
# Copyright 2026 The dmemd Authors
# SPDX-License-Identifier: Apache-2.0
"""Replays traces against a real dmemd and compares every number.

Small traces have their numbers worked out by hand, which the independent calculation of expected.py
must give too. The large ones lie beside the checkout, in ../shared/traces; without them those cases
skip.
"""

import json
import os
import subprocess
import sys
import tempfile
import unittest

import cases
import expected
from dmemd_process import Dmemd

REPLAY = "bench/trace_replay"
DMEMCTL = "client/dmemctl"
TRACES = "../shared/traces"
NODES = TRACES + "/openb_node_list_gpu_node.csv"
PODS = TRACES + "/openb_pod_list_default.csv"
USAGE = TRACES + "/genai_pod_gpu_memory_used_bytes.csv"

GIB = 1024**3
NODE_HEADER = "sn,cpu_milli,memory_mib,gpu,model\n"
POD_HEADER = ("name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,"
              "deletion_time,scheduled_time\n")
USAGE_HEADER = "timestamp_s,used_bytes,container\n"


def replay(address, *arguments):
    """Exit code, stdout and stderr."""
    run = subprocess.run([REPLAY, f"--server={address}", *arguments], stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return run.returncode, run.stdout, run.stderr


def numbers(placed=0, unplaced=0, charges=0, uncharges=0, resizes=0, live=0, live_bytes=0, **peaks):
    """What a report must say; peaks by name of the first-level cgroup, `all` for "/"."""
    return {
        "tasks_placed": placed,
        "tasks_unplaced": unplaced,
        "charges": charges,
        "uncharges": uncharges,
        "resizes": resizes,
        "live_charges": live,
        "live_bytes": live_bytes,
        "peak_bytes": {"/" if name == "all" else "/" + name: value for name, value in peaks.items()},
    }


class TraceReplayTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        scratch = tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR"))
        self.addCleanup(scratch.cleanup)
        self.scratch = scratch.name

    def write(self, name, text):
        path = os.path.join(self.scratch, name)
        with open(path, "w", encoding="ascii", newline="") as file:
            file.write(text)
        return path

    def openb_files(self, nodes, pods):
        return (self.write("nodes.csv", NODE_HEADER + "\n".join(nodes) + "\n"),
                self.write("pods.csv", POD_HEADER + "\n".join(pods) + "\n"))

    def report(self, address, *arguments):
        code, out, err = replay(address, "-o", "json", *arguments)
        self.assertEqual(code, 0, err)
        report = json.loads(out)
        self.assertGreater(report.pop("wall_seconds"), 0)
        return report

    def check_openb(self, nodes, pods, by_hand, take=None):
        files = self.openb_files(nodes, pods)
        self.assertEqual(expected.openb(*files, take), by_hand, "the independent calculation")
        flags = [f"--openb-nodes={files[0]}", f"--openb-pods={files[1]}"]
        if take is not None:
            flags.append(f"--take-nodes={take}")
        with Dmemd("memory") as dmemd:
            self.assertEqual(self.report(dmemd.address, *flags), by_hand, "the replay")

    def check_usage(self, samples, by_hand):
        file = self.write("usage.csv", USAGE_HEADER + "\n".join(samples) + "\n")
        self.assertEqual(expected.usage(file), by_hand, "the independent calculation")
        with Dmemd("memory") as dmemd:
            self.assertEqual(self.report(dmemd.address, f"--usage={file}"), by_hand, "the replay")

    def check_error(self, nodes, pods, code, *words):
        files = self.openb_files(nodes, pods)
        with Dmemd("memory") as dmemd:
            result, out, err = replay(dmemd.address, "-o", "json", f"--openb-nodes={files[0]}",
                                      f"--openb-pods={files[1]}")
        self.assertEqual(result, code, err)
        self.assertEqual(out, "")
        for word in words:
            self.assertIn(word, err)


class OpenbRulesTest(TraceReplayTest):
    def test_a_share_of_a_gpu_is_charged_rounded_down(self):
        # 16 GiB = 17179869184; x 333/1000 = 5720896438.272; x 1/1000 = 17179869.184.
        # Both run at the same time: 5720896438 + 17179869 = 5738076307.
        self.check_openb(
            ["n,1,1,1,T4"],
            ["a,1,1,1,333,,LS,Running,0,9,0", "b,1,1,1,1,,BE,Running,1,9,1"],
            numbers(placed=2, charges=2, uncharges=2, all=5738076307, be=17179869, ls=5720896438))

    def test_ends_go_before_starts_of_the_same_second(self):
        # One GPU. a holds it whole until 10, b wants it whole from 10: both are placed. Were the start
        # first, b would be unplaced. b never ends.
        self.check_openb(
            ["n,1,1,1,G3"],
            ["b,1,1,1,1000,,LS,Running,10,,10", "a,1,1,1,1000,,LS,Running,0,10,0"],
            numbers(placed=2, charges=2, uncharges=1, live=1, live_bytes=80 * GIB, all=80 * GIB,
                    ls=80 * GIB))

    def test_starts_of_the_same_second_go_in_file_order(self):
        # One GPU of 24 GiB. The first row takes it; the second, of another QoS, is unplaced.
        self.check_openb(
            ["n,1,1,1,G2"],
            ["z,1,1,1,1000,,BE,Running,5,,5", "a,1,1,1,1000,,LS,Running,5,,5"],
            numbers(placed=1, unplaced=1, charges=1, live=1, live_bytes=24 * GIB, all=24 * GIB,
                    be=24 * GIB, ls=0))

    def test_an_empty_scheduled_time_means_creation_time(self):
        # b has no scheduled_time and so starts at 3, when a, 2 to 4, holds the GPU: unplaced.
        self.check_openb(
            ["n,1,1,1,P100"],
            ["a,1,1,1,1000,,LS,Running,0,4,2", "b,1,1,1,1000,,LS,Pending,3,9,"],
            numbers(placed=1, unplaced=1, charges=1, uncharges=1, all=16 * GIB, ls=16 * GIB))

    def test_tasks_that_end_not_after_their_start_or_have_no_gpu_leave_no_trace(self):
        # Neither c (end = start), d (end before start) nor e (no GPU) count as anything; /be, /guaranteed and
        # /burstable are theirs alone, and are not even created.
        self.check_openb(
            ["n,1,1,1,V100M32"],
            ["c,1,1,1,1000,,BE,Running,0,5,5", "d,1,1,1,1000,,Guaranteed,Running,0,4,5",
             "e,1,1,0,0,,Burstable,Running,0,9,0", "k,1,1,1,500,,LS,Running,0,9,5"],
            numbers(placed=1, charges=1, uncharges=1, all=16 * GIB, ls=16 * GIB))

    def test_a_gang_takes_whole_free_gpus_of_one_node_in_one_charge(self):
        # n0 has 2 GPUs, n1 has 4, of 16 GiB. s takes 1% on n0/gpu0 (171798691 bytes). g2 needs two free GPUs:
        # n1/gpu0 and 1. h2: n1/gpu2 and 3. i2: n0 has one free, n1 none: unplaced. g2 ends at 5; at 6 j3 needs three: n1
        # has two: unplaced. gpu_milli says nothing for a gang.
        # Peak: 171798691 + 4 x 16 GiB = 68891275427.
        self.check_openb(
            ["n0,1,1,2,T4", "n1,1,1,4,T4"],
            ["s,1,1,1,10,,LS,Running,0,,0", "g2,1,1,2,100,,BE,Running,1,5,1",
             "h2,1,1,2,1000,,BE,Running,2,,2", "i2,1,1,2,1000,,LS,Running,3,,3",
             "j3,1,1,3,1000,,LS,Running,6,,6"],
            numbers(placed=3, unplaced=2, charges=3, uncharges=1, live=2,
                    live_bytes=171798691 + 32 * GIB, all=171798691 + 64 * GIB, be=64 * GIB,
                    ls=171798691))

    def test_gpu_spec_lists_the_models_that_are_allowed(self):
        # Half a GPU: of A10 12 GiB, of T4 8, of G3 40. a: only G3 is allowed: n2, 40. b: A10 or G3, in the
        # order of nodes, whatever the order of the list: n1, 12. c: any: n0, 8. d: none of them is there: unplaced.
        self.check_openb(
            ["n0,1,1,1,T4", "n1,1,1,1,A10", "n2,1,1,1,G3"],
            ["a,1,1,1,500,G3,LS,Running,0,,0", "b,1,1,1,500,G3|A10,BE,Running,0,,0",
             "c,1,1,1,500,,Burstable,Running,0,,0", "d,1,1,1,500,P100|G1,Guaranteed,Running,0,,0"],
            numbers(placed=3, unplaced=1, charges=3, live=3, live_bytes=60 * GIB, all=60 * GIB,
                    be=12 * GIB, burstable=8 * GIB, guaranteed=0, ls=40 * GIB))

    def test_first_fit_goes_by_free_bytes_lowest_gpu_first(self):
        # Two GPUs of 80 GiB: a 60% on gpu0, b 50% on gpu1 (gpu0 has 40% left), c 40% on gpu0, d 50% on gpu1, e
        # 1%: nowhere. 48 + 40 + 32 + 40 = 160 GiB: both wholly used, no byte lost to rounding.
        self.check_openb(
            ["n,1,1,2,G3"],
            ["a,1,1,1,600,,LS,Running,0,,0", "b,1,1,1,500,,LS,Running,0,,0",
             "c,1,1,1,400,,LS,Running,0,,0", "d,1,1,1,500,,LS,Running,0,,0",
             "e,1,1,1,1,,BE,Running,0,,0"],
            numbers(placed=4, unplaced=1, charges=4, live=4, live_bytes=160 * GIB, all=160 * GIB,
                    be=0, ls=160 * GIB))

    def test_a_task_that_fits_nowhere_is_dropped_even_if_room_comes_later(self):
        # b wants the GPU from 1 to 9, a frees it at 2: b stays unplaced, c gets it at 3.
        self.check_openb(
            ["n,1,1,1,G1"],
            ["a,1,1,1,1000,,LS,Running,0,2,0", "b,1,1,1,1000,,LS,Running,1,9,1",
             "c,1,1,1,1000,,BE,Running,3,4,3"],
            numbers(placed=2, unplaced=1, charges=2, uncharges=2, all=16 * GIB, be=16 * GIB,
                    ls=16 * GIB))

    def test_take_nodes_keeps_every_floor_of_rows_by_nth_row(self):
        # 5 rows, 2 kept: every 2nd from the first: rows 0 and 2, P100 and G2 (16 + 24 GiB).
        # a takes the whole of P100, b of G2, c finds nothing.
        nodes = ["n0,1,1,1,P100", "n1,1,1,1,G3", "n2,1,1,1,G2", "n3,1,1,1,G3", "n4,1,1,1,G3"]
        pods = [f"{name},1,1,1,1000,,LS,Running,0,,0" for name in "abc"]
        self.check_openb(nodes, pods,
                         numbers(placed=2, unplaced=1, charges=2, live=2, live_bytes=40 * GIB,
                                 all=40 * GIB, ls=40 * GIB), take=2)
        # More than there are keeps all: a P100, b and c 80 and 24 GiB.
        self.check_openb(nodes, pods,
                         numbers(placed=3, charges=3, live=3, live_bytes=120 * GIB, all=120 * GIB,
                                 ls=120 * GIB), take=6)

    def test_qos_is_in_lower_case_and_two_spellings_are_one_cgroup(self):
        self.check_openb(
            ["n,1,1,2,T4"],
            ["a,1,1,1,1000,,Burstable,Running,0,,0", "b,1,1,1,1000,,BURSTABLE,Running,0,,0"],
            numbers(placed=2, charges=2, live=2, live_bytes=32 * GIB, all=32 * GIB,
                    burstable=32 * GIB))

    def test_a_share_of_nothing_is_a_charge_of_zero_bytes_even_on_a_full_gpu(self):
        self.check_openb(
            ["n,1,1,1,T4"],
            ["a,1,1,1,1000,,LS,Running,0,,0", "b,1,1,1,0,,BE,Running,0,,0"],
            numbers(placed=2, charges=2, live=2, live_bytes=16 * GIB, all=16 * GIB, be=0,
                    ls=16 * GIB))

    def test_files_with_quotes_crlf_other_column_orders_and_decimal_times_read_the_same(self):
        nodes = self.write("q_nodes.csv", '"model","gpu","sn","extra"\r\n"T4",1.0,"n","a,b ""c"""\r\n')
        pods = self.write(
            "q_pods.csv",
            "qos,name,num_gpu,gpu_milli,gpu_spec,scheduled_time,creation_time,deletion_time\r\n"
            '"LS","a",1,1000,"T4|G2",0.0,0,5.0\r\n\r\nBE,b,1,1000,,5.0,0,')
        by_hand = numbers(placed=2, charges=2, uncharges=1, live=1, live_bytes=16 * GIB,
                          all=16 * GIB, be=16 * GIB, ls=16 * GIB)
        self.assertEqual(expected.openb(nodes, pods, None), by_hand)
        with Dmemd("memory") as dmemd:
            self.assertEqual(
                self.report(dmemd.address, f"--openb-nodes={nodes}", f"--openb-pods={pods}"),
                by_hand)

    def test_no_tasks_at_all_is_a_report_of_zeros(self):
        self.check_openb(["n,1,1,1,T4"], [], numbers(all=0))

    def test_an_unknown_model_is_an_error_that_names_it(self):
        self.check_error(["n,1,1,1,H900"], ["a,1,1,1,1000,,LS,Running,0,,0"], 1, '"H900"',
                         "nodes.csv:2")
        self.check_error(["n,1,1,1,T4"], ["a,1,1,1,1000,T4|H901,LS,Running,0,,0"], 1, '"H901"',
                         "pods.csv:2")

    def test_a_damaged_row_is_an_error_that_names_line_and_column(self):
        self.check_error(["n,1,1,1,T4"], ["a,1,1,1,1000,,LS,Running,0,,0", "b,1,1,1,,,LS,R,0,,0"], 1,
                         'pods.csv:3: column "gpu_milli"')
        self.check_error(["n,1,1,1,T4"], ["a,1,1,1"], 1, "pods.csv:2: 4 fields")


class UsageRulesTest(TraceReplayTest):
    def test_samples_charge_resize_and_uncharge(self):
        # a: nothing, +5 charges, same, 8 resizes, 0 uncharges, same, 2 charges anew.
        # b: 10 charges, 4 resizes.
        # In file order the sum goes 0 5 15 15 18 12 4 4 6: peak 18.
        self.check_usage(
            ["1,0,a", "2,5,a", "2,10,b", "3,5,a", "4,8,a", "4,4,b", "5,0,a", "6,0,a", "7,2,a"],
            numbers(charges=3, uncharges=1, resizes=2, live=2, live_bytes=6, all=18, genai=18))

    def test_file_order_counts_and_not_the_timestamps(self):
        # In file order the sum goes 5 6 13 9: peak 13. By time b would shrink before a grows: peak 9.
        self.check_usage(["1,5,b", "9,1,a", "8,8,a", "7,1,b"],
                         numbers(charges=2, resizes=2, live=2, live_bytes=9, all=13, genai=13))

    def test_nine_containers_need_a_second_node(self):
        # 48 GiB on each of nine GPUs: more than one node of eight has.
        self.check_usage([f"1,{48 * GIB},c{i}" for i in range(9)],
                         numbers(charges=9, live=9, live_bytes=432 * GIB, all=432 * GIB,
                                 genai=432 * GIB))

    def test_only_zeros_still_report_the_cgroup(self):
        self.check_usage(["1,0,a", "2,0,b"], numbers(all=0, genai=0))


class ServerTest(TraceReplayTest):
    def dmemctl(self, address, *arguments):
        subprocess.run([DMEMCTL, f"--server={address}", *arguments], check=True,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def test_a_second_replay_on_the_same_server_reports_its_own_charges(self):
        files = self.openb_files(["n,1,1,2,T4"], ["a,1,1,1,1000,,LS,Running,0,,0"])
        flags = [f"--openb-nodes={files[0]}", f"--openb-pods={files[1]}"]
        with Dmemd("memory") as dmemd:
            once = self.report(dmemd.address, *flags)
            self.assertEqual(once["live_charges"], 1)
            # Its books begin empty: the same GPU is chosen, which the server knows to be full.
            code, out, err = replay(dmemd.address, "-o", "json", *flags)
            self.assertEqual(code, 0, err)
            again = json.loads(out)
            self.assertEqual((again["tasks_placed"], again["tasks_unplaced"]), (0, 1))
            self.assertEqual((again["live_charges"], again["live_bytes"]), (0, 0))
            self.assertEqual(again["peak_bytes"], {"/": 16 * GIB, "/ls": 16 * GIB})
            self.assertIn("the server refused 1 operations", err)
            self.assertIn("n/gpu0", err)

    def test_what_a_limit_refuses_counts_as_unplaced(self):
        # a and b of 8 GiB each; /ls may have 8 in the cluster.
        files = self.openb_files(["n,1,1,1,T4"], ["a,1,1,1,500,,LS,Running,0,,0",
                                                  "b,1,1,1,500,,LS,Running,0,,0",
                                                  "c,1,1,1,500,,BE,Running,0,,0"])
        with Dmemd("memory") as dmemd:
            self.dmemctl(dmemd.address, "register", "group", "cluster")
            self.dmemctl(dmemd.address, "create", "cgroup", "/ls")
            self.dmemctl(dmemd.address, "set", "limits", "/ls", "cluster", "--max=8Gi")
            report = self.report(dmemd.address, f"--openb-nodes={files[0]}",
                                 f"--openb-pods={files[1]}")
        self.assertEqual(report, numbers(placed=2, unplaced=1, charges=2, live=2,
                                         live_bytes=16 * GIB, all=16 * GIB, be=8 * GIB, ls=8 * GIB))

    def test_text_is_for_people(self):
        file = self.write("usage.csv", USAGE_HEADER + f"1,{GIB},a\n")
        with Dmemd("memory") as dmemd:
            code, out, err = replay(dmemd.address, f"--usage={file}", "--progress")
        self.assertEqual(code, 0, err)
        self.assertIn("peak of /genai  1073741824 (1.00 GiB)\n", out)
        self.assertIn("replaying   [############################] 100%  1/1", err)

    def test_wrong_flags_exit_2(self):
        for flags in ([], ["--usage=u", "--openb-nodes=n", "--openb-pods=p"], ["--openb-nodes=n"],
                      ["--usage=u", "--take-nodes=3"], ["--usage=u", "-o", "xml"],
                      ["--openb-nodes=n", "--openb-pods=p", "--take-nodes=0"]):
            with self.subTest(flags=flags):
                self.assertEqual(replay("127.0.0.1:1", *flags)[0], 2)


class WholeTraceTest(TraceReplayTest):
    def check(self, *flags, **arguments):
        by_calculation = (expected.usage(arguments["usage"]) if "usage" in arguments else
                          expected.openb(arguments["nodes"], arguments["pods"],
                                         arguments.get("take")))
        with Dmemd() as dmemd:
            self.assertEqual(self.report(dmemd.address, *flags), by_calculation)

    def test_the_sample_cluster(self):
        subprocess.run([sys.executable, "-B", "tools/sample_cluster", self.scratch], check=True)
        nodes, pods = self.scratch + "/nodes.csv", self.scratch + "/pods.csv"
        self.check(f"--openb-nodes={nodes}", f"--openb-pods={pods}", nodes=nodes, pods=pods)

    @unittest.skipUnless(os.path.exists(PODS), f"no {TRACES} beside the checkout")
    def test_openb_on_all_nodes(self):
        self.check(f"--openb-nodes={NODES}", f"--openb-pods={PODS}", nodes=NODES, pods=PODS)

    @unittest.skipUnless(os.path.exists(PODS), f"no {TRACES} beside the checkout")
    def test_openb_on_ten_nodes(self):
        self.check(f"--openb-nodes={NODES}", f"--openb-pods={PODS}", "--take-nodes=10",
                   nodes=NODES, pods=PODS, take=10)

    @unittest.skipUnless(os.path.exists(USAGE), f"no {TRACES} beside the checkout")
    def test_measured_usage(self):
        self.check(f"--usage={USAGE}", usage=USAGE)


if __name__ == "__main__":
    cases.main()
