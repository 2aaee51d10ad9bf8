#!/usr/bin/env python3
"""`forward --resume` on a real Kafka, killed at every crash point and over and over: every record is in the topic once, those of an account and Region in their order.

    tests/integration/forward_resume.py BINARY --bootstrap HOST:PORT [--kills N] [--events N] [--seed N]

Of logs with stamps, which are sent one behind the other, and of files without, which are merged by time. Then it is ended by SIGTERM, run to its end, run again, and given
an object that was delivered late; last, its file is put back to what it was, and its topic is another one.
"""

import argparse
import gzip
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from cluster import Failed, Traffic, check, crash_points, fail_here, run, say


class Forward:
    def __init__(self, arguments, folder, name, paths):
        self.binary, self.folder, self.bootstrap, self.paths = arguments.binary, folder, arguments.bootstrap, [str(path) for path in paths]
        self.topic, self.journal, self.config = f"resume-{name}-{os.getpid()}-{int(time.time())}", folder / f"{name}.sent", folder / f"{name}.yaml"
        self.config.write_text(f'version: 1\nkafka: {{brokers: "{self.bootstrap}", security: {{protocol: plaintext}}, group: resume-{name}, input: [{{topic: {self.topic}}}]}}\n')
        run(arguments.binary, "topics", "create", "-c", self.config, "--partitions", 4, "--replication", 1, stdout=subprocess.DEVNULL)

    def start(self, *options, fail=None):
        return subprocess.Popen([self.binary, "forward", *self.paths, "-c", self.config, "--resume", self.journal, "--no-progress", *options], stderr=subprocess.PIPE, text=True,
                                env=os.environ | ({"TRAILWARDEN_FAIL": fail} if fail else {}))

    def finish(self, *options, code=0):
        process = self.start(*options)
        _, said = process.communicate(timeout=120)
        check(process.returncode == code, f"forward: exit {process.returncode}: {said}")
        return said

    def events(self):
        """The eventIDs of each key, in order of offsets."""
        text = run("kcat", "-b", self.bootstrap, "-C", "-t", self.topic, "-e", "-q", "-X", "isolation.level=read_committed", "-f", "%k %s\n", capture_output=True).stdout
        found = {}
        for line in text.decode().splitlines():
            key, _, record = line.partition(" ")
            found.setdefault(key, []).append(json.loads(record)["eventID"])
        return found


def sent_of(paths):
    """What a calm forward sends, by the files: in the order of their stamps and names, or by eventTime."""
    stamped = [(path.name.split("_")[3], str(path), path) for path in paths if path.name.endswith(".json.gz")]
    records = [record for *_, path in sorted(stamped) for record in json.loads(gzip.decompress(path.read_bytes()))["Records"]]
    lines = [json.loads(line) for path in paths if path.suffix == ".jsonl" for line in path.read_text().splitlines()]
    found = {}
    for record in records + sorted(lines, key=lambda record: record["eventTime"]):
        found.setdefault(f"{record['recipientAccountId']}/{record['awsRegion']}", []).append(record["eventID"])
    return found


def check_same(forward, expected, in_order=True):
    found = forward.events()
    sent, there = (Counter(event for events in of.values() for event in events) for of in (expected, found))  # some were delivered twice
    check(sent == there, f"{(there - sent).total()} records are there too often, {(sent - there).total()} are missing")
    check({key: sorted(events) for key, events in found.items()} == {key: sorted(events) for key, events in expected.items()}, "records with other keys")
    check(not in_order or found == expected, "records of a key out of order")


def kill_and_count(forward, paths, arguments, in_order):
    expected = sent_of(paths)
    events, kills = sum(map(len, expected.values())), 0
    rate = ["--rate", str(max(100, events // (2 * arguments.kills + 10)))]
    # Between FILE and Kafka, at the first commit of a run (of the mark alone, in the first one) and at a later one.
    for name in crash_points("app/forward_resume.cc"):
        for hit in (1, 3):
            process = forward.start(*rate, fail=f"{name}:{hit}:abort")
            process.communicate(timeout=60)
            check(process.returncode == 137, f"{name}: exit {process.returncode}")
    while kills < arguments.kills:
        process = forward.start(*rate)
        time.sleep(random.uniform(0.1, 4))
        if process.poll() is not None:
            break
        process.send_signal(signal.SIGTERM if kills == 2 else signal.SIGKILL)
        process.communicate()
        kills += 1
    say(forward.finish().strip())
    check_same(forward, expected, in_order)
    check(kills > 2, "too few kills to prove anything")
    say(f"{forward.topic}: {events} records, {kills} kills")
    said = forward.finish()
    check(said.startswith("0 records") and f"{len(paths):,} files and objects were sent before" in said, said)
    return expected


def test(arguments, folder):
    traffic = Traffic(arguments.binary, folder / "traffic", arguments.events)
    logs = sorted((traffic.folder / "AWSLogs").rglob("*.json.gz"))
    stamped = Forward(arguments, folder, "stamped", [traffic.folder / "AWSLogs"])
    expected = kill_and_count(stamped, logs, arguments, in_order=True)

    files = folder / "lines"
    files.mkdir()
    records = [record for log in logs for record in json.loads(gzip.decompress(log.read_bytes()))["Records"]]
    for number in range(5):
        (files / f"{number}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in sorted(records[number::5], key=lambda record: record["eventTime"])))
    kill_and_count(Forward(arguments, folder, "lines", [files]), sorted(files.iterdir()), arguments, in_order=False)

    late = logs[0].with_name(logs[0].name.replace(".json.gz", "LATE.json.gz"))
    event = dict(records[0], eventID="00000000-0000-4000-8000-000000000001")
    late.write_bytes(gzip.compress(json.dumps({"Records": [event]}).encode()))
    before = stamped.journal.read_text()
    check(stamped.finish().startswith("1 records"), "an object that came late is sent, and nothing else")
    expected.setdefault(f"{event['recipientAccountId']}/{event['awsRegion']}", []).append(event["eventID"])
    check_same(stamped, expected)

    stamped.journal.write_text("".join(before.splitlines(keepends=True)[:-4]))
    check("not the file that was last used" in stamped.finish(code=2), "an older journal is refused")
    stamped.journal.write_text(before)
    other = Forward(arguments, folder, "other", [files])
    other.journal.write_text(before)
    check("not for" in other.finish(code=2), "a journal of another topic is refused")
    check("trailwarden: " in Forward(arguments, folder, "none", ["-"]).finish(code=2), "standard input cannot be resumed")
    second = other.journal.with_name("no.sent")
    second.write_text("whatever\n")
    other.journal = second
    check("is no file of forward" in other.finish(code=2) and second.read_text() == "whatever\n", "a stranger's file is left alone")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary", type=os.path.realpath)
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--kills", type=int, default=8)
    parser.add_argument("--events", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    random.seed(arguments.seed)
    folder = Path(tempfile.mkdtemp(prefix="trailwarden-resume-"))
    try:
        test(arguments, folder)
    except Failed as error:
        fail_here(error, " ".join(sys.argv), folder)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
