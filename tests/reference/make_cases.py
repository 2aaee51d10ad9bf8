#!/usr/bin/env python3
"""Random streams and what baseline_model.py makes of them, as a test oracle for the C++ engine.

    python3 make_cases.py --seed N --count K > cases.jsonl

K streams, each a calls row, every second one followed by an errors row of that API.  One JSON object a line:

  state_machine   as in baseline-cases.jsonl; minutes of the records count from first_minute
  trace           "rows": [[i, lambda, v, s, mu, A_up, A_down], ...]: what minute i (from 0) used and gave;
                  A = smallest 6.5 FA of the direction in that minute, null if no channel passed its peak level.
                  For an errors row call_row names the state_machine case of the calls row.
                  "closest_decision": the smallest relative distance at which a comparison of the state machine (A with
                  alpha, X with the End band) was decided, up to that of the calls row for an errors row;
                  "closest_code": the smallest distance of an unrounded profile code from a rounding edge.  An engine in
                  float32 may differ from this one where these are tiny (1e-4 and less), and only there.

The same seed gives the same bytes: stream k of a seed does not depend on the count.
"""
import argparse
import json
import math
import sys

import baseline_model as model

DAY = 1440


class Random:
    """splitmix64 in counter form, and what can be drawn from it."""

    def __init__(self, seed):
        self.state = model.splitmix64(seed & model.MASK64)

    def bits(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & model.MASK64
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & model.MASK64
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & model.MASK64
        return z ^ (z >> 31)

    def uniform(self):
        return (self.bits() >> 11) / 2.0 ** 53

    def between(self, low, high):
        return low + (high - low) * self.uniform()

    def log_between(self, low, high):
        return low * (high / low) ** self.uniform()

    def integer(self, low, high):
        """low <= result < high"""
        return low + int(self.uniform() * (high - low))

    def chance(self, p):
        return self.uniform() < p

    def pick(self, *choices):
        return choices[self.integer(0, len(choices))]

    def normal(self):
        return math.sqrt(-2.0 * math.log(1.0 - self.uniform())) * math.cos(2.0 * math.pi * self.uniform())

    def poisson(self, rate):
        if rate <= 0.0:
            return 0
        if rate > 200.0:                             # good enough for test data
            return max(0, int(round(rate + math.sqrt(rate) * self.normal())))
        count = 0
        while rate > 20.0:                           # a sum of Poissons, so that exp never underflows
            count += self.poisson(20.0)
            rate -= 20.0
        limit, product = math.exp(-rate), self.uniform()
        while product > limit:
            count += 1
            product *= self.uniform()
        return count

    def geometric(self, mean):
        """1, 2, ... with this mean"""
        if mean <= 1.0:
            return 1
        return 1 + int(math.log(1.0 - self.uniform()) / math.log(1.0 - 1.0 / mean))

    def binomial(self, n, p):
        if n > 400:
            return min(n, self.poisson(n * p))
        return sum(1 for _ in range(n) if self.uniform() < p)


def rhythm(random):
    """A function of the minute since 1970: relative rate, mean about 1."""
    kind = random.pick('flat', 'flat', 'daily', 'office', 'weekly')
    if kind == 'flat':
        return kind, lambda minute: 1.0
    peak = random.integer(0, DAY)
    if kind == 'daily':
        depth = random.between(0.3, 0.95)
        return kind, lambda minute: 1.0 + depth * math.cos(2.0 * math.pi * (minute - peak) / DAY)
    night, weekend = random.pick(0.02, 0.1, 0.4), random.pick(0.0, 0.1, 0.5)
    if kind == 'weekly':
        night = 1.0

    def office(minute):
        day = (minute // DAY + 3) % 7
        rate = 1.8 if 480 <= (minute - peak) % DAY < 1080 else 1.8 * night
        return rate * (weekend if day >= 5 else 1.0)
    return kind, office


def base_series(random, first, minutes):
    """(description, counts)"""
    kind = random.pick('sparse', 'sparse', 'middle', 'middle', 'busy', 'batches', 'batches', 'hourly', 'hourly', 'timer and calls')
    if kind in ('hourly', 'timer and calls'):
        period = random.pick(60, 60, 60, 30, 120, 360)
        at, jitter, size = random.integer(0, period), random.pick(0, 0, 2, 6), random.pick(1, 1, 3, 20)
        counts = [0] * minutes
        for start in range(at - period, minutes, period):
            i = start + (random.integer(0, jitter + 1))
            if 0 <= i < minutes:
                counts[i] += size
        if kind == 'timer and calls':
            rate = random.log_between(0.003, 0.3)
            counts = [c + random.poisson(rate) for c in counts]
        return f'{kind} every {period} min', counts
    shape, weight = rhythm(random)
    rate = {'sparse': random.log_between(0.001, 0.05), 'middle': random.log_between(0.05, 1.0),
            'busy': random.log_between(1.0, 40.0), 'batches': random.log_between(0.005, 3.0)}[kind]
    if kind == 'busy' and random.chance(0.15):
        rate = random.log_between(100.0, 3000.0)     # windows beyond 16 bits
    if kind != 'batches':
        return f'{kind} {shape} {rate:.3g}/min', [random.poisson(rate * weight(first + i)) for i in range(minutes)]
    mean = random.pick(2.0, 5.0, 15.0)
    counts = [sum(random.geometric(mean) for _ in range(random.poisson(rate / mean * weight(first + i)))) for i in range(minutes)]
    return f'batches of {mean:g} {shape} {rate:.3g}/min', counts


def plant(random, counts, marks):
    """Changes counts; appends the first minutes of what was planted to marks.  Returns words."""
    minutes = len(counts)
    rate = max(sum(counts) / minutes, 1e-3)
    words = []
    for _ in range(random.integer(1, 6)):
        what = random.pick('burst', 'burst', 'rise', 'rise', 'silence', 'shift', 'twins')
        at = random.integer(0, minutes) if random.chance(0.15) else random.integer(minutes // 4, minutes)
        marks.append(at)
        words.append(what)
        length = 0
        if what in ('burst', 'twins'):
            size = random.log_between(3.0, 40.0) + random.log_between(2.0, 40.0) * rate
            if random.chance(0.04):
                size = 70000.0                       # wide rings
            places = [at] if what == 'burst' else [at, at + random.integer(6, 60)]
            for place in places:
                length = random.integer(1, 12)
                for i in range(place, min(minutes, place + length)):
                    counts[i] += random.poisson(size)
        elif what == 'rise':
            length = random.integer(20, 400)
            extra = random.log_between(0.5, 8.0) * rate + random.pick(0.0, 0.05, 0.5)
            for i in range(at, min(minutes, at + length)):
                counts[i] += random.poisson(extra)
        elif what == 'silence':
            length = random.integer(30, 900)
            for i in range(at, min(minutes, at + length)):
                counts[i] = 0
        else:
            length = minutes - at
            factor = random.pick(0.0, 0.3, 2.0, 3.0, 6.0)
            for i in range(at, minutes):
                if factor < 1.0:
                    counts[i] = random.binomial(counts[i], factor)
                else:
                    counts[i] += random.poisson((factor - 1.0) * rate)
        if at + length < minutes:
            marks.append(at + length)
    return words


def errors_of(random, calls, marks):
    """Error counts of an API (and its calls, which storms may raise)."""
    share = random.pick(0.0, 0.002, 0.02, 0.02, 0.1, 0.5)
    errors = [random.binomial(c, share) for c in calls]
    words = []
    for _ in range(random.integer(0, 4)):
        at = random.integer(len(calls) // 4, len(calls))
        length = random.integer(1, 60)
        marks.append(at)
        words.append('error storm')
        failing = random.pick(0.3, 1.0)
        extra = random.pick(0.0, 0.0, 1.0, 10.0)
        for i in range(at, min(len(calls), at + length)):
            more = random.poisson(extra)
            calls[i] += more
            errors[i] = min(calls[i], max(errors[i], random.binomial(calls[i] - more, failing) + more))
    return f'share {share:g}', errors, words


def run_lengths(counts):
    result = []
    for count in counts:
        if result and result[-1][1] == count:
            result[-1][0] += 1
        else:
            result.append([1, count])
    return result


def sample(random, minutes, marks, judged):
    """About 60 minutes: anywhere, after planted changes, and where a channel was above its peak level."""
    chosen = {0, 1, minutes - 1}
    while len(chosen) < 22:
        chosen.add(random.integer(0, minutes))
    for k in range(20):
        if marks:
            chosen.add(marks[k % len(marks)] + random.integer(0, 8 if k < 10 else 240))
    for _ in range(20):
        if judged:
            chosen.add(judged[random.integer(0, len(judged))])
    return sorted(i for i in chosen if 0 <= i < minutes)


def digits(value):
    return None if value is None or value == model.NEVER else float(f'{value:.10g}')


class Observer:
    def __init__(self):
        self.used = []

    def __call__(self, i, row):
        self.used.append((row.lam, row.v, row.s, row.mu, row.best_up, row.best_down))


def lines_of(random, name, series, call_row, key, first, alpha, counts, marks, row, observer, margins):
    """The two objects of a row."""
    head = {'name': name, 'series': series, 'call_row': call_row, 'key': f'{key:016x}', 'first_minute': first, 'alpha': alpha,
            'rle_minutes_count': run_lengths(counts), 'closest_decision': digits(margins[0]), 'closest_code': digits(margins[1])}
    yield {'kind': 'state_machine', **head,
           'records_what_direction_minute': [[what, direction, minute - first] for what, direction, minute in row.records]}
    judged = [i for i, u in enumerate(observer.used) if u[4] < model.NEVER or u[5] < model.NEVER]
    rows = [[i] + [digits(value) for value in observer.used[i]] for i in sample(random, len(counts), marks, judged)]
    trace = {'kind': 'trace', **head, 'rows': rows}
    trace['name'] = name + ' (trace)'
    yield trace


def stream(seed, k):
    """The objects of stream k."""
    random = Random(model.splitmix64(seed & model.MASK64) ^ (k + 1))
    minutes = random.integer(3 * DAY, 13 * DAY)
    if random.chance(0.1):
        minutes = random.integer(13 * DAY, 16 * DAY + 1)
    first = random.integer(20_000_000, 30_000_000)
    if random.chance(0.2):
        first -= first % DAY
    alpha = random.pick(4e-3, 4e-3, 4e-3, 1e-3, 1e-2, 5e-2, 3e-4)
    marks = []
    words, counts = base_series(random, first, minutes)
    # A row is born with the first minute that holds a call of its key.
    counts[0] = max(counts[0], 1)
    planted = plant(random, counts, marks) if random.chance(0.85) else []
    counts[0] = max(counts[0], 1)
    key = random.bits()
    with_errors = k % 2 == 1
    if with_errors:
        error_words, errors, storms = errors_of(random, counts, marks)
        error_key = random.bits()
        # an errors row is here as old as its calls row
        errors[0] = max(errors[0], 1)
    name = f'seed {seed} stream {k}: {words}' + (f', {" ".join(planted)}' if planted else '')

    calls_row = model.CallsRow(key, alpha)
    calls_seen, errors_seen = Observer(), Observer()
    errors_row = model.ErrorsRow(error_key, alpha, calls_row) if with_errors else None
    for i, x in enumerate(counts):
        calls_row.close(first + i, x)
        calls_seen(i, calls_row)
        if with_errors:
            errors_row.close(first + i, errors[i], x)
            errors_seen(i, errors_row)
    margins = (calls_row.closest_decision, calls_row.profile.closest_edge)
    yield from lines_of(random, name, 'calls', None, key, first, alpha, counts, marks, calls_row, calls_seen, margins)
    if with_errors:
        errors_name = f'seed {seed} stream {k} errors: {error_words}' + (f', {len(storms)} storms' if storms else '')
        margins = (min(calls_row.closest_decision, errors_row.closest_decision), margins[1])
        yield from lines_of(random, errors_name, 'errors', name, error_key, first, alpha, errors, marks, errors_row, errors_seen,
                            margins)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--seed', type=int, required=True)
    parser.add_argument('--count', type=int, required=True)
    arguments = parser.parse_args()
    number = 0
    for k in range(arguments.count):
        for item in stream(arguments.seed, k):
            number += 1
            sys.stdout.write(json.dumps({'id': f'RB-{arguments.seed}-{number:04d}', **item}) + '\n')


if __name__ == '__main__':
    main()
