#!/usr/bin/env python3
"""Hours of the embedded service with detector, archiver and digest writer, under a wall clock that jumps; some of them idle, in some it is killed.

    tests/integration/embedded_digests.py TRAILWARDEN [--hours N] [--seed N] [--keep]

Each hour is a `run --drain`. Afterwards every account and Region must have an unbroken chain of digests, `trailwarden validate -c` and the AWS CLI must find the trail intact. The running service must notice within
an hour, by itself, that a log and a digest were removed and a log was changed: in its metrics, and with one alert each, however often it is killed. `validate -c` must notice that too, and that all digests of a place
are gone.
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
import urllib.request
from pathlib import Path

import trail_aws_cli
from cluster import Failed, check, fail_here, free_port, run, say, wait_for
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
        self.begin = -int(time.time() - 600) % 3600  # ten past an hour: an epoch that ends with the hour would be of the next one
        (folder / "inbox").mkdir()
        (folder / "config.yaml").write_text(CONFIG)
        library = folder / "shifted_clock.so"
        run(os.environ.get("CC", "cc"), "-O1", "-shared", "-fPIC", "-w", "-o", library, Path(__file__).with_name("shifted_clock.c"))
        self.environment = {**os.environ, "LD_PRELOAD": str(library), "SHIFTED_CLOCK": str(self.clock)}

    def command(self, *words):
        return [self.binary, *words, "-c", "config.yaml"]

    def set_clock(self, seconds_ahead):
        self.clock.write_text(str(self.begin + seconds_ahead))

    def run(self, seconds_ahead, killed):
        self.set_clock(seconds_ahead)
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


class Running:
    """The service, until it is killed, with its pages."""

    def __init__(self, service, folder):
        self.service, self.folder, self.port = service, folder, free_port()
        (folder / "watched.yaml").write_text(CONFIG.replace('listen: ""', f'listen: "127.0.0.1:{self.port}"'))

    def __enter__(self):
        self.process = subprocess.Popen([self.service.binary, "run", "-c", "watched.yaml"], cwd=self.folder, env=self.service.environment, stderr=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *ignored):
        self.process.kill()
        self.log = self.process.communicate()[1]

    def metric(self, name):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as answer:
                text = answer.read().decode()
        except OSError:
            return None
        return next((float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(f"trailwarden_{name} ")), None)


def alerts_of_the_trail(folder):
    lines = (folder / "trailwarden-data" / "alerts.jsonl").read_text().splitlines()
    return [alert for alert in map(json.loads, lines) if alert["detail-type"] == "Trailwarden Trail Problem"]


def watch(service, folder, hours, found):
    """Three objects are tampered with while it runs; they are put back afterwards."""
    checks = 'trail_checks_total{result="done",trail="main"}'
    problems = 'trail_problems{{trail="main",what="{}"}}'
    by_age = sorted(found, key=lambda path: found[path]["digestEndTime"])
    digest = next(path for path in by_age if not found[path]["logFiles"])  # of an idle hour, so that the logs are those of others
    logs = [folder / "trail" / log["s3Object"] for path in by_age for log in found[path]["logFiles"]]
    victims = {digest: "digest_removed", logs[0]: "log_removed", logs[1]: "log_changed"}
    with Running(service, folder) as running:
        wait_for("a first check of all", lambda: running.metric(checks), 60)
        check(not any(running.metric(problems.format(what)) for what in victims.values()), "problems in a trail that is intact")
        kept = {path: path.read_bytes() for path in victims}
        digest.unlink()
        logs[0].unlink()
        logs[1].write_bytes(logs[2].read_bytes())
        check(not alerts_of_the_trail(folder), "alerts of a trail that was intact")
        service.set_clock(3600 * hours + 60 + 3600)
        took = wait_for("three problems", lambda: all(running.metric(problems.format(what)) == 1 for what in victims.values()), 60)
        wait_for("three alerts", lambda: len(alerts_of_the_trail(folder)) == 3, 30)
    lines = [json.loads(line) for line in running.log.splitlines()]
    check(sorted(line["what"] for line in lines if line.get("event") == "trail.problem") == sorted(victims.values()), f"its log: {running.log[-1500:]}")
    said = {alert["detail"]["key"]: alert["detail"]["what"] for alert in alerts_of_the_trail(folder)}
    check(said == {str(path.relative_to(folder / "trail")): what for path, what in victims.items()}, f"its alerts: {said}")
    for _ in range(2):
        with Running(service, folder) as running:
            wait_for("the same three problems", lambda: all(running.metric(problems.format(what)) == 1 for what in victims.values()), 60)
            time.sleep(1)
    check(len(alerts_of_the_trail(folder)) == 3, "alerts that were told again after a restart")
    audit = subprocess.run(service.command("audit", "--json"), cwd=folder, capture_output=True, text=True, check=False)
    check(audit.returncode == 0 and json.loads(audit.stdout)["ofTrails"] == 3 and not json.loads(audit.stdout)["foreign"], f"audit: {audit.stdout[-800:]}{audit.stderr[-800:]}")
    for path, content in kept.items():
        path.write_bytes(content)
    with Running(service, folder) as running:
        wait_for("a check of what was put back", lambda: running.metric(checks), 60)
        check(not any(running.metric(problems.format(what)) for what in victims.values()), "problems in a trail that was mended")
    check(len(alerts_of_the_trail(folder)) == 3, "alerts of what was mended")
    say(f"tampered with while it runs: found {took:.1f} s after the next hour began, by metrics, log and one alert each")


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
        watch(service, folder, arguments.hours, found)
        tamper(service, folder, digests(folder))
    except Failed as error:
        fail_here(error, " ".join(sys.argv), folder)
    if not arguments.keep:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
