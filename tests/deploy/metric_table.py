"""The program's metrics, and what an expression of Prometheus says of them that is not so."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
OF_THE_SCRAPE = {"job", "instance", "le"}
SUFFIXES = ("_bucket", "_count", "_sum")


def known_metrics():
    """Labels by name, as the program's table of metrics has them."""
    table = (ROOT / "src/metrics/registry.cc").read_text()
    return {name: set(labels.split(",")) - {""} for name, labels in re.findall(r'MetricInfo\{"(\w+)", Kind::\w+, "([\w,]*)"', table)}


def faults_of_metrics(name, text, known):
    for metric, selector in re.findall(r"trailwarden_(\w+)(?:\{([^}]*)\})?", text):
        base = next((metric.removesuffix(s) for s in SUFFIXES if metric.removesuffix(s) in known), metric)
        if base not in known:
            yield f"{name}: there is no metric trailwarden_{metric}"
            continue
        for label in set(re.findall(r"(\w+)\s*=~?", selector)) - known[base] - OF_THE_SCRAPE:
            yield f"{name}: {base} has no label {label}"
    grouped = {label for labels in re.findall(r"(?:by|on) \(([^)]*)\)", text) for label in labels.split(", ")}
    used = set().union(*(known.get(m.removesuffix("_bucket").removesuffix("_count"), set()) for m in re.findall(r"trailwarden_(\w+)", text)))
    for label in grouped - used - OF_THE_SCRAPE:
        yield f"{name}: groups by {label}, which its metrics do not have"
