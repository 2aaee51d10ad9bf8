#!/usr/bin/env python3
"""Kills the embedded service, its archiver with it, at every crash point and at random moments; nothing may be lost or doubled.

    tests/integration/embedded_kill.py BINARY [--seconds N]    N: of random kills, default 20

Traffic is dropped into the watched folder while the service is being killed: delivered files by rename, and a file of JSON lines that grows. In the end the
ledger must hold (audit), one undisturbed pass over the same log must give the same alerts and saved states (audit --recompute), and the alerts file must
hold every alert once, line by line. The trail must hold every record once, as it was sent, and every Insight; its manifest must tile.
"""

import argparse
import collections
import gzip
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from archive_kill import records_of
from cluster import crash_points

# Undoing a commit takes a disk that fails; the simulator and the tests of the log have that. Digests take hours: embedded_digests.py.
CRASH_POINTS = [point for point in crash_points("pipeline/*.cc", "stream/embedded_*.cc", "archive/*.cc") if not point.startswith(("abort_", "digest_"))]
KILLED = {137, -signal.SIGKILL}


class Service:
    def __init__(self, binary, folder):
        self.binary, self.folder = binary, folder
        (folder / "inbox").mkdir()
        (folder / "config.yaml").write_text('version: 1\nhttp: {listen: ""}\nlog: {level: warn}\n'
                                            "insights: {warm_up: 12h, false_insights_per_week: 1000}\nembedded: {keep_input: true}\n"
                                            "roles: [detector, archiver]\ntrails: [{name: main, home_region: us-east-1, directory: trail, epoch: {length: 1m, max_bytes: 1MiB}}]\n")

    def command(self, *words):
        return [self.binary, *words, "-c", "config.yaml"]

    def start(self, fail=None):
        env = dict(os.environ)
        env.pop("TRAILWARDEN_FAIL", None)
        if fail:
            env["TRAILWARDEN_FAIL"] = fail
        return subprocess.Popen(self.command("run", "--drain"), cwd=self.folder, env=env)

    def json(self, *words):
        done = subprocess.run(self.command(*words), cwd=self.folder, capture_output=True, text=True, check=False)
        if done.returncode not in (0, 1):
            sys.exit(f"{' '.join(words)}: exit {done.returncode}: {done.stderr}")
        return json.loads(done.stdout)


class Sender:
    """Delivers generated traffic piece by piece."""

    def __init__(self, binary, folder, inbox):
        subprocess.run([binary, "generate", "--out", str(folder / "traffic"), "--days", "3", "--accounts", "2", "--rate", "4"],
                       check=True, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        self.files = sorted((folder / "traffic" / "AWSLogs").rglob("*.json.gz"), key=lambda p: p.name.split("_")[3])
        self.inbox, self.sent, self.records, self.texts = inbox, 0, 0, collections.Counter()
        self.lines = (inbox / "growing.jsonl").open("ab", buffering=0)

    def send(self, count):
        for path in self.files[self.sent:self.sent + count]:
            records = records_of(gzip.decompress(path.read_bytes()).decode().rstrip())
            self.records += len(records)
            if self.sent % 5 == 0:  # as lines of a file that grows; sometimes half a line first
                records = [json.dumps(json.loads(record)) for record in records]
                text = "".join(record + "\n" for record in records).encode()
                cut = random.randrange(len(text))
                self.lines.write(text[:cut])
                self.lines.write(text[cut:])
            else:
                shutil.copy(path, self.inbox / (path.name + ".tmp"))
                os.rename(self.inbox / (path.name + ".tmp"), self.inbox / path.name)
            self.texts.update(records)
            self.sent += 1

    def all_sent(self):
        return self.sent == len(self.files)


def drain(service, tries=20):
    for _ in range(tries):
        if service.start().wait() == 0:
            return
    sys.exit("the service does not end well")


def insights_among(alerts):
    """The texts of the Insights that these alerts carry."""
    details = [line[line.index('"detail":') + len('"detail":'):] for line in alerts if json.loads(line)["detail-type"] == "AWS Insight via CloudTrail"]
    return collections.Counter(text[:json.JSONDecoder().raw_decode(text)[1]] for text in details)


def check_trail(service, sender, alerts):
    objects = sorted((service.folder / "trail" / "AWSLogs").rglob("*.json.gz"))
    kept = {True: collections.Counter(), False: collections.Counter()}
    for path in objects:
        kept["CloudTrail-Insight" in path.parts].update(records_of(gzip.decompress(path.read_bytes()).decode()))
    for what, found, wanted in (("records", kept[False], sender.texts), ("Insights", kept[True], insights_among(alerts))):
        assert found == wanted, f"{(wanted - found).total()} {what} are missing in the trail, {(found - wanted).total()} are there too often"
    with sqlite3.connect(service.folder / "trailwarden-data" / "trailwarden.db") as database:
        rows = database.execute("SELECT value FROM messages WHERE topic = 'trailwarden.manifest' ORDER BY offset").fetchall()
    manifest = [json.loads(value) for value, in rows]
    named = collections.Counter(str(service.folder / "trail" / record["key"]) for record in manifest if record["record"] == "object")
    assert named == collections.Counter(map(str, objects)), "the manifest does not name each object once, and no other"
    ends = collections.Counter()
    for record in manifest:
        if record["record"] == "epoch":
            assert record["from"] == ends[record["topic"]], f"{record['topic']}: after {ends[record['topic']]} comes {record['from']}"
            ends[record["topic"]] = record["to"]
    print(f"trail: {kept[False].total()} records and {kept[True].total()} Insights in {len(objects)} objects, each once, as they were sent")


def check(service, sender, kills):
    report = service.json("audit", "--json", "--recompute")
    again = report["recomputed"]
    assert report["problems"] == 0, report["firstProblems"]
    assert again["problems"] == 0, again["firstProblems"]
    read = sum(p["read"] for p in report["partitions"])
    assert read == sender.records, f"{read} records were read, {sender.records} sent"
    lines = (service.folder / "trailwarden-data" / "alerts.jsonl").read_text().splitlines()
    ids = [json.loads(line)["id"] for line in lines]
    assert len(ids) == len(set(ids)), "an alert is in the file twice"
    assert len(ids) == report["alerts"], f"{len(ids)} alerts in the file, {report['alerts']} in the database"
    assert len(ids) > 20, "too few alerts to prove anything"
    check_trail(service, sender, lines)
    print(f"{kills} kills; {read} records, {len(ids)} alerts, {again['commits']} commits, {again['states']} saved states: nothing lost, nothing twice")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary", type=lambda p: str(Path(p).resolve()))
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    random.seed(arguments.seed)
    with tempfile.TemporaryDirectory(prefix="trailwarden-kill-") as name:
        folder = Path(name)
        service = Service(arguments.binary, folder)
        sender = Sender(arguments.binary, folder, folder / "inbox")
        portion = max(1, len(sender.files) // (4 * len(CRASH_POINTS)))
        kills, reached = 0, set()
        for point in CRASH_POINTS:
            for hit in (1, 2, 1, 1, 1):
                if point.startswith("restore"):  # something committed that no snapshot has
                    sender.send(portion)
                    kills += service.start("after_commit:1:abort").wait() in KILLED
                sender.send(portion)
                code = service.start(f"{point}:{hit}:abort").wait()
                if code in KILLED:
                    kills += 1
                    reached.add(point)
                elif code != 0:
                    sys.exit(f"{point}: exit {code}")
                if point in reached and hit != 1:
                    break
        missing = set(CRASH_POINTS) - reached
        assert not missing, f"never reached: {sorted(missing)}"
        end = time.monotonic() + arguments.seconds
        while time.monotonic() < end:
            sender.send(portion)
            process = service.start()
            time.sleep(random.uniform(0.02, 0.8))
            process.kill()
            kills += process.wait() in KILLED
        sender.send(len(sender.files))
        sender.lines.close()
        drain(service)
        check(service, sender, kills)


if __name__ == "__main__":
    main()
