#!/usr/bin/env python3
"""The alert rules of deploy/prometheus: promtool takes them and their tests; each alert is tested both ways and has its page; each metric is one of ours, with the labels that it has.

    tests/deploy/prometheus_rules.py

Exits with 77 without promtool, which scripts/setup --test fetches.
"""

import re
import shutil
import subprocess
import sys

from metric_table import ROOT, faults_of_metrics, known_metrics

RULES = ROOT / "deploy/prometheus/trailwarden.rules.yaml"
TESTS = ROOT / "deploy/prometheus/trailwarden.rules.test.yaml"
PAGES = ROOT / "docs/runbooks"


def alerts():
    """What each alert says, by name."""
    blocks = re.split(r"^      - alert: ", RULES.read_text(), flags=re.MULTILINE)[1:]
    return {block.split("\n", 1)[0]: block for block in blocks}


def expression(block):
    return re.search(r"expr: \|\n((?:          .*\n)+)", block).group(1)


def faults_of_page(name, block):
    url = re.search(r"runbook_url: https://runbooks\.example/([\w-]+\.md)\n", block)
    if not url:
        yield f"{name}: no runbook_url"
        return
    page = PAGES / url.group(1)
    text = page.read_text() if page.exists() else ""
    for part in (f"# {name}\n", "\n## Meaning\n", "\n## Check\n", "\n## Fix\n"):
        if part not in text:
            yield f"{name}: {page.relative_to(ROOT)} lacks {part.strip()!r}"
    for link in re.findall(r"\]\(([^)#]+)", text):
        if not (page.parent / link).exists():
            yield f"{page.relative_to(ROOT)}: {link} is not there"


def faults():
    known, tests = known_metrics(), TESTS.read_text()
    if len(known) < 80:
        yield "the table of metrics was not understood"
    for name, block in alerts().items():
        for part in ("labels: {severity: ", "summary: ", "description: "):
            if part not in block:
                yield f"{name}: lacks {part}"
        yield from faults_of_metrics(name, expression(block), known)
        yield from faults_of_page(name, block)
        own = "".join(test for test in re.split(r"^  - name: ", tests, flags=re.MULTILINE) if f"alertname: {name}\n" in test)
        if "exp_labels" not in own:
            yield f"{name}: no test in which it fires"
        if name != "TrailwardenWatchdog" and 'job="good"' not in own:
            yield f"{name}: no test in which it stays silent"
    for page in PAGES.glob("*.md"):
        if page.name not in RULES.read_text():
            yield f"{page.relative_to(ROOT)}: of no alert"


def main():
    found = list(faults())
    if not shutil.which("promtool"):
        print("promtool is not there; scripts/setup --test fetches it")
        return 1 if found else 77
    for words in (("check", "rules", RULES), ("test", "rules", TESTS)):
        ran = subprocess.run(["promtool", *words], capture_output=True, text=True, check=False)
        if ran.returncode != 0:
            found.append(f"promtool {' '.join(map(str, words))}: {ran.stdout}{ran.stderr}")
    print("\n".join(found) or f"{len(alerts())} alerts, each with its page, tested both ways")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
