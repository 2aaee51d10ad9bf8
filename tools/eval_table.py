#!/usr/bin/env python3
"""Prints what scripts/eval measured on one suite, beside the reference figures of the suite's own page.

    eval_table.py SUITE_DIR RESULTS_DIR --references README.md --commit ID --seconds N

RESULTS_DIR holds budget.json and sweep.json, as score.py wrote them. Fails if activity.bin is not what suite.json says it is."""
import argparse
import hashlib
import json
import pathlib
import re
import sys

COLUMNS = ('L3+L4', 'L4', 'at 3', 'at 10', 'at 30', 'at 100', 'delay s')


def sha256(path):
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def number(value, digits=3):
    return '-' if value is None else f'{value:.{digits}f}'


def ours(sweep):
    """The row of this build, in the order of COLUMNS."""
    at = sweep['at']
    one = at['1/account-week']
    burst = one['kinds']['burst']
    recalls = [number(at[f'{budget}/1000sw']['mean_recall']) + ('+' if at[f'{budget}/1000sw']['file_ends_before'] else '') for budget in (3, 10, 30, 100)]
    delay = f'{number(burst["strong_delay_median_s"], 0)}/{number(burst["strong_delay_p90_s"], 0)}'
    return [number(one['recall_L3_L4']), number(one['recall_L4']), *recalls, delay]


def references(page, suite):
    """(detector, row) of every reference line about this suite; empty for a suite the page does not know."""
    for line in page.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip().strip('|').split('|')]
        if len(cells) < 5 or cells[0] != suite or not re.match(r'[\d.]+ / ', cells[2]):
            continue
        delay = next((cell for cell in cells[5:] if re.fullmatch(r'\d+/\d+', cell)), '-')
        yield cells[1].replace('*', '').replace('`', ''), [cells[3], cells[4], *cells[2].split(' / '), delay]


def print_table(rows):
    width = max(len(name) for name, _ in rows)
    print(f'{"":{width}}  {"1 account-week":^15} {"mean recall, N per 1,000 sw":^31} strong bursts')
    print(f'{"":{width}}  ' + ' '.join(f'{column:>7}' for column in COLUMNS))
    for name, row in rows:
        print(f'{name:{width}}  ' + ' '.join(f'{cell:>7}' for cell in row))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('suite', type=pathlib.Path)
    parser.add_argument('results', type=pathlib.Path)
    parser.add_argument('--references', type=pathlib.Path, required=True)
    parser.add_argument('--commit', required=True)
    parser.add_argument('--seconds', type=int, required=True)
    options = parser.parse_args()

    suite = json.loads((options.suite / 'suite.json').read_text())
    found = sha256(options.suite / 'activity.bin')
    if found != suite.get('activity_sha256', found):
        sys.exit(f'eval_table.py: {options.suite}/activity.bin is {found}, suite.json says {suite["activity_sha256"]}')
    sweep = json.loads((options.results / 'sweep.json').read_text())
    budget = json.loads((options.results / 'budget.json').read_text())

    print(f'\n== {suite["name"]}: {sweep["apis"]} APIs, {sweep["account_weeks"]:g} account-weeks, {sweep["labels"]} labels; activity.bin sha256 {found}')
    print(f'   commit {options.commit}; {options.seconds} s')
    print_table([('this build', ours(sweep)), *references(options.references, suite['name'])])
    kinds = sweep['at']['1/account-week']['kinds']
    print('by kind, at 1: ' + ', '.join(f'{kind} {number(row["recall"], 2)}' for kind, row in kinds.items()))
    whole = budget['whole_file']
    print('at {asked_per_account_week:g} false Insight(s) asked for a week and account: got {got_per_account_week:.2f} (x{ratio:.2f})'.format(**budget['budget'])
          + f', L3+L4 {number(whole["recall_L3_L4"])}, L4 {number(whole["recall_L4"])}, mean recall {number(whole["mean_recall"])}')
    print('asked -> got per 1,000 series-weeks: '
          + ', '.join(f'{row["asked_per_1000_series_weeks"]} -> {row["got_per_1000_series_weeks"]:.1f}' for row in sweep['calibration']))


if __name__ == '__main__':
    main()
