#!/usr/bin/env python3
"""Figures of the service as an operator meets it: idle memory, start, scrape, reload.

    bench/operations.py TRAILWARDEN [--seconds N]

Each is checked before it is printed: the service was ready, the page was whole, the rules were in use. Times stand beside one of the same run that needs nothing of ours (an empty page, a process that prints its version), as machines are noisy.
"""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/testing"))
from ports import free_port  # noqa: E402

RULE = """---
id: bench.rule_{n}
title: Rule {n}
sentence: "{{userIdentity.arn}} called {{eventName}}."
severity: low
pattern: {{eventSource: [iam.amazonaws.com, ec2.amazonaws.com], eventName: [Call{n}, {{prefix: Delete{n}}}], userIdentity: {{type: [IAMUser]}}}}
quiet_for: {quiet}m
"""


class Service:
    def __init__(self, binary, folder, config=""):
        self.folder, self.port, self.binary = folder, free_port(), binary
        (folder / "inbox").mkdir(exist_ok=True)
        (folder / "c.yaml").write_text(f"version: 1\nhttp: {{listen: \"127.0.0.1:{self.port}\"}}\n{config}")

    def __enter__(self):
        self.began = time.monotonic()
        self.log = open(self.folder / "log", "ab")
        self.process = subprocess.Popen([self.binary, "run", "-c", "c.yaml"], cwd=self.folder, stderr=self.log)
        while not self.page("/readyz").startswith("ready"):
            if self.process.poll() is not None or time.monotonic() - self.began > 60:
                sys.exit(f"the service did not become ready: {(self.folder / 'log').read_text()[-1000:]}")
            time.sleep(0.002)
        self.start = time.monotonic() - self.began
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait(30) != 0:
            sys.exit("the service did not end well")

    def page(self, path):
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10).read().decode()
        except OSError:
            return ""

    def rss(self):
        return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{self.process.pid}/status").read_text()).group(1)) / 1024

    def lines(self, event):
        return [line for line in (self.folder / "log").read_text().splitlines() if f'"{event}"' in line]


def quantile(values, q):
    values = sorted(values)
    return values[min(int(q * len(values)), len(values) - 1)]


def figure(name, value, unit, goal, beside=""):
    verdict = "met" if value <= goal else "MISSED"
    print(f"{name:<40} {value:9.3g} {unit:<3} goal {goal:g}: {verdict}{'; ' + beside if beside else ''}", flush=True)


def idle_and_start(binary, folder):
    starts, memory = [], []
    for _ in range(5):
        shutil.rmtree(folder / "trailwarden-data", ignore_errors=True)
        with Service(binary, folder) as service:
            starts.append(service.start * 1000)
            time.sleep(2)
            memory.append(service.rss())
    bare = []
    for _ in range(5):
        began = time.monotonic()
        subprocess.run([binary, "--version"], check=True, capture_output=True)
        bare.append((time.monotonic() - began) * 1000)
    figure("idle memory, resident", quantile(memory, 0.5), "MB", 60)
    figure("start to ready, without state", quantile(starts, 0.5), "ms", 1000, f"{quantile(starts, 0.5) / quantile(bare, 0.5):.1f} x of --version ({quantile(bare, 0.5):.0f} ms)")


def scrape(binary, folder, seconds):
    """While generated records are judged as fast as they can be."""
    subprocess.run([binary, "generate", "--out", folder / "traffic", "--days", "16", "--accounts", "4", "--rate", "60", "--jsonl"], check=True, capture_output=True)
    with Service(binary, folder, "insights: {warm_up: 12h}\n") as service:
        os.rename(folder / "traffic/events.jsonl", folder / "inbox/events.jsonl")
        scrapes, beside, judged, page, moved = [], [], 0, "", time.monotonic()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for path, times in (("/metrics", scrapes), ("/healthz", beside)):
                began = time.monotonic()
                text = service.page(path)
                times.append((time.monotonic() - began) * 1000)
                if path == "/metrics":
                    page = text
                    if not text.rstrip().endswith(tuple("0123456789")) or "trailwarden_build_info" not in text:
                        sys.exit("the page of metrics is not whole")
                    now = judged_of(text)
                    if now != judged:
                        judged, moved = now, time.monotonic()
            time.sleep(0.02)
            if judged and time.monotonic() - moved > 3:  # all of it is judged
                break
        series = re.search(r'trailwarden_baselines\{state="quiet"\} (\S+)', page)
        if judged < 100_000:
            sys.exit(f"only {judged} records were judged: that was no load")
        figure("scrape under load, 99th percentile", quantile(scrapes, 0.99), "ms", 10,
               f"{quantile(scrapes, 0.99) / quantile(beside, 0.99):.1f} x of /healthz ({quantile(beside, 0.99):.1f} ms); {len(scrapes)} scrapes, {judged:,.0f} records, {series.group(1)} series, {len(page) / 1024:.0f} kB")


def pauses(page):
    """[ms] of the changes of detection in the pass: the bucket that holds all of them, their mean, and how many."""
    buckets = re.findall(r'stage_duration_seconds_bucket\{stage="change",le="([^"]+)"\} (\d+)', page)
    count = int(re.search(r'stage_duration_seconds_count\{stage="change"\} (\d+)', page).group(1))
    total = float(re.search(r'stage_duration_seconds_sum\{stage="change"\} (\S+)', page).group(1))
    return next((float(bound) * 1000 for bound, seen in buckets if int(seen) == count), float("inf")), total / count * 1000, count


def record(number, account, api, region="eu-west-1", at=None):
    return json.dumps({"eventVersion": "1.08", "eventTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at)), "eventSource": "iam.amazonaws.com", "eventName": f"Call{api}", "awsRegion": region, "sourceIPAddress": "203.0.113.7",
                       "eventID": str(number), "recipientAccountId": f"{111122220000 + account}", "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/a"}}) + "\n"


def judged_of(page):
    found = re.search(r"^trailwarden_events_accepted_total (\S+)$", page, re.MULTILINE)
    return float(found.group(1)) if found else sys.exit("the page of metrics does not come within ten seconds")


def much_state(binary, folder, series):
    """A call of each of 1,000 APIs in each of 1,000 accounts and Regions; then more of them, minute after minute, while the page is asked for and the settings of Insights change."""
    start, minutes = 1767571200, 21  # of event time; the machine's has no say

    def write(minute, calls):
        with open(folder / f"{minute:02}.jsonl", "w") as out:
            for i in calls:
                out.write(record(f"{minute}-{i}", i % 100, i // 1000, f"eu-west-{i // 100 % 10}", start + minute * 60 + i * 60 / series))

    def give(minute):
        os.rename(folder / f"{minute:02}.jsonl", folder / f"inbox/{minute:02}.jsonl")

    settings = "insights: {{warm_up: 12h, false_insights_per_week: {asked}, scopes: [{{event_name: \"Call{asked}*\", budget: {asked}}}]}}\n"
    head = folder / "c.yaml"
    with Service(binary, folder, settings.format(asked=1)) as service:
        write(0, range(series))
        give(0)
        for minute in range(1, minutes):
            write(minute, range(minute % 10, series, 10))
        while judged_of(service.page("/metrics")) < series:
            time.sleep(0.2)
        time.sleep(11)  # the worker sums its series every ten seconds
        held = int(float(re.search(r'trailwarden_baselines\{state="quiet"\} (\S+)', service.page("/metrics")).group(1)))
        if held < series:
            sys.exit(f"{held} series, not {series}")
        for minute in range(1, minutes):
            give(minute)
        top = head.read_text().splitlines(keepends=True)[:2]
        scrapes, beside, turn, moved = [], [], 0, time.monotonic()
        before = judged = judged_of(service.page("/metrics"))
        while (now := judged_of(service.page("/metrics"))) < series + (minutes - 1) * (series // 10):
            if now > judged:
                judged, moved = now, time.monotonic()
            for path, times in (("/metrics", scrapes), ("/healthz", beside)):
                began = time.monotonic()
                service.page(path)
                times.append((time.monotonic() - began) * 1000)
            if len(scrapes) % 10 == 5:
                turn += 1
                head.write_text("".join(top) + settings.format(asked=1 + turn % 9))
                service.process.send_signal(signal.SIGHUP)
            time.sleep(0.02)
            if time.monotonic() - moved > 120:
                sys.exit("the records are not judged")
        time.sleep(2)
        page = service.page("/metrics")
        memory = service.rss()
    pause, mean, count = pauses(page)
    if count < 3 or not service.lines("config.reloaded"):
        sys.exit(f"the settings changed {count} times: that says nothing")
    figure(f"scrape with {held:,} series, 99th percentile", quantile(scrapes, 0.99), "ms", 10,
           f"{quantile(scrapes, 0.99) / quantile(beside, 0.99):.1f} x of /healthz ({quantile(beside, 0.99):.1f} ms); {len(scrapes)} scrapes, {judged_of(page) - before:,.0f} records meanwhile, {memory:,.0f} MB resident")
    figure("pause for new settings of Insights, there", pause, "ms", 50, f"at most, {mean:.0f} on average: bucket of stage_duration_seconds that holds all {count}")


def reload(binary, folder):
    """1,000 rules that all change, while records of 100 accounts come."""
    rules = folder / "rules"
    rules.mkdir()
    def write(quiet):
        (rules / "all.part").write_text("".join(RULE.format(n=n, quiet=quiet) for n in range(1000)))
        os.rename(rules / "all.part", rules / "all.yaml")
    write(5)
    stop = threading.Event()
    with Service(binary, folder, "rules: {packs: [], folders: [rules]}\n") as service:
        def feed():
            n = 0
            while not stop.is_set():
                part = folder / f"f{n}.part"
                part.write_text("".join(record(f"{n}-{i}", i, i) for i in range(100)))
                os.rename(part, folder / f"inbox/f{n}.jsonl")
                n += 1
                time.sleep(0.1)
        feeder = threading.Thread(target=feed)
        feeder.start()
        times = []
        for turn in range(8):
            time.sleep(1.2)
            write(6 + turn)
            before = len(service.lines("worker.detection_changed"))
            began = time.monotonic()
            service.process.send_signal(signal.SIGHUP)
            while len(service.lines("worker.detection_changed")) == before:
                time.sleep(0.005)
                if time.monotonic() - began > 20:
                    sys.exit("the rules were not taken")
            times.append((time.monotonic() - began) * 1000)
        page = service.page("/metrics")
        stop.set()
        feeder.join()
    taken = service.lines("config.reloaded")
    if not all(len(json.loads(line)["rules_changed"].split()) > 10 for line in taken) or "trailwarden_rules_loaded 1000" not in page:
        sys.exit("the rules did not all change")
    longest, mean, count = pauses(page)
    figure("reload of 1,000 rules, signal to use", quantile(times, 0.5), "ms", 500, f"slowest of {len(times)}: {max(times):.0f} ms")
    figure("pause in the pass for it, at most", longest, "ms", 50, f"{mean:.1f} on average; bucket of stage_duration_seconds that holds all {count}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=Path)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--series", type=int, default=1_000_000)
    arguments = parser.parse_args()
    binary = arguments.binary.resolve()
    for work in (idle_and_start, lambda b, f: scrape(b, f, arguments.seconds), lambda b, f: much_state(b, f, arguments.series), reload):
        with tempfile.TemporaryDirectory(prefix="trailwarden-bench-") as name:
            work(binary, Path(name))


if __name__ == "__main__":
    main()
