#!/usr/bin/env python3
"""Archivers and digest writers on a real Kafka whose clock goes from hour to hour, killed over and over; validate and the AWS CLI then find the trail whole.

    tests/integration/digest_kill.py BINARY [--hours N] [--kills N] [--events N] [--seed N] [--keep]

It starts a broker of its own, under a wall clock that jumps (shifted_clock.c), so that hours of the log pass in seconds; nothing else is told another time. Some hours have traffic and some have none;
one log becomes known hours late. Afterwards: every log of the manifest is in one digest; `trailwarden validate` and, where it can be had, the unmodified AWS CLI exit with 0; and both notice
a log that was changed. The digest writers themselves find nothing in all that time, and tell once of a log that is removed, whichever of them writes and is killed.
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
import threading
import time
from pathlib import Path

import trail_aws_cli
from archive_kill import archived, dump
from cluster import ROOT, Failed, Stack, Traffic, Worker, check, fail_here, run, say, wait_for
from pypi_tool import python_with

PARTITIONS = 4
TRAIL = """roles: [{roles}]
trails:
  - name: main
    home_region: us-east-1
    directory: {folder}/trail
    digest: {{key_directory: {folder}/keys, passphrase_file: {folder}/passphrase}}
    epoch: {{length: 5m}}
"""


class ShiftedKafka:
    """One broker, and its clock."""

    def __init__(self, folder):
        self.data, self.clock = folder / "stack", folder / "clock"
        self.ahead = 0
        library = folder / "shifted_clock.so"
        run(os.environ.get("CC", "cc"), "-O1", "-DFOR_JAVA", "-shared", "-fPIC", "-w", "-o", library, Path(__file__).with_name("shifted_clock.c"))
        self.clock.write_text("0")
        environment = {**os.environ, "LD_PRELOAD": str(library), "SHIFTED_CLOCK": str(self.clock)}
        run(ROOT / "scripts" / "stack", "up", "--data", self.data, env=environment, stdout=subprocess.DEVNULL)
        self.bootstrap = Stack(self.data).bootstrap

    def advance(self, seconds):
        self.ahead += seconds
        part = self.clock.with_suffix(".part")
        part.write_text(str(self.ahead))
        part.rename(self.clock)

    def now(self):
        return time.time() + self.ahead

    def down(self):
        subprocess.run([ROOT / "scripts" / "stack", "down", "--data", self.data], stdout=subprocess.DEVNULL, check=False)


def process(arguments, folder, instance, roles, values):
    worker = Worker(arguments.binary, folder, instance, ticks="5s", **values)
    groups = f'  archiver_group: "{values["group"]}-archiver"\n  digest_group: "{values["group"]}-digest"\n  instance:'
    worker.config.write_text(worker.config.read_text().replace("  instance:", groups) + TRAIL.format(roles=roles, folder=folder))
    return worker


def digest_state(worker):
    text = worker.page("state") if worker.runs() else ""
    return json.loads(text).get("digest", {}) if text else {}


def iso(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def passed(writers):
    """Until when digests are written."""
    return max((digest_state(w).get("passed", "") for w in writers), default="")


def manifest(bootstrap):
    return [json.loads(line) for line in dump(bootstrap, "trailwarden.manifest", "%s")]


def put_late_log(kafka, folder):
    """A log that becomes known when its hour is signed."""
    signed = random.choice(list(digests(folder).values()))
    account, region, stamp = signed["awsAccountId"], signed["digestS3Object"].split("/")[3], signed["digestStartTime"]
    like = next(record for record in manifest(kafka.bootstrap) if record["record"] == "object" and (record["account"], record["region"]) == (account, region))
    text = json.dumps({"Records": [{"eventID": "late"}]}).encode()
    year, month, day = stamp[:10].split("-")
    key = f"AWSLogs/{account}/CloudTrail/{region}/{year}/{month}/{day}/{account}_CloudTrail_{region}_{year}{month}{day}T{stamp[11:13]}{stamp[14:16]}Z_AAAAAAAAAAAAAAAA.json.gz"
    file = folder / "trail" / key
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(gzip.compress(text))
    record = {**like, "topic": "by-hand", "key": key, "delivered": stamp, "sha256": hashlib.sha256(text).hexdigest(), "records": 1, "textBytes": len(text), "oldest": None, "newest": None}
    run("kcat", "-b", kafka.bootstrap, "-P", "-t", "trailwarden.manifest", "-p", "0", input=json.dumps(record).encode())
    return key


class Killer(threading.Thread):
    """Kills one of the processes now and then, and starts it again at once."""

    def __init__(self, workers):
        super().__init__(daemon=True)
        self.workers, self.kills, self.over = workers, collections.Counter(), threading.Event()
        self.start()

    def run(self):
        while not self.over.wait(random.uniform(1, 5)):
            victim = random.choice(self.workers)
            victim.kill()
            victim.start()
            self.kills[victim.instance] += 1

    def stop(self):
        self.over.set()
        self.join()


def live(arguments, folder, kafka):
    """Hours with traffic and without, and kills; the topic that was written."""
    name = f"digest-{os.getpid()}"
    values = {"bootstrap": kafka.bootstrap, "group": name, "topic": name}
    (folder / "passphrase").write_text("quite secret\n")
    every = process(arguments, folder, "all", "detector, archiver, digest", values)
    run(arguments.binary, "topics", "create", "-c", every.config, "--partitions", PARTITIONS, "--replication", 1)
    detector = process(arguments, folder, "d", "detector", values)
    archivers = [process(arguments, folder, i, "archiver", values) for i in ("a", "b")]
    writers = [process(arguments, folder, i, "digest", values) for i in ("x", "y")]
    workers = (detector, *archivers, *writers)
    traffic = Traffic(arguments.binary, folder / "traffic", arguments.events, accounts=3)
    killer = None
    try:
        for worker in workers:
            worker.start()
        killer = Killer([*archivers, *writers])
        late = None
        for hour in range(arguments.hours):
            if hour % 3 == 0:
                check(traffic.forward(detector.config, folder / "forward.log").wait() == 0, "forward failed")
            if hour == 4:
                wait_for("digests", lambda: digests(folder), 120)
                late = put_late_log(kafka, folder)
            time.sleep(arguments.pause)
            kafka.advance(3600)
        while sum(killer.kills.values()) < arguments.kills:
            time.sleep(0.5)
        killer.stop()
        goal = iso(kafka.now() // 3600 * 3600)
        kafka.advance(600)  # beyond the grace of ticks
        wait_for(f"the digests until {goal}", lambda: passed(writers) >= goal, 180)
        ends = {p["partition"]: p["end"] for p in detector.partitions()}
        check({p["partition"]: p["committed"] for a in archivers for p in archived(a) if p["topic"] == name} == ends, "not everything is archived")
        states = [digest_state(w) for w in writers]
        check(sum(s["isMember"] for s in states) == 1, f"one writes and one stands by: {states}")
        told = [w.metric("digest_last_timestamp_seconds") for w in writers]
        check(iso(max(told)) >= goal, f"digest_last_timestamp_seconds {told}")
        codes = [worker.stop() for worker in workers]
        check(codes == [0] * len(workers), f"exit codes {codes}")
    finally:
        if killer:
            killer.stop()
        for worker in workers:
            if worker.runs():
                worker.kill()
    say(f"{sum(killer.kills.values())} kills {dict(killer.kills)} over {arguments.hours} hours of the log")
    return name, late


def digests(folder):
    files = [p for p in (folder / "trail" / "AWSLogs").rglob("*.json.gz") if "CloudTrail-Digest" in p.parts]
    return {p: json.loads(gzip.decompress(p.read_bytes())) for p in files}


def hold_against_the_manifest(kafka, folder, topic, late):
    delivered = collections.Counter(r["key"] for r in manifest(kafka.bootstrap) if r["record"] == "object")
    found = digests(folder)
    listed = collections.Counter(log["s3Object"] for d in found.values() for log in d["logFiles"])
    check(listed == delivered, f"{sum((delivered - listed).values())} logs are in no digest, {sum((listed - delivered).values())} too often")
    backfill = [d for p, d in found.items() if p.name.endswith("_backfill.json.gz")]
    check(any(log["s3Object"] == late for d in backfill for log in d["logFiles"]), "the late log is in no backfill digest")
    idle = sum(not d["logFiles"] for d in found.values())
    check(idle > 0, "no hour was idle")
    quiet = [r for r in manifest(kafka.bootstrap) if r["record"] == "progress"]
    check({r["partition"] for r in quiet if r["topic"] == topic} == set(range(PARTITIONS)), "each partition has quiet hours")
    say(f"{len(delivered)} logs in {len(found)} digests, {idle} of them of idle hours, {len(backfill)} backfill; {len(quiet)} records of progress")
    return found


def alerts_of_the_trail(kafka):
    """What was removed or changed, by id."""
    alerts = [json.loads(line) for line in dump(kafka.bootstrap, "trailwarden.alerts", "%s")]
    return collections.Counter((a["detail"]["what"], a["detail"]["key"]) for a in alerts if a["detail-type"] == "Trailwarden Trail Problem")


def hold_against_the_watch(arguments, folder, kafka, topic, found):
    """Who writes digests verifies them: it found nothing while all were killed, and tells once of what is tampered with, whoever writes."""
    told = alerts_of_the_trail(kafka)
    check(not told, f"alerts of a trail that nobody has touched: {told}")
    key = found[max(found, key=lambda path: len(found[path]["logFiles"]))]["logFiles"][0]["s3Object"]
    log = folder / "trail" / key
    kept = log.read_bytes()
    log.unlink()
    values = {"bootstrap": kafka.bootstrap, "group": topic, "topic": topic}
    writers = [process(arguments, folder, i, "digest", values) for i in ("x", "y")]
    for kills, writer in enumerate([*writers, *writers]):
        writer.start()
        try:
            wait_for(f"{writer.instance} finds it", lambda w=writer: w.metric("trail_problems", trail="main", what="log_removed") == 1, 90)
            wait_for("the alert", lambda: alerts_of_the_trail(kafka), 30)
            check(writer.metric("trail_problems", trail="main") == 1, "more problems than one")
            time.sleep(1)
        finally:
            writer.kill() if kills % 2 else writer.stop()
    check(alerts_of_the_trail(kafka) == {("log_removed", key): 1}, f"alerts: {alerts_of_the_trail(kafka)}")
    audit = subprocess.run([arguments.binary, "audit", "-c", folder / "d.yaml"], capture_output=True, text=True, check=False)
    check(audit.returncode == 0, f"audit exits with {audit.returncode}: {audit.stdout[-800:]}{audit.stderr[-800:]}")
    log.write_bytes(kept)
    say("a log that was removed: found by each digest writer, told once")


def validate(arguments, folder, *words):
    return subprocess.run([arguments.binary, "validate", folder / "trail", "--keys", folder / "keys" / "public-keys.json", *words], capture_output=True, text=True, check=False)


def serve_to_the_cli(folder, account, region):
    """The trail as trail_aws_cli serves trails: objects, metadata of all, public keys."""
    served = folder / f"served-{account}-{region}"
    shutil.rmtree(served, ignore_errors=True)
    served.mkdir()
    shutil.copytree(folder / "trail" / "AWSLogs", served / "objects" / "AWSLogs")
    kept = folder / "trail" / ".trailwarden" / "metadata"
    metadata = {str(p.relative_to(kept)): read_metadata(p) for p in kept.rglob("*.json.gz*") if p.is_file()}
    (served / "metadata.json").write_text(json.dumps(metadata))
    shutil.copy(folder / "keys" / "public-keys.json", served / "public_keys.json")
    return trail_aws_cli.Trail(served, None)


def read_metadata(path):
    return json.loads(path.read_text())


def ask_the_cli(python, folder, found, digest):
    """What the AWS CLI says of one chain, from its first hour to its last."""
    account, region = digest["awsAccountId"], digest["digestS3Object"].split("/")[3]
    mine = [d for d in found.values() if d["awsAccountId"] == account and d["digestS3Object"].split("/")[3] == region]
    trail_aws_cli.BUCKET, trail_aws_cli.ACCOUNT, trail_aws_cli.REGION, trail_aws_cli.HOME = "trail", account, region, "us-east-1"
    trail_aws_cli.ARN = f"arn:aws:cloudtrail:us-east-1:{account}:trail/main"
    trail_aws_cli.RANGE = (min(d["digestStartTime"] for d in mine), max(d["digestEndTime"] for d in mine))
    return trail_aws_cli.run_cli(python, serve_to_the_cli(folder, account, region)), len(mine)


def hold_against_the_validators(arguments, folder, found):
    ours = validate(arguments, folder)
    check(ours.returncode == 0, f"validate exits with {ours.returncode}: {ours.stdout[-800:]}{ours.stderr}")
    with_backfill = next(d for p, d in found.items() if p.name.endswith("_backfill.json.gz"))
    python, why = python_with(f"awscli=={trail_aws_cli.VERSION}")
    if python:
        cli, of = ask_the_cli(python, folder, found, with_backfill)
        check(cli.returncode == 0 and "INVALID" not in cli.stdout and "digest files valid" in cli.stdout, f"the AWS CLI exits with {cli.returncode}: {cli.stdout[-800:]}{cli.stderr[-800:]}")
        say(f"the AWS CLI {trail_aws_cli.VERSION}, of {of} digests of one chain: " + "; ".join(line for line in cli.stdout.splitlines() if "files valid" in line))
    else:
        say(f"without the AWS CLI, which cannot be had: {why}")
    victim = folder / "trail" / with_backfill["logFiles"][0]["s3Object"]
    victim.write_bytes(gzip.compress(b'{"Records":[]}'))
    ours = validate(arguments, folder)
    check(ours.returncode == 1 and "hash value doesn't match" in ours.stdout, f"validate of a changed log exits with {ours.returncode}")
    if python:
        cli, _ = ask_the_cli(python, folder, found, with_backfill)
        check(cli.returncode == 1 and "hash value doesn't match" in cli.stdout + cli.stderr, f"the AWS CLI of a changed log exits with {cli.returncode}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary", type=lambda p: str(Path(p).resolve()))
    parser.add_argument("--hours", type=int, default=8)
    parser.add_argument("--pause", type=float, default=6, help="seconds that an hour takes")
    parser.add_argument("--kills", type=int, default=10, help="at least so many")
    parser.add_argument("--events", type=int, default=6_000, help="of each hour with traffic")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="the folder, when all is well")
    arguments = parser.parse_args()
    random.seed(arguments.seed)
    folder = Path(tempfile.mkdtemp(prefix="trailwarden-digest-kill-"))
    kafka = ShiftedKafka(folder)
    try:
        topic, late = live(arguments, folder, kafka)
        found = hold_against_the_manifest(kafka, folder, topic, late)
        hold_against_the_watch(arguments, folder, kafka, topic, found)
        hold_against_the_validators(arguments, folder, digests(folder))
    except Failed as error:
        fail_here(error, " ".join(sys.argv), folder)
    finally:
        kafka.down()
    if not arguments.keep:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
