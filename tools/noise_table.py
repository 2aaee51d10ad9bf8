#!/usr/bin/env python3
"""Prints how much was said on ordinary traffic, as the Markdown tables of docs/rules.md.

    noise_table.py NAME=PREFIX...     PREFIX.alerts.jsonl and PREFIX.summary.json are of `trailwarden replay`; each NAME is a column

Summaries of folded repeats are not counted: they are the quiet time of a finding that is."""
import collections
import json
import sys

SEVERITIES = ("informational", "low", "medium", "high", "critical")


def findings(prefix):
    """How many findings each (rule or detector.what, severity) has."""
    out = collections.Counter()
    with open(prefix + ".alerts.jsonl", encoding="utf-8") as file:
        for line in file:
            detail = json.loads(line)["detail"]
            if detail["kind"] != "finding":
                continue
            what = detail["what"] if detail["detector"] == "rules" else f"{detail['detector']}.{detail['what']}"
            out[what, detail["severity"]] += 1
    return out


def judged(prefix):
    with open(prefix + ".summary.json", encoding="utf-8") as file:
        return json.load(file)["records"]["judged"]


def main():
    columns = [argument.split("=", 1) for argument in sys.argv[1:]]
    if not columns or any(len(column) != 2 for column in columns):
        sys.exit(__doc__)
    said = {name: findings(prefix) for name, prefix in columns}
    events = {name: judged(prefix) for name, prefix in columns}
    print("| traffic | events | findings | per 10,000 events | medium or higher | per 10,000 events |\n|---|---:|---:|---:|---:|---:|")
    for name, _ in columns:
        all_of_them = said[name].total()
        grave = sum(count for (_, severity), count in said[name].items() if SEVERITIES.index(severity) >= SEVERITIES.index("medium"))
        print(f"| {name} | {events[name]:,} | {all_of_them} | {1e4 * all_of_them / events[name]:.2f} | {grave} | {1e4 * grave / events[name]:.2f} |")
    names = [name for name, _ in columns]
    print("\n| rule, or detector | severity | " + " | ".join(names) + " |\n|---|---|" + "---:|" * len(names))
    everything = sorted(set().union(*said.values()), key=lambda key: (-SEVERITIES.index(key[1]), key[0]))
    for what, severity in everything:
        print(f"| `{what}` | {severity} | " + " | ".join(str(said[name][what, severity] or "") for name in names) + " |")


if __name__ == "__main__":
    main()
