#!/usr/bin/env python3
"""Hours of the embedded service with detector, archiver and digest writer, under a wall clock that jumps; some of them idle, in some it is killed.

    tests/integration/embedded_digests.py TRAILWARDEN [--hours N] [--seed N] [--keep]

Each hour is a `run --drain`. Afterwards every account and Region must have an unbroken chain of digests, `trailwarden validate -c` and the AWS CLI must find the trail intact, and the former must notice when
all digests of a place are gone, and when a log is.
"""

import argparse
import gzip
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import trail_aws_cli
from cluster import Failed, check, fail_here, run, say
from digest_kill import ask_the_cli, digests
from pypi_tool import python_with

CONFIG = """version: 1
roles: [detector, archiver, digest]
http: {listen: ""}
log: {level: warn}
insights: {warm_up: 12h}
rules: {enabled: false}
trails:
  - name: main
    home_region: us-east-1
    directory: trail
    digest: {key_directory: keys}
    epoch: {length: 5m}
"""


class Service:
    def __init__(self, binary, folder):
        self.binary, self.folder, self.clock, self.kills = binary, folder, folder / "clock", 0
        (folder / "inbox").mkdir()
        (folder / "config.yaml").write_text(CONFIG)
        library = folder / "shifted_clock.so"
        run(os.environ.get("CC", "cc"), "-O1", "-shared", "-fPIC", "-w", "-o", library, Path(__file__).with_name("shifted_clock.c"))
        self.environment = {**os.environ, "LD_PRELOAD": str(library), "SHIFTED_CLOCK": str(self.clock)}

    def command(self, *words):
        return [self.binary, *words, "-c", "config.yaml"]

    def run(self, seconds_ahead, killed):
        self.clock.write_text(str(seconds_ahead))
        if killed:
            with subprocess.Popen(self.command("run", "--drain"), cwd=self.folder, env=self.environment) as process:
                time.sleep(random.uniform(0.05, 1.0))
                self.kills += process.poll() is None
                process.kill()
        done = subprocess.run(self.command("run", "--drain"), cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=120, check=False)
        check(done.returncode == 0, f"run --drain exits with {done.returncode}: {done.stderr[-1500:]}")

    def validate(self):
        done = subprocess.run(self.command("validate", "--json"), cwd=self.folder, capture_output=True, text=True, check=False)
        check(done.returncode in (0, 1), f"validate exits with {done.returncode}: {done.stderr}")
        return done.returncode, json.loads(done.stdout)


def live(arguments, folder):
    service = Service(arguments.binary, folder)
    run(arguments.binary, "generate", "--out", folder / "traffic", "--days", "1", "--accounts", "2", "--rate", "2", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    files = sorted((folder / "traffic" / "AWSLogs").rglob("*.json.gz"), key=lambda path: path.name.split("_")[3])
    busy = [hour for hour in range(arguments.hours) if hour % 3 != 2]
    share = -(-len(files) // len(busy))
    for hour in range(arguments.hours):
        for path in files[busy.index(hour) * share:(busy.index(hour) + 1) * share] if hour in busy else ():
            shutil.copy(path, folder / "inbox" / (path.name + ".tmp"))
            (folder / "inbox" / (path.name + ".tmp")).rename(folder / "inbox" / path.name)
        service.run(3600 * hour, killed=hour % 2 == 1)
    service.run(3600 * arguments.hours + 60, killed=True)
    return service, sum(len(json.loads(gzip.decompress(path.read_bytes()))["Records"]) for path in files)


def hold_together(service, folder, hours, records):
    code, said = service.validate()
    check(code == 0, f"validate: {json.dumps(said)[:1500]}")
    found = digests(folder)
    chains = {}
    for digest in found.values():
        chains.setdefault((digest["awsAccountId"], digest["digestS3Object"].split("/")[3]), []).append(digest)
    for place, chain in chains.items():
        chain.sort(key=lambda digest: digest["digestEndTime"])
        check(all(a["digestEndTime"] == b["digestStartTime"] for a, b in zip(chain, chain[1:])), f"the digests of {place} do not tile")
    longest = max(map(len, chains.values()))
    check(longest >= hours, f"the longest chain has {longest} digests of {hours} hours")
    idle = sum(not digest["logFiles"] for digest in found.values())
    check(idle > 0, "no hour was idle")
    counted = next(p["read"] for p in said["manifest"]["partitions"] if p["topic"] == "folder")
    check(counted == records, f"{counted} of {records} records are in the manifest")
    say(f"{service.kills} kills; {records} records, {sum(t['valid'] for t in said['manifest']['trails'])} objects, {len(found)} digests of {len(chains)} places, {idle} of idle hours")
    return found


def hold_against_the_cli(folder, found):
    python, why = python_with(f"awscli=={trail_aws_cli.VERSION}")
    if not python:
        say(f"without the AWS CLI, which cannot be had: {why}")
        return
    shutil.copytree(folder / "trail", folder / "copy" / "trail")
    shutil.copytree(folder / "keys", folder / "copy" / "keys")
    cli, of = ask_the_cli(python, folder / "copy", found, max(found.values(), key=lambda digest: len(digest["logFiles"])))
    check(cli.returncode == 0 and "INVALID" not in cli.stdout and "digest files valid" in cli.stdout, f"the AWS CLI exits with {cli.returncode}: {cli.stdout[-800:]}{cli.stderr[-800:]}")
    say(f"the AWS CLI, of {of} digests of one chain: " + "; ".join(line for line in cli.stdout.splitlines() if "files valid" in line))


def tamper(service, folder, found):
    victim = next(iter(found.values()))
    place = (victim["awsAccountId"], victim["digestS3Object"].split("/")[3])
    for path, digest in found.items():
        if (digest["awsAccountId"], digest["digestS3Object"].split("/")[3]) == place:
            path.unlink()
    code, said = service.validate()
    kinds = [problem["kind"] for problem in said["manifest"]["problems"]]
    check(code == 1 and kinds == ["undigested"], f"validate without the digests of {place}: {code} {kinds}")
    log = next(log for digest in found.values() for log in digest["logFiles"])
    (folder / "trail" / log["s3Object"]).unlink()
    code, said = service.validate()
    check(code == 1 and "missing" in [problem["kind"] for problem in said["manifest"]["problems"]], "validate without a log")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary", type=lambda p: str(Path(p).resolve()))
    parser.add_argument("--hours", type=int, default=7)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="the folder, when all is well")
    arguments = parser.parse_args()
    random.seed(arguments.seed)
    folder = Path(tempfile.mkdtemp(prefix="trailwarden-embedded-digests-"))
    try:
        service, records = live(arguments, folder)
        found = hold_together(service, folder, arguments.hours, records)
        hold_against_the_cli(folder, found)
        tamper(service, folder, found)
    except Failed as error:
        fail_here(error, " ".join(sys.argv), folder)
    if not arguments.keep:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
