# Copyright 2026 The dmemd Authors
# SPDX-License-Identifier: Apache-2.0
"""The table and the plot in docs/, made from samples."""

import os

from bench.harness import bars

BEGIN = '<!-- begin: written by bench/run.py --update-docs -->'
END = '<!-- end -->'


def section(results):
    """The table, as it stands in docs/performance.md."""
    rows = bars.table(bars.bars(results))
    facts = results.facts.get('machine', 'unknown')
    return '\n'.join([BEGIN, 'Measured on %s, client and server on the same machine.' % facts, '',
                      *bars.markdown(rows), END])


def replace(text, new):
    begin, end = text.index(BEGIN), text.index(END) + len(END)
    return text[:begin] + new + text[end:]


def update(results, directory):
    path = os.path.join(directory, 'performance.md')
    with open(path, encoding='utf-8') as file:
        text = file.read()
    with open(path, 'w', encoding='utf-8') as file:
        file.write(replace(text, section(results)))
    plot(results, os.path.join(directory, 'performance.svg'))


def plot(results, path):
    """How far each measurement is from its bar: 1 is just reached, on a logarithmic axis."""
    # Not needed for measuring, and slow to import.
    import matplotlib  # pylint: disable=import-outside-toplevel
    matplotlib.use('svg')
    from matplotlib import pyplot  # pylint: disable=import-outside-toplevel
    matplotlib.rcParams['svg.hashsalt'] = 'dmemd'
    measured = [bar for bar in bars.bars(results) if bar.numbers and bar.bound][::-1]
    figure, axes = pyplot.subplots(figsize=(10, 0.42 * len(measured) + 1.2))
    colours = ['#2e7d32' if bar.reached else '#c62828' for bar in measured]
    axes.barh([bar.what for bar in measured], [bar.headroom - 1 for bar in measured], left=1,
              color=colours)
    axes.axvline(1, color='black', linewidth=1)
    axes.set_xscale('log')
    axes.set_xlabel('times better than its bar')
    for index, bar in enumerate(measured):
        axes.annotate(bars.number(bar.value, bar.unit), (max(bar.headroom, 1), index),
                      xytext=(4, 0), textcoords='offset points', va='center', fontsize=8)
    figure.tight_layout()
    figure.savefig(path, metadata={'Date': None})
    pyplot.close(figure)
