#!/usr/bin/env python3
"""Draws the pictures of docs/model.md, as SVG, from what real runs wrote.

    model_pictures.py --alerts ALERTS.jsonl --results build/eval/results --out docs/pictures

ALERTS.jsonl: what `trailwarden replay --alerts` wrote; the clearest Insight with a history is drawn. RESULTS: what scripts/eval left, a folder a suite. Standard
library only; the same input gives the same bytes."""
import argparse
import json
import math
import pathlib
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 720, 300
LEFT, RIGHT, TOP, BOTTOM = 60, 20, 34, 46
INK, GRID = '#333333', '#dddddd'
COLOURS = ('#1b6ca8', '#c4501b', '#3c8d2f', '#7a4ea3')


class Picture:
    """Axes from x0 to x1 and y0 to y1, and what is drawn on them."""

    def __init__(self, title, x_axis, y_axis, x_log=False, y_log=False):
        self.parts, self.x_log, self.y_log = [], x_log, y_log
        self.text(LEFT, 20, title, size=15)
        (self.x0, self.x1, x_ticks, x_name), (self.y0, self.y1, y_ticks, y_name) = x_axis, y_axis
        for value, name in y_ticks:
            self.line([(self.x0, value), (self.x1, value)], GRID, 1)
            self.text(LEFT - 6, self.y(value) + 4, name, anchor='end')
        for value, name in x_ticks:
            self.text(self.x(value), HEIGHT - BOTTOM + 16, name, anchor='middle')
        self.text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, x_name, anchor='middle')
        self.parts.append(f'<text x="14" y="{(TOP + HEIGHT - BOTTOM) / 2:.0f}" transform="rotate(-90 14 {(TOP + HEIGHT - BOTTOM) / 2:.0f})" text-anchor="middle">{escape(y_name)}</text>')

    @staticmethod
    def part(value, low, high, log):
        if log:
            value, low, high = (math.log(max(v, 1e-9)) for v in (value, low, high))
        return (value - low) / (high - low)

    def x(self, value):
        return LEFT + self.part(value, self.x0, self.x1, self.x_log) * (WIDTH - LEFT - RIGHT)

    def y(self, value):
        return HEIGHT - BOTTOM - self.part(value, self.y0, self.y1, self.y_log) * (HEIGHT - TOP - BOTTOM)

    def text(self, x, y, text, anchor='start', size=12, colour=INK):
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{colour}">{escape(text)}</text>')

    def line(self, points, colour, width=2, dash=''):
        path = ' '.join(f'{self.x(x):.1f},{self.y(y):.1f}' for x, y in points)
        self.parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}"' + (f' stroke-dasharray="{dash}"' if dash else '') + '/>')

    def bar(self, x0, x1, value, colour):
        self.parts.append(f'<rect x="{self.x(x0):.1f}" y="{self.y(value):.1f}" width="{max(self.x(x1) - self.x(x0) - 0.6, 0.6):.1f}" height="{self.y(self.y0) - self.y(value):.1f}" fill="{colour}"/>')

    def key(self, names):
        for i, (name, colour) in enumerate(names):
            self.text(LEFT + 10 + i * 165, TOP + 12, name, colour=colour)

    def svg(self):
        return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12" fill="{INK}">\n'
                f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>\n' + '\n'.join(self.parts) + '\n</svg>\n')


def clearest(alerts):
    """The upward Start whose threshold is furthest above its expected false alarms."""
    best = None
    for line in alerts.read_text().splitlines():
        about = json.loads(line).get('trailwarden', {})
        if about.get('history') and about.get('direction') == 'up' and about['observedCalls'] >= 20:
            margin = about['threshold'] / about['expectedFalseAlarmsPerWeek']
            if best is None or margin > best[0]:
                best = (margin, json.loads(line))
    return best[1] if best else None


def insight_picture(alert):
    about, details = alert['trailwarden'], alert['detail']['insightDetails']
    spans, at = [], 0
    for span in about['history']:
        spans.append((at, at + span['minutes'], span['calls'] / span['minutes'], span['expected'] / span['minutes']))
        at += span['minutes']
    most = max(calls for _, _, calls, _ in spans)
    top = 10 ** math.ceil(math.log10(max(most, 1) * 1.01))
    low = 0.01
    ticks = [(10.0 ** e, f'{10.0 ** e:g}') for e in range(-2, round(math.log10(top)) + 1)]
    hours = [(at - 60 * h, f'-{h} h') for h in range(1, at // 60 + 1)]
    picture = Picture(f'{details["eventName"]}: calls a minute before an Insight', (0, at, hours, 'until the minute that decided'), (low, top, ticks, 'calls a minute'), y_log=True)
    for begin, end, calls, _ in spans:
        if calls > low:
            picture.bar(begin, end, calls, COLOURS[0])
    picture.line([(x, max(expected, low)) for begin, end, _, expected in spans for x in (begin, end)], COLOURS[1])
    picture.key([('observed', COLOURS[0]), ('expected', COLOURS[1]), (f'A = {about["expectedFalseAlarmsPerWeek"]:.2g} a week, line {about["threshold"]:.2g}', INK)])
    return picture.svg()


def sweeps(results):
    for name in ('dev1', 'dev2', 'dev3'):
        file = results / name / 'sweep.json'
        if file.exists():
            yield name, json.loads(file.read_text())


def recall_picture(results):
    budgets = (3, 10, 30, 100)
    picture = Picture('Found, by what it may cost', (3, 100, [(b, str(b)) for b in budgets], 'false alarms per 1,000 series-weeks'),
                      (0, 0.8, [(v / 10, f'{v / 10:g}') for v in range(0, 9, 2)], 'mean recall, all strengths'), x_log=True)
    names = []
    for (name, sweep), colour in zip(sweeps(results), COLOURS):
        picture.line([(b, sweep['at'][f'{b}/1000sw']['mean_recall']) for b in budgets], colour)
        names.append((name, colour))
    picture.key(names)
    return picture.svg()


def knob_picture(results):
    picture = Picture('Asked and got', (1, 100, [(b, str(b)) for b in (1, 3, 10, 30, 100)], 'asked: false alarms per 1,000 series-weeks'),
                      (0.5, 200, [(b, str(b)) for b in (1, 3, 10, 30, 100)], 'got'), x_log=True, y_log=True)
    picture.line([(1, 1), (100, 100)], GRID, 2)
    for factor in (0.5, 2):
        picture.line([(1, factor), (100, 100 * factor)], GRID, 1, dash='4 4')
    names = []
    for (name, sweep), colour in zip(sweeps(results), COLOURS):
        picture.line([(row['asked_per_1000_series_weeks'], max(row['got_per_1000_series_weeks'], 0.5)) for row in sweep['calibration']], colour)
        names.append((name, colour))
    picture.key(names)
    return picture.svg()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--alerts', type=pathlib.Path, required=True)
    parser.add_argument('--results', type=pathlib.Path, required=True)
    parser.add_argument('--out', type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    alert = clearest(arguments.alerts)
    if alert is None:
        parser.error(f'{arguments.alerts}: no Start with a history of its calls')
    for name, svg in (('insight', insight_picture(alert)), ('recall', recall_picture(arguments.results)), ('knob', knob_picture(arguments.results))):
        (arguments.out / f'{name}.svg').write_text(svg)


if __name__ == '__main__':
    main()
