# Copyright 2026 The dmemd Authors
# SPDX-License-Identifier: Apache-2.0
"""Raw samples of measurements, and what is computed from them. Ratios are never stored.

A file is {"name", "facts": {text: value}, "samples": [{"row", "round", "subject", "metric",
"value"}]}. In one round of one row each subject was measured once, one after the other, so that
values of one round can be compared.
"""

import json
import os
import statistics


class Results:
    def __init__(self, name, samples=(), facts=None):
        self.name = name
        self.samples = list(samples)
        self.facts = dict(facts or {})

    def add(self, row, number, subject, values):
        """Adds one sample for each metric of `values` ({metric: number})."""
        for metric, value in values.items():
            self.samples.append({'row': row, 'round': number, 'subject': subject,
                                 'metric': metric, 'value': value})

    def write(self, directory):
        os.makedirs(directory, exist_ok=True)
        path = os.path.join(directory, self.name + '.json')
        with open(path, 'w', encoding='utf-8') as file:
            file.write('{\n "name": %s,\n "facts": %s,\n "samples": [\n  %s\n ]\n}\n' % (
                json.dumps(self.name), json.dumps(self.facts, sort_keys=True),
                ',\n  '.join(json.dumps(sample) for sample in self.samples)))
        return path


def read(path):
    with open(path, encoding='utf-8') as file:
        data = json.load(file)
    return Results(data['name'], data['samples'], data['facts'])


def read_directory(directory):
    """All samples of all files of a directory, and their facts."""
    everything = Results('all')
    if not os.path.isdir(directory):
        return everything
    for name in sorted(os.listdir(directory)):
        if name.endswith('.json'):
            results = read(os.path.join(directory, name))
            everything.samples += results.samples
            everything.facts.update(results.facts)
    return everything


def by_round(results, row, subject, metric):
    """{round: value}."""
    return {s['round']: s['value'] for s in results.samples
            if (s['row'], s['subject'], s['metric']) == (row, subject, metric)}


def values(results, row, subject, metric):
    return list(by_round(results, row, subject, metric).values())


def combined(results, row, metric, subjects, combine):
    """combine(value of each subject) for every round in which all of them were measured."""
    series = [by_round(results, row, subject, metric) for subject in subjects]
    rounds = sorted(set.intersection(*(set(s) for s in series))) if series else []
    return [combine(*(s[number] for s in series)) for number in rounds]


def ratios(results, row, metric, of, to):
    return combined(results, row, metric, (of, to), lambda a, b: a / b)


def spread(numbers):
    """(median, smallest, largest)."""
    return statistics.median(numbers), min(numbers), max(numbers)
