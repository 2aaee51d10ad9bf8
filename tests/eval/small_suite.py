#!/usr/bin/env python3
"""Holds trailwarden-eval's figures on the suite `small` of ../shared/eval to floors.

    small_suite.py TRAILWARDEN_EVAL KIT_DIR

One account-week tells nothing of quality; it does tell that something broke. Exits with 77, which ctest takes for skipped, where the kit or numpy is
missing (scripts/eval fetches numpy)."""
import glob
import json
import os
import pathlib
import subprocess
import sys
import tempfile

SKIPPED = 77
# By false alarms asked for: at most so many, at most that delay of strong bursts (median, seconds), and at least such recall; what was measured
# (1: 0, 42, .458 .604 .750; 30: 25, 15, .740 .833 .792), and about two labels' room.
BOUNDS = {1: (3, 60, {'mean_recall': 0.40, 'recall_L3_L4': 0.54, 'recall_L4': 0.68}),
          30: (40, 30, {'mean_recall': 0.68, 'recall_L3_L4': 0.76, 'recall_L4': 0.72})}


def python_with_numpy():
    cache = os.environ.get('TRAILWARDEN_CACHE') or os.path.join(os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache'), 'trailwarden')
    for python in (sys.executable, *glob.glob(os.path.join(cache, 'tools', 'eval-numpy-*', 'bin', 'python'))):
        if subprocess.run([python, '-c', 'import numpy'], stderr=subprocess.DEVNULL, check=False).returncode == 0:
            return python
    return None


def skip(why):
    print(f'skipped: {why}')
    sys.exit(SKIPPED)


def main():
    binary, kit = sys.argv[1], pathlib.Path(sys.argv[2])
    if not (kit / 'generate.py').exists():
        skip(f'{kit} is not there')
    python = python_with_numpy()
    if python is None:
        skip('no numpy')
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        suite, alarms = f'{folder}/small', f'{folder}/alarms.jsonl'
        subprocess.run([python, str(kit / 'generate.py'), 'small', suite], check=True)
        for budget, (most_false, most_delay, least) in BOUNDS.items():
            subprocess.run([binary, suite, '--budget', str(budget), '--alarms', alarms], check=True)
            command = [sys.executable, str(kit / 'score.py'), suite, alarms, '--budget', str(budget), '--json', '-']
            got = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)['whole_file']
            delay = got['kinds']['burst']['strong_delay_median_s']
            checks = [('false alarms', got['false_alarms'], got['false_alarms'] <= most_false, f'<= {most_false}'),
                      ('delay of strong bursts [s]', delay, delay is not None and delay <= most_delay, f'<= {most_delay}')]
            checks += [(figure, got[figure], got[figure] >= floor, f'>= {floor}') for figure, floor in least.items()]
            for what, value, good, bound in checks:
                failed = failed or not good
                print(f'{"ok    " if good else "FAILED"} asked {budget}: {what} {value} {bound}')
    sys.exit(1 if failed else 0)


if __name__ == '__main__':
    main()
