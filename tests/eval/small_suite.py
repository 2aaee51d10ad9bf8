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
# (operating point, figure, least): what was measured, less about two labels.
FLOORS = (('30/1000sw', 'mean_recall', 0.55), ('100/1000sw', 'mean_recall', 0.59), ('30/1000sw', 'recall_L3_L4', 0.65), ('30/1000sw', 'recall_L4', 0.70))
MOST_FALSE_ALARMS = 3  # in the one account-week, with one asked for; measured: 1
MOST_DELAY_S = 60      # median, of strong bursts


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
    with tempfile.TemporaryDirectory() as folder:
        def score(alarms, *options):
            command = [sys.executable, str(kit / 'score.py'), f'{folder}/small', f'{folder}/{alarms}', *options, '--json', '-']
            return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)

        subprocess.run([python, str(kit / 'generate.py'), 'small', f'{folder}/small'], check=True)
        subprocess.run([binary, f'{folder}/small', '--budget', '1', '--alarms', f'{folder}/alarms', '--sweep', f'{folder}/sweep', '--threads', '2'], check=True)
        at = score('sweep')['at']
        got = score('alarms', '--budget', '1')['whole_file']['false_alarms']

    delay = at['30/1000sw']['kinds']['burst']['strong_delay_median_s']
    checks = [(f'{figure} at {point}', at[point][figure], '>=', least) for point, figure, least in FLOORS]
    checks += [('false alarms', got, '<=', MOST_FALSE_ALARMS), ('delay of strong bursts [s]', delay, '<=', MOST_DELAY_S)]
    failed = False
    for what, value, sign, bound in checks:
        good = value is not None and (value >= bound if sign == '>=' else value <= bound)
        failed = failed or not good
        print(f'{"ok    " if good else "FAILED"} {what}: {value} {sign} {bound}')
    sys.exit(1 if failed else 0)


if __name__ == '__main__':
    main()
