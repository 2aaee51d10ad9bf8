#!/usr/bin/env python3
"""Two archivers on a real Kafka, killed over and over while traffic arrives; the trail has every record once, as it was sent.

    tests/integration/archive_kill.py BINARY --bootstrap HOST:PORT [--seconds N] [--kills N] [--events N] [--seed N]

A detector that nobody kills writes the ticks, which end epochs. Afterwards the objects of the trail are held against the topic, byte for byte, and against the
manifest: its ranges tile, each object is in it once, and it names no other. `trailwarden validate -c` says the same, until an object is changed, removed or added.
"""

import argparse
import collections
import gzip
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cluster import Failed, Traffic, Worker, check, fail_here, run, say, wait_for

PARTITIONS = 4
TRAIL = """roles: [{roles}]
trails:
  - name: {name}
    home_region: us-east-1
    directory: {directory}
    epoch: {{length: 1m, max_bytes: 2MiB}}
"""


def process(arguments, folder, instance, roles, values):
    worker = Worker(arguments.binary, folder, instance, **values)
    text = worker.config.read_text().replace("  instance:", f'  archiver_group: "{values["group"]}-archiver"\n  instance:')
    worker.config.write_text(text + TRAIL.format(roles=roles, name=values["topic"], directory=folder / "trail"))
    return worker


def archived(worker):
    """The archiver's partitions, as /state has them."""
    text = worker.page("state")
    return json.loads(text)["archiver"]["partitions"] if text else []


def dump(bootstrap, topic, form):
    """Every visible record of a topic, in the order of each partition, one at a time."""
    command = ["kcat", "-b", bootstrap, "-C", "-t", topic, "-e", "-q", "-X", "isolation.level=read_committed", "-f", form + "\n"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        for line in process.stdout:
            yield line.decode().removesuffix("\n")
    check(process.returncode == 0, f"kcat exits with {process.returncode}")


def records_of(text):
    """The texts of the records in a log file."""
    head, tail, decoder = '{"Records":[', "]}", json.JSONDecoder()
    check(text.startswith(head) and text.endswith(tail), f"no log file: {text[:40]}")
    at, end, out = len(head), len(text) - len(tail), []
    while at < end:
        _, behind = decoder.raw_decode(text, at)
        out.append(text[at:behind])
        at = behind + 1
    return out


def brief(record):
    """What stands for a record's text, of which 300,000 are large."""
    return hashlib.blake2b(record.encode(), digest_size=16).digest()


def hold_against_the_topic(bootstrap, folder, topic, strangers=()):
    """`strangers`: objects that come of something else."""
    sent = collections.Counter(brief(line) for line in dump(bootstrap, topic, "%s"))
    aside = {"CloudTrail-Insight", "CloudTrail-Digest"}  # Insights come of the alerts
    objects = [path for path in (folder / "trail" / "AWSLogs").rglob("*.json.gz") if not aside & set(path.parts) and path not in strangers]
    kept = collections.Counter()
    for path in objects:
        kept.update(map(brief, records_of(gzip.decompress(path.read_bytes()).decode())))
    check(kept == sent, f"{sum((sent - kept).values())} records are missing in the trail, {sum((kept - sent).values())} are there too often")
    manifest = [json.loads(line) for line in dump(bootstrap, "trailwarden.manifest", "%s")]
    mine = [record for record in manifest if record["topic"] == topic]
    named = collections.Counter(str(folder / "trail" / record["key"]) for record in mine if record["record"] == "object")
    check(named == collections.Counter(map(str, objects)), "the manifest does not name each object once, and no other")
    ends = dict.fromkeys(range(PARTITIONS), 0)
    for record in mine:
        if record["record"] == "epoch":
            check(record["from"] == ends[record["partition"]], f"partition {record['partition']}: after {ends[record['partition']]} comes {record['from']}")
            ends[record["partition"]] = record["to"]
    return sum(sent.values()), len(objects), ends


def problems_of(binary, config):
    """Whether `validate -c` says that the trail is intact, and what kinds of problems it finds."""
    done = subprocess.run([binary, "validate", "-c", config, "--json"], capture_output=True, text=True, check=False)
    check(done.returncode in (0, 1), f"validate: exit code {done.returncode}: {done.stderr}")
    return done.returncode == 0, collections.Counter(problem["kind"] for problem in json.loads(done.stdout)["manifest"]["problems"])


def tamper_and_validate(binary, config, folder):
    check(problems_of(binary, config) == (True, {}), f"validate of an intact trail: {problems_of(binary, config)}")
    objects = sorted((folder / "trail" / "AWSLogs").rglob("*.json.gz"))
    changed, removed, model = random.sample(objects, 3)
    changed.write_bytes(gzip.compress(b'{"Records":[]}'))
    removed.unlink()
    model.with_name(model.name.rsplit("_", 1)[0] + "_AAAAAAAAAAAAAAAA.json.gz").write_bytes(gzip.compress(b'{"Records":[]}'))
    found = problems_of(binary, config)
    check(found == (False, {"changed": 1, "missing": 1, "unknown": 1}), f"validate of a trail that was tampered with: {found}")


def kill_and_compare(arguments, folder):
    name = f"{os.getpid()}-{int(time.time())}"
    values = {"bootstrap": arguments.bootstrap, "group": f"archive-{name}", "topic": f"archive-{name}"}
    detector = process(arguments, folder, "d", "detector, archiver", values)
    run(arguments.binary, "topics", "create", "-c", detector.config, "--partitions", PARTITIONS, "--replication", 1)
    detector = process(arguments, folder, "d", "detector", values)
    archivers = [process(arguments, folder, instance, "archiver", values) for instance in ("a", "b")]
    try:
        detector.start()
        sender = Traffic(arguments.binary, folder / "traffic", arguments.events).forward(detector.config, folder / "forward.log", arguments.seconds)
        for archiver in archivers:
            archiver.start()
        kills, end = 0, time.monotonic() + arguments.seconds
        while time.monotonic() < end or kills < arguments.kills:
            time.sleep(random.uniform(1, 8))
            victim = random.choice(archivers)
            victim.kill()
            victim.start()
            kills += 1
        check(sender.wait() == 0, "forward failed")

        def is_whole():
            ends = {p["partition"]: p["end"] for p in detector.partitions()}
            mine = {p["partition"]: p["committed"] for a in archivers for p in archived(a) if p["topic"] == values["topic"]}
            return len(ends) == PARTITIONS and mine == ends

        wait_for("everything archived", is_whole, 120)
        codes = [worker.stop() for worker in (*archivers, detector)]
        check(codes == [0, 0, 0], f"exit codes {codes}")
    finally:
        for worker in (*archivers, detector):
            if worker.runs():
                worker.kill()
    records, objects, _ = hold_against_the_topic(arguments.bootstrap, folder, values["topic"])
    tamper_and_validate(arguments.binary, archivers[0].config, folder)
    check(records >= arguments.events / 2, f"only {records} records were sent")
    say(f"{kills} kills; {records} records in {objects} objects, each once, as they were sent")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary", type=lambda p: str(Path(p).resolve()))
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--seconds", type=float, default=45)
    parser.add_argument("--kills", type=int, default=3, help="at least so many")
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    random.seed(arguments.seed)
    folder = Path(tempfile.mkdtemp(prefix="trailwarden-archive-kill-"))
    try:
        kill_and_compare(arguments, folder)
    except Failed as error:
        fail_here(error, " ".join(sys.argv), folder)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
