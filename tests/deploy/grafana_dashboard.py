#!/usr/bin/env python3
"""The dashboard of deploy/grafana: each panel says what it shows and in which unit, none lies over another, each expression is PromQL over metrics and labels that we have.

    tests/deploy/grafana_dashboard.py

Without promtool, which scripts/setup --test fetches, the syntax of expressions is not looked at, and it exits with 77.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from metric_table import ROOT, faults_of_metrics, known_metrics

DASHBOARD = ROOT / "deploy/grafana/trailwarden.json"
UNITS = {"s", "short", "none", "bytes", "Bps", "reqps", "ops", "percentunit", "bool_yes_no"}
VARIABLES = {"$__rate_interval": "5m", "$job": ".*"}


def filled(expression):
    for variable, value in VARIABLES.items():
        expression = expression.replace(variable, value)
    return expression


def cells(panel):
    at = panel["gridPos"]
    return {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}


def faults_of(panel, known):
    name = panel["title"]
    if not panel.get("description"):
        yield f"{name}: no description"
    if panel["fieldConfig"]["defaults"].get("unit") not in UNITS:
        yield f"{name}: no unit, or one that Grafana does not have"
    if not panel["targets"]:
        yield f"{name}: shows nothing"
    for target in panel["targets"]:
        expression = filled(target["expr"])
        yield from faults_of_metrics(name, expression, known)
        grouped = {label for labels in re.findall(r"by \(([^)]*)\)", expression) for label in labels.split(", ")}
        for label in set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) - grouped:
            yield f"{name}: its legend speaks of {label}, which its expression does not keep"
        if 'job=~"$job"' not in target["expr"]:
            yield f"{name}: shows all jobs"


def syntax_faults(panels):
    with tempfile.TemporaryDirectory() as folder:
        rules = Path(folder) / "panels.yaml"
        each = [(p["title"], filled(t["expr"])) for p in panels for t in p["targets"]]
        records = [{"record": f"panel:{i}", "expr": expression, "labels": {"panel": title}} for i, (title, expression) in enumerate(each)]
        rules.write_text(json.dumps({"groups": [{"name": "panels", "rules": records}]}))  # JSON is YAML
        ran = subprocess.run(["promtool", "check", "rules", rules], capture_output=True, text=True, check=False)
        if ran.returncode != 0:
            yield f"promtool: {ran.stdout}{ran.stderr}"


def main():
    known, dashboard = known_metrics(), json.loads(DASHBOARD.read_text())
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    found = [fault for panel in panels for fault in faults_of(panel, known)]
    taken = set()
    for panel in dashboard["panels"]:
        if taken & cells(panel) or panel["gridPos"]["x"] + panel["gridPos"]["w"] > 24:
            found.append(f"{panel['title']}: lies over another panel, or beyond the edge")
        taken |= cells(panel)
    if len({panel["id"] for panel in dashboard["panels"]}) != len(dashboard["panels"]):
        found.append("two panels have one id")
    has_promtool = shutil.which("promtool") is not None
    found += syntax_faults(panels) if has_promtool else []
    print("\n".join(found) or f"{len(panels)} panels" + ("" if has_promtool else "; promtool is not there: scripts/setup --test fetches it"))
    return 1 if found else 0 if has_promtool else 77


if __name__ == "__main__":
    sys.exit(main())
