#!/usr/bin/env python3
"""Archivers and digest writers on a real Kafka whose clock goes from hour to hour, killed over and over while traffic arrives; in the end the trail is whole.

    tests/integration/digest_kill.py BINARY [--hours N] [--kills N] [--events N] [--every-point] [--every-chain] [--seed N] [--keep]

It starts a broker of its own, under a wall clock that jumps (shifted_clock.c), so that hours of the log pass in seconds; nothing else is told another time. Some hours have traffic and some have none;
one log becomes known hours late. Processes die by SIGKILL at any moment, and at their crash points. Afterwards:

* the objects hold every record of the topic once, byte for byte, and the manifest's ranges tile each partition up to what is committed (I1);
* no file of the trail was ever anything else than it is, and `trailwarden validate`, alone and with the manifest, and the unmodified AWS CLI, where it can be had, exit with 0 (I2);
* every log of the manifest is in one digest; each chain's hours tile, and the hours that are over never went back (I6).

The digest writers themselves find nothing in all that time, and tell once of a log that is removed, whichever of them writes and is killed. Then both validators notice a log
that was changed.
"""

import argparse
import collections
import gzip
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import trail_aws_cli
from archive_kill import archived, dump, hold_against_the_topic
from cluster import ROOT, Failed, Stack, Traffic, Worker, check, crash_points, fail_here, run, say, wait_for
from pypi_tool import python_with

PARTITIONS = 4
STORING = ["folder_store.before_link", "folder_store.between", "folder_store.after_link"]
ARCHIVING = [*crash_points("archive/archiver.cc", "archive/delivery.cc"), *STORING]
DIGESTING = [*crash_points("archive/digest_writer.cc"), *STORING]
KILLED = {137, -signal.SIGKILL}
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
    record = {**like, "topic": "by-hand", "partition": 0, "from": 0, "to": 1, "key": key, "delivered": stamp, "sha256": hashlib.sha256(text).hexdigest(), "records": 1, "textBytes": len(text), "oldest": None, "newest": None}
    run("kcat", "-b", kafka.bootstrap, "-P", "-t", "trailwarden.manifest", "-p", "0", input=json.dumps(record).encode())
    return key


def put_epoch_of(kafka, key):
    """The late log's epoch, without which validate waits for it; it is said last, since digests would wait for more of this topic."""
    like = next(record for record in manifest(kafka.bootstrap) if record["record"] == "epoch")
    last = max(record["delivered"] for record in manifest(kafka.bootstrap))
    counts = {"read": 1, "archived": 1, "unwanted": 0, "skipped": 0, "unarchivable": 0, "fallback": 0}
    said = next(record for record in manifest(kafka.bootstrap) if record.get("key") == key)
    epoch = {**like, **counts, **{name: said[name] for name in ("topic", "partition", "from", "to")}, "delivered": last, "objects": 1}
    run("kcat", "-b", kafka.bootstrap, "-P", "-t", "trailwarden.manifest", "-p", "0", input=json.dumps(epoch).encode())


class Killer(threading.Thread):
    """Kills one of the processes now and then, and starts it again at once, to die at a crash point; who died there is started again too."""

    def __init__(self, archivers, writers, patience):
        """`patience`: seconds that one is given to come to its crash point before it is another's turn."""
        super().__init__(daemon=True)
        self.roles, self.patience = [(archivers, ARCHIVING), (writers, DIGESTING)], patience
        self.armed, self.kills, self.reached, self.tried = {}, collections.Counter(), collections.Counter(), 0
        self.problem, self.over = None, threading.Event()
        self.start()

    def run(self):
        try:
            while not self.over.is_set():
                armed = self.kill_some()
                now = time.monotonic()
                pause, end = now + random.uniform(1, 5), now + self.patience
                while not self.over.wait(0.1) and (time.monotonic() < pause or (all(victim in self.armed for victim in armed) and time.monotonic() < end)):
                    self.raise_the_dead()
        except Failed as problem:
            self.problem = problem

    def kill_some(self):
        """Archivers and digest writers by turns; who comes back to die at a crash point."""
        workers, points = self.roles[self.tried % 2]
        self.tried += 1
        victims = workers if points is DIGESTING else [random.choice(workers)]  # only one writer has something to do, and who it will be is for Kafka to say
        point = min(points, key=lambda name: (self.reached[self.role(victims[0]), name], random.random()))
        for victim in victims:
            self.kill(victim, f"{point}:{random.randint(1, 2)}:abort")
            self.armed[victim] = point
        return victims

    def kill(self, worker, fail):
        worker.kill()
        self.armed.pop(worker, None)
        self.kills[worker.instance] += 1
        worker.start(fail=fail)

    def role(self, worker):
        return "archiver" if worker in self.roles[0][0] else "digest"

    def raise_the_dead(self):
        for workers, _ in self.roles:
            for worker in workers:
                if worker.runs():
                    continue
                code, point = worker.process.returncode, self.armed.pop(worker, None)
                check(code in KILLED and point, f"{worker.instance} ended by itself with {code}, armed with {point}")
                self.kills[worker.instance] += 1
                self.reached[self.role(worker), point] += 1
                worker.start()

    def missing(self):
        return [f"{role} {point}" for role, points in (("archiver", ARCHIVING), ("digest", DIGESTING)) for point in points if not self.reached[role, point]]

    def stop(self):
        """Whoever could still die is started without a crash point."""
        self.over.set()
        self.join()
        self.raise_the_dead()
        for worker in list(self.armed):
            self.kill(worker, None)


class Witness(threading.Thread):
    """Sees each file of the trail from when it appears: none may change or go. And the hours that are over: none begins again."""

    def __init__(self, trail, writers):
        super().__init__(daemon=True)
        self.trail, self.writers, self.seen, self.wrong, self.over = trail, writers, {}, [], threading.Event()
        self.passed = {}  # of each process, by its id
        self.start()

    def run(self):
        while not self.over.wait(0.5):
            self.look()

    def look(self):
        now = {}
        for path in (self.trail / "AWSLogs").rglob("*.json.gz"):  # not their metadata, which may come before them and again
            known = path.stat()
            now[path] = (known.st_ino, known.st_size, known.st_mtime_ns)
        self.wrong += [path for path, was in self.seen.items() if now.get(path) != was]
        self.seen = now
        for writer in self.writers:
            process, told = writer.process.pid, digest_state(writer).get("passed", "")
            if told and writer.process.pid == process:
                if told < self.passed.get(process, ""):
                    self.wrong.append(f"{writer.instance}: {told} comes after {self.passed[process]}")
                self.passed[process] = told

    def stop(self):
        self.over.set()
        self.join()
        self.look()
        check(not self.wrong, f"{len(self.wrong)} files changed or went, or hours began again: {self.wrong[:3]}")


class Portions:
    """Traffic of one time, as much for each hour that has some."""

    def __init__(self, arguments, folder, hours):
        self.traffic = Traffic(arguments.binary, folder / "traffic", arguments.events, accounts=3)
        files = sorted((folder / "traffic" / "AWSLogs").rglob("*.json.gz"), key=lambda path: path.name.split("_")[3])
        self.folders = [folder / f"portion-{n}" for n in range(hours)]
        for n, path in enumerate(files):
            to = self.folders[n * hours // len(files)] / path.relative_to(folder / "traffic")
            to.parent.mkdir(parents=True, exist_ok=True)
            path.rename(to)

    def forward(self, config, log, seconds):
        self.traffic.folder = self.folders.pop(0)
        return self.traffic.forward(config, log, seconds)

    def again(self, config, log):
        """The last ones once more: repeats are records as others are."""
        return self.traffic.forward(config, log)


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
    portions = Portions(arguments, folder, sum(is_busy(hour) for hour in range(arguments.hours)))
    killer = witness = None
    try:
        for worker in workers:
            worker.start()
        killer, witness = Killer(archivers, writers, 30 if arguments.every_point else 12), Witness(folder / "trail", writers)
        late = None
        for hour in range(arguments.hours):
            sender = portions.forward(detector.config, folder / "forward.log", arguments.pause) if is_busy(hour) else None
            if hour == 4:
                wait_for("digests", lambda: digests(folder), 120)
                late = put_late_log(kafka, folder)
            time.sleep(arguments.pause)
            check(not sender or sender.wait() == 0, "forward failed")
            kafka.advance(3600)
        hour = arguments.hours
        while sum(killer.kills.values()) < arguments.kills or (arguments.every_point and killer.missing()):
            check(hour < 3 * arguments.hours, f"never reached: {killer.missing()}")
            time.sleep(arguments.pause)
            if hour % 3 == 0:  # more of it, that archivers have something to die at
                check(portions.again(detector.config, folder / "forward.log").wait() == 0, "forward failed")
            kafka.advance(3600)
            hour += 1
        killer.stop()
        check(not killer.problem, killer.problem)
        goal = iso(kafka.now() // 3600 * 3600)
        kafka.advance(600)  # beyond the grace of ticks
        wait_for(f"the digests until {goal}", lambda: passed(writers) >= goal, 180)
        ends = {p["partition"]: p["end"] for p in detector.partitions()}
        check({p["partition"]: p["committed"] for a in archivers for p in archived(a) if p["topic"] == name} == ends, "not everything is archived")
        states = [digest_state(w) for w in writers]
        check(sum(s["isMember"] for s in states) == 1, f"one writes and one stands by: {states}")
        told = [w.metric("digest_last_timestamp_seconds") for w in writers]
        check(iso(max(told)) >= goal, f"digest_last_timestamp_seconds {told}")
        witness.stop()
        codes = [worker.stop() for worker in workers]
        check(codes == [0] * len(workers), f"exit codes {codes}")
    finally:
        for thread in filter(None, (killer, witness)):
            thread.over.set()
            thread.join()
        for worker in workers:
            if worker.runs():
                worker.kill()
    say(f"{sum(killer.kills.values())} kills {dict(killer.kills)} over {hour} hours of the log, {sum(killer.reached.values())} of them at crash points"
        + (f"; not at {', '.join(killer.missing())}" if killer.missing() else ", each of them reached"))
    return every.config, name, late, ends


def is_busy(hour):
    return hour % 3 != 2


def digests(folder):
    files = [p for p in (folder / "trail" / "AWSLogs").rglob("*.json.gz") if "CloudTrail-Digest" in p.parts]
    return {p: json.loads(gzip.decompress(p.read_bytes())) for p in files}


def hold_against_the_input(arguments, kafka, folder, topic, late, committed):
    records, objects, ends = hold_against_the_topic(kafka.bootstrap, folder, topic, {folder / "trail" / late})
    check(records >= arguments.events / 2, f"only {records} records were sent")
    check(ends == committed, f"the manifest ends at {ends}, and {committed} is committed")
    say(f"{records} records in {objects} objects, each once, as they were sent")


def hold_against_the_manifest(kafka, folder, topic, late):
    delivered = collections.Counter(r["key"] for r in manifest(kafka.bootstrap) if r["record"] == "object")
    found = digests(folder)
    listed = collections.Counter(log["s3Object"] for d in found.values() for log in d["logFiles"])
    check(listed == delivered, f"{sum((delivered - listed).values())} logs are in no digest, {sum((listed - delivered).values())} too often")
    backfill = [d for p, d in found.items() if p.name.endswith("_backfill.json.gz")]
    check(any(log["s3Object"] == late for d in backfill for log in d["logFiles"]), "the late log is in no backfill digest")
    for place, chain in chains(found).items():
        hours = sorted((d["digestStartTime"], d["digestEndTime"]) for p, d in chain.items() if "_backfill" not in p.name)
        check(all(a[1] == b[0] for a, b in zip(hours, hours[1:])), f"the hours of {place} do not tile: {hours}")
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


def chains(found):
    """Digests by account and Region."""
    out = {}
    for path, digest in found.items():
        out.setdefault((digest["awsAccountId"], digest["digestS3Object"].split("/")[3]), {})[path] = digest
    return out


def ask_the_cli(python, folder, found, digest):
    """What the AWS CLI says of one chain, from its first hour to its last."""
    account, region = digest["awsAccountId"], digest["digestS3Object"].split("/")[3]
    mine = [d for d in found.values() if d["awsAccountId"] == account and d["digestS3Object"].split("/")[3] == region]
    trail_aws_cli.BUCKET, trail_aws_cli.ACCOUNT, trail_aws_cli.REGION, trail_aws_cli.HOME = "trail", account, region, "us-east-1"
    trail_aws_cli.ARN = f"arn:aws:cloudtrail:us-east-1:{account}:trail/main"
    trail_aws_cli.RANGE = (min(d["digestStartTime"] for d in mine), max(d["digestEndTime"] for d in mine))
    return trail_aws_cli.run_cli(python, serve_to_the_cli(folder, account, region)), len(mine)


def hold_against_the_validators(arguments, folder, config, found):
    ours = validate(arguments, folder)
    check(ours.returncode == 0, f"validate exits with {ours.returncode}: {ours.stdout[-800:]}{ours.stderr}")
    ours = subprocess.run([arguments.binary, "validate", "-c", config], capture_output=True, text=True, check=False)
    check(ours.returncode == 0, f"validate -c exits with {ours.returncode}: {ours.stdout[-2000:]}{ours.stderr}")
    with_backfill = next(d for p, d in found.items() if p.name.endswith("_backfill.json.gz"))
    python, why = python_with(f"awscli=={trail_aws_cli.VERSION}")
    if python:
        for digest in (next(iter(chain.values())) for chain in chains(found).values()) if arguments.every_chain else (with_backfill,):
            cli, of = ask_the_cli(python, folder, found, digest)
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
    parser.add_argument("--hours", type=int, default=9)
    parser.add_argument("--pause", type=float, default=5, help="seconds that an hour takes")
    parser.add_argument("--kills", type=int, default=10, help="at least so many")
    parser.add_argument("--events", type=int, default=60_000, help="about so many")
    parser.add_argument("--every-point", action="store_true", help="on until each crash point was reached")
    parser.add_argument("--every-chain", action="store_true", help="the AWS CLI looks at all chains, not at one")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="the folder, when all is well")
    arguments = parser.parse_args()
    random.seed(arguments.seed)
    folder = Path(tempfile.mkdtemp(prefix="trailwarden-digest-kill-"))
    kafka = ShiftedKafka(folder)
    try:
        config, topic, late, committed = live(arguments, folder, kafka)
        hold_against_the_input(arguments, kafka, folder, topic, late, committed)
        found = hold_against_the_manifest(kafka, folder, topic, late)
        hold_against_the_watch(arguments, folder, kafka, topic, found)
        put_epoch_of(kafka, late)
        hold_against_the_validators(arguments, folder, config, digests(folder))
    except Failed as error:
        fail_here(error, " ".join(sys.argv), folder)
    finally:
        kafka.down()
    if not arguments.keep:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
