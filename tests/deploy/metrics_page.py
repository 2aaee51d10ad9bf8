#!/usr/bin/env python3
"""What a running service serves under /metrics, held against the reference page, and scraped by a real Prometheus.

    tests/deploy/metrics_page.py TRAILWARDEN

A service with every role that works without Kafka judges traffic, with a rule that correlates, a suppression and a bad record. Each family that it serves is on the page with that type, these labels and that text; each on the page is
served, or is one of those that need what is not here. Without Debian's Prometheus (scripts/setup --test), that part is skipped.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "testing"))
from ports import free_port  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
# What this service has no occasion for.
NEEDS = {
    "Kafka": r"client_|consumer_rebuilds|producer_rebuilds|transaction_aborts|retention_headroom|consumer_lag",
    "queues": r"sqs_",
    "a bucket": r"s3_request|credentials_",
    "TLS": r"tls_",
    "its API, which is asked": r"api_requests",
    "something that went wrong": r"http_|stopped_partitions|trail_stopped|privileges",
}
CONFIG = """version: 1
roles: [detector, archiver, digest, notifier]
embedded: {{input: inbox, data: data}}
http: {{listen: "127.0.0.1:{port}"}}
insights: {{warm_up: 12h, false_insights_per_week: 300}}
trails: [{{name: all, home_region: eu-west-1, directory: trail, epoch: {{length: 1m}}, digest: {{key_directory: keys}}}}]
notifications: {{sinks: [{{name: nobody, type: webhook, url: "http://127.0.0.1:{port}/nothing-is-taken-here"}}]}}
suppressions: [{{name: quiet, rules: ["aws.ssm.*"], reason: r, owner: o, expires: 2099-01-01}}]
"""


def ask(url):
    try:
        return urllib.request.urlopen(url, timeout=10).read().decode()
    except OSError:
        return ""


def until(what, seconds, ready):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := ready():
            return found
        time.sleep(0.2)
    sys.exit(f"{what}: not within {seconds} s")


def families(text):
    """By name: type, help, names of labels; of what is served."""
    out = {}
    for name, help_text in re.findall(r"^# HELP (\S+) (.*)$", text, re.MULTILINE):
        out[name] = {"help": help_text, "labels": set()}
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE):
        out[name]["type"] = kind
    for name, labels in re.findall(r"^([a-z_]\w*)(?:\{(.*)\})? \S+$", text, re.MULTILINE):
        base = next((name.removesuffix(end) for end in ("_bucket", "_sum", "_count") if name.removesuffix(end) in out), name)
        out[base]["labels"] |= set(re.findall(r'(\w+)="', labels)) - {"le"}
    return out


def on_page(binary):
    """The same, of the reference page, which is as the program would have it."""
    page = (ROOT / "docs/metrics.md").read_text()
    if page != subprocess.run([sys.executable, ROOT / "tools/metrics_page.py", binary], check=True, capture_output=True, text=True).stdout:
        sys.exit("docs/metrics.md is not what the program says: tools/metrics_page.py TRAILWARDEN > docs/metrics.md")
    rows = re.findall(r"^\| `(\S+)` \| (\w+) \| (.*?) \| (.*) \|$", page, re.MULTILINE)
    return {name: {"type": kind, "labels": set(re.findall(r"`(\w+)`", labels)), "help": re.sub(r" Buckets up to \S+ s\.$", "", text)} for name, kind, labels, text in rows}


def faults(page, served):
    for name, metric in served.items():
        known = page.get(name)
        if not known:
            yield f"{name} is served and not on the page"
            continue
        for part in ("type", "help", "labels"):
            if known[part] != metric[part]:
                yield f"{name}: {part} is {metric[part]!r}, on the page {known[part]!r}"
    for name in page.keys() - served.keys():
        if not any(re.match(pattern, name.removeprefix("trailwarden_")) for pattern in NEEDS.values()):
            yield f"{name} is on the page and was not served"
    for name, metric in page.items():
        if len(metric["help"]) < 15 or not metric["help"].endswith("."):
            yield f"{name}: {metric['help']!r} says little"


def feed(binary, folder):
    subprocess.run([binary, "generate", "--out", folder / "traffic", "--days", "2", "--accounts", "1", "--rate", "4"], check=True, capture_output=True)
    for file in sorted((folder / "traffic").rglob("*.json.gz")):
        os.rename(file, folder / "inbox" / file.name)
    (folder / "bad.part").write_text('{"no": "record"}\n')
    os.rename(folder / "bad.part", folder / "inbox" / "bad.jsonl")


def scraped(folder, port):
    """What Prometheus says of the service, once it has scraped it; None where there is no Prometheus."""
    prometheus = shutil.which("prometheus") or Path(os.environ.get("TRAILWARDEN_CACHE") or Path.home() / ".cache/trailwarden") / "tools/bin/prometheus"
    if not Path(prometheus).exists():
        return None
    at = free_port()
    (folder / "prometheus.yml").write_text(f"scrape_configs:\n  - {{job_name: trailwarden, scrape_interval: 1s, static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}\n"
                                           f"rule_files: [{ROOT}/deploy/prometheus/trailwarden.rules.yaml]\n")
    with open(folder / "prometheus.log", "w") as log, subprocess.Popen([prometheus, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb", f"--web.listen-address=127.0.0.1:{at}"], stderr=log) as process:
        try:
            def query(text):
                answer = ask(f"http://127.0.0.1:{at}/api/v1/query?query={text}")
                return json.loads(answer)["data"]["result"] if answer else []
            until("a scrape", 60, lambda: [one for one in query("up") if one["value"][1] == "1"])
            names = {one["metric"]["__name__"] for one in until("its metrics", 30, lambda: query("%7Bjob%3D%22trailwarden%22%7D"))}
            rules = json.loads(ask(f"http://127.0.0.1:{at}/api/v1/rules"))["data"]["groups"]
            return names, sum(len(group["rules"]) for group in rules)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def main():
    binary = Path(sys.argv[1]).resolve()
    page = on_page(binary)
    with tempfile.TemporaryDirectory(prefix="trailwarden-metrics-") as name:
        folder, port = Path(name), free_port()
        (folder / "inbox").mkdir()
        (folder / "config.yaml").write_text(CONFIG.format(port=port))
        with open(folder / "log", "w") as log, subprocess.Popen([binary, "run", "-c", "config.yaml"], cwd=folder, stderr=log) as service:
            try:
                until("ready", 30, lambda: "ready" in ask(f"http://127.0.0.1:{port}/readyz"))
                feed(binary, folder)
                done = re.compile(r"^trailwarden_trail_objects_written_total [1-9].*", re.MULTILINE)
                text = until("all is judged and archived", 150, lambda: (page_text := ask(f"http://127.0.0.1:{port}/metrics")) and done.search(page_text)
                             and re.search(r'^trailwarden_events_rejected_total\{[^}]*\} 1$', page_text, re.MULTILINE) and "trailwarden_snapshot_bytes" in page_text and "trailwarden_trail_check_last" in page_text and page_text)
                wrong = list(faults(page, families(text)))
                seen = scraped(folder, port)
            except SystemExit:
                print((folder / "log").read_text()[-3000:], file=sys.stderr)
                raise
            finally:
                service.send_signal(signal.SIGTERM)
                service.wait(30)
    if seen:
        names, rules = seen
        missing = {name for name, metric in families(text).items() if metric["type"] != "histogram"} - names
        wrong += [f"{name}: Prometheus did not take it" for name in missing]
        print(f"Prometheus took {len(names)} names and loaded {rules} rules")
    else:
        print("no Prometheus here: not scraped")
    print(f"{len(page)} metrics on the page, {len(families(text))} served here")
    for fault in wrong:
        print(fault, file=sys.stderr)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
