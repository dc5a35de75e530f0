# Copyright 2026 The dmemd Authors
# SPDX-License-Identifier: Apache-2.0
"""The measurements of dmemd itself. Each gives a Results; `say` takes lines of progress."""

import json
import re
import subprocess
import threading
import time
import urllib.request

from bench.harness import servers
from bench.harness.results import Results
from bench.harness.servers import RATE_AND_LATENCIES, charge_load, picked, run_json


def core(rounds, say):
    """Charge and uncharge in the core alone, beside the reference loop."""
    results = Results('core')
    say('core: %d rounds of each benchmark' % rounds)
    run = subprocess.run(
        [servers.BIN + '/bench/core_bench', '--benchmark_format=json',
         '--benchmark_repetitions=%d' % rounds, '--benchmark_min_time=0.1',
         '--benchmark_enable_random_interleaving=true'],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        check=True)
    for sample in json.loads(run.stdout)['benchmarks']:
        if sample['run_type'] != 'iteration':
            continue
        name, *arguments = sample['run_name'].split('/')
        number = sample['repetition_index']
        if name == 'ReferenceLoop':
            results.add('core-depth-' + arguments[0], number, 'reference', {'ns': sample['cpu_time']})
        elif name == 'ResolvedChargeUncharge':
            results.add('core-depth-' + arguments[0], number, 'dmemd', {'ns': sample['cpu_time']})
        else:
            results.add('core-' + name + '-' + '-'.join(arguments), number, 'dmemd',
                        {'ns': sample['cpu_time']})
    return results


def service(rounds, seconds, say):
    """Durable charges against a no-op echo of the same messages, over gRPC."""
    results = Results('service')
    shapes = [('unary-%d' % n, ['--shape=unary', '--in-flight=%d' % n]) for n in (1, 16, 64, 256)]
    shapes.append(('batch-8', ['--shape=batch', '--in-flight=8']))
    with servers.scratch() as directory, servers.Echo() as echo, \
            servers.Dmemd(directory + '/data') as dmemd:
        for number in range(rounds):
            for row, flags in shapes:
                say('service: round %d of %d, %s' % (number + 1, rounds, row))
                flags = flags + ['--seconds=%g' % seconds]
                for subject, server in (('echo', echo), ('dmemd', dmemd)):
                    measured = charge_load(server, *flags)
                    results.add(row, number, subject, picked(measured, RATE_AND_LATENCIES))
                    results.facts['%s, %s: request and response bytes' % (row, subject)] = [
                        measured['request_bytes'], measured['response_bytes']]
                    if row in ('unary-64', 'unary-256'):
                        # At half of what it can do, each latency from when its call was due.
                        rate = measured['charges_per_second'] / 2
                        at_half = charge_load(server, *flags, '--rate=%.0f' % rate)
                        results.add(row + '-at-half', number, subject,
                                    picked(at_half, RATE_AND_LATENCIES))
                if row in ('unary-1', 'batch-8'):
                    results.add(row, number, 'synced 4 KiB write',
                                {'p50_us': servers.synced_write_us()})
    return results


def scrape(dmemd):
    """Seconds and bytes of one scrape."""
    started = time.monotonic()
    with urllib.request.urlopen('http://%s/metrics' % dmemd.http, timeout=60) as answer:
        size = len(answer.read())
    return time.monotonic() - started, size


def growth(rounds, seconds, say):
    """What a million pools and a million charges cost: latency, memory, scrape, restart."""
    results = Results('growth')
    say('growth: memory of the core')
    text = subprocess.run([servers.BIN + '/bench/core_memory'], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, text=True, check=True).stdout
    for line, metric in (('pools', 'bytes_a_pool'), ('live charges', 'bytes_a_charge')):
        found = re.search(r'^%s.*\s([0-9.]+)$' % line, text, re.MULTILINE)
        results.add('memory', 0, 'dmemd', {metric: float(found.group(1))})
    sizes = (1000, 100000, 1000000)
    with servers.scratch() as directory:
        instances = {size: servers.Dmemd('%s/%d' % (directory, size)) for size in sizes}
        try:
            for size, dmemd in instances.items():
                dmemd.start()
                empty = dmemd.memory_bytes()
                say('growth: making {:,} pools with a charge each'.format(size))
                run_json('load/populate', '--server=' + dmemd.grpc, '--pools=%d' % size)
                results.add('growth', 0, '%d pools' % size,
                            {'resident_bytes_more': dmemd.memory_bytes() - empty})
            for number in range(rounds):
                say('growth: round %d of %d' % (number + 1, rounds))
                for size, dmemd in instances.items():
                    measured = charge_load(dmemd, '--in-flight=1', '--seconds=%g' % seconds)
                    took, size_bytes = scrape(dmemd)
                    results.add('growth', number, '%d pools' % size,
                                {'p50_us': measured['p50_us'], 'p99_us': measured['p99_us'],
                                 'scrape_seconds': took, 'scrape_bytes': size_bytes})
            middle, largest = instances[sizes[1]], instances[sizes[2]]
            say('growth: 1,000,000 charges in 100,000 pools')
            run_json('load/populate', '--server=' + middle.grpc, '--pools=100000',
                     '--charges-per-pool=9')
            for number in range(rounds):
                say('growth: restart %d of %d with 1,000,000 charges' % (number + 1, rounds))
                for subject, dmemd in (('dmemd', middle), ('dmemd, 1000000 pools', largest)):
                    dmemd.kill()
                    results.add('restart', number, subject, {'seconds': dmemd.start()})
        finally:
            for dmemd in instances.values():
                if dmemd.process is not None:
                    servers.stop(dmemd.process)
    return results


def long_reads(rounds, seconds, say):
    """Plans over 100,000 pools, and the p99 of charges while plans, listings and scrapes run."""
    results = Results('long_reads')
    load = ['--rate=1000', '--in-flight=64', '--seconds=%g' % seconds]
    with servers.scratch() as directory, servers.Dmemd(directory + '/data') as dmemd:
        say('long reads: making 100,000 pools in one region')
        run_json('load/populate', '--server=' + dmemd.grpc, '--pools=100000', '--regions=1',
                 '--regions-per-cgroup=1', '--bytes=%d' % (1 << 30))
        for number in range(rounds):
            say('long reads: round %d of %d' % (number + 1, rounds))
            alone = run_json('load/long_reads', '--server=' + dmemd.grpc, '--seconds=2',
                             '--listings=0')
            plans = sorted(alone['plans_ms'])
            results.add('plans', number, 'dmemd', {'p50_ms': plans[len(plans) // 2],
                                                   'max_ms': plans[-1]})
            results.add('long-reads', number, 'idle',
                        picked(charge_load(dmemd, *load), RATE_AND_LATENCIES))
            reader = subprocess.Popen(
                [servers.BIN + '/bench/load/long_reads', '--server=' + dmemd.grpc,
                 '--seconds=%g' % (seconds + 1)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
            ended = threading.Event()
            scrapes = []

            def scrape_each_second():
                while not ended.is_set():
                    scrapes.append(scrape(dmemd)[0])
                    ended.wait(max(0.0, 1 - scrapes[-1]))

            scraper = threading.Thread(target=scrape_each_second)
            scraper.start()
            try:
                busy = charge_load(dmemd, *load)
            finally:
                ended.set()
                scraper.join()
                out, _ = reader.communicate(timeout=120)
            beside = json.loads(out)
            results.add('long-reads', number, 'busy', picked(busy, RATE_AND_LATENCIES))
            results.add('long-reads', number, 'busy',
                        {'plans': len(beside['plans_ms']), 'listings': len(beside['listings_ms']),
                         'scrapes': len(scrapes), 'pools_listed': beside['pools']})
    return results
