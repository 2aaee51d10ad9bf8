#!/usr/bin/env python3
"""What an earlier release wrote, taken up by this build: configuration, state file, and the database of an embedded service.

    tests/integration/upgrade.py check BINARY           every release in tests/data/releases
    tests/integration/upgrade.py keep BINARY VERSION    when a release is made: what it writes becomes its folder there

A release's folder has
    config.yaml    a configuration with keys of every part
    warm.state     what `warm` learned from the first days of the traffic below
    embedded.sql   the database of a service that judged the same and ended, as SQL
    alerts.jsonl   ids, severities and sentences of what that release said of the rest, going on from either

This build must read all of it, say the same of the rest from the state file and from the database, and its own audit must hold. It fails when what was saved can no longer be taken up: then docs/upgrade.md must say so, and how to go on, and the
folder goes with the next release that may break it (docs/upgrade.md, "What is promised").
"""

import argparse
import base64
import datetime
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RELEASES = ROOT / "tests/data/releases"
CONFIG = """version: 1
time: {lateness: 15m, future_skew: 2m}
insights: {false_insights_per_week: 300, active_regions: 1, warm_up: 12h, scopes: [{event_name: "Describe*", budget: 0.5}]}
silence: {warm_up: 24h}
detectors: {root_use: {quiet_for: 30m}, iam_burst: {max_principals: 100}}
rules: {packs: [aws], overrides: [{rule: aws.iam.user_created, severity: high}]}
suppressions: [{name: deploys, rules: ["aws.ssm.*"], principal: "*/Deploy*", hours: "08:00-18:00", weekdays: [monday], reason: r, owner: o, expires: 2099-01-01}]
input: {max_record: 1MiB}
log: {level: warn}
http: {listen: ""}
embedded: {input: inbox, data: data}
state: {snapshot_interval: 1m}
"""
BEGIN = datetime.datetime(2026, 1, 5, tzinfo=datetime.timezone.utc)
DAYS, SPLIT = 3, 2.5


def record(number, minute, source, name, user="alice", error=None, root=False):
    time = (BEGIN + datetime.timedelta(minutes=minute)).strftime("%Y-%m-%dT%H:%M:%SZ")
    identity = {"type": "Root", "arn": "arn:aws:iam::111122223333:root", "accountId": "111122223333"} if root else {
        "type": "IAMUser", "userName": user, "arn": f"arn:aws:iam::111122223333:user/{user}", "accountId": "111122223333"}
    out = {"eventVersion": "1.08", "userIdentity": identity, "eventTime": time, "eventSource": source, "eventName": name, "awsRegion": "eu-west-1", "sourceIPAddress": "203.0.113.7", "userAgent": "aws-cli/2.15",
           "eventID": f"00000000-0000-4000-8000-{number:012}", "eventType": "AwsApiCall", "readOnly": name.startswith("Describe"), "managementEvent": True, "eventCategory": "Management", "recipientAccountId": "111122223333",
           "requestParameters": {"userName": user} if source.startswith("iam") else None, "responseElements": None}
    if error:
        out["errorCode"] = error
    return out


def traffic():
    """Records of the days before the split, and of those behind it: a few APIs by the clock; a burst, a storm of errors, root and IAM calls on both sides."""
    records = []
    for minute in range(int(DAYS * 1440)):
        for every, source, name in ((7, "ec2.amazonaws.com", "RunInstances"), (11, "ec2.amazonaws.com", "StopInstances"), (5, "ec2.amazonaws.com", "DescribeInstances"), (60, "s3.amazonaws.com", "CreateBucket")):
            if minute % every == 0:
                records.append((minute, source, name, "alice", None, False))
        if minute % 90 == 1:
            records.append((minute, "ec2.amazonaws.com", "StopInstances", "bob", "UnauthorizedOperation", False))
        for burst in (1.6, 2.7):
            if 0 <= minute - burst * 1440 < 6:
                records += [(minute, "ec2.amazonaws.com", "RunInstances", "mallory", None, False)] * 30
                records += [(minute, "ec2.amazonaws.com", "StopInstances", "mallory", "UnauthorizedOperation", False)] * 10
        if minute % 1000 == 999:
            records.append((minute, "iam.amazonaws.com", "CreateUser", "carol", None, False))
            records.append((minute, "cloudtrail.amazonaws.com", "StopLogging", "carol", None, True))
    made = [record(number, *one) for number, one in enumerate(records)]
    split = (BEGIN + datetime.timedelta(days=SPLIT)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return [one for one in made if one["eventTime"] < split], [one for one in made if one["eventTime"] >= split]


def run(binary, folder, *arguments):
    done = subprocess.run([binary, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ValueError(f"{' '.join(map(str, arguments))}: exit code {done.returncode}: {done.stderr[-1500:]}")
    return done.stdout


def write(path, records):
    part = path.with_suffix(".part")
    part.write_text("".join(json.dumps(one, separators=(",", ":")) + "\n" for one in records))
    os.rename(part, path)


def said(lines):
    """What alerts say, but for where their records stand."""
    out = []
    for line in lines:
        alert = json.loads(line)
        ours = alert.get("trailwarden") or alert["detail"]
        out.append({"id": alert["id"], "severity": ours.get("severity"), "sentence": ours.get("sentence")})
    return sorted(out, key=lambda one: one["id"])


def rest_from_state(binary, folder, state):
    """Alerts of the records behind the split by a replay that goes on from the state file."""
    write(folder / "rest.jsonl", traffic()[1])
    return said(run(binary, folder, "replay", "rest.jsonl", "-c", "config.yaml", "--state", state, "--alerts", "-", "--no-progress").splitlines())


def rest_from_database(binary, folder):
    """The same by the service, from its database in data/."""
    alerts = folder / "data/alerts.jsonl"
    before = len(alerts.read_text().splitlines()) if alerts.exists() else 0
    (folder / "inbox").mkdir(exist_ok=True)
    write(folder / "inbox/rest.jsonl", traffic()[1])
    run(binary, folder, "run", "-c", "config.yaml", "--drain")
    run(binary, folder, "audit", "-c", "config.yaml")
    return said(alerts.read_text().splitlines()[before:])


def keep(binary, version):
    target = RELEASES / version
    target.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="trailwarden-release-") as name:
        folder = Path(name)
        (folder / "config.yaml").write_text(CONFIG)
        (folder / "inbox").mkdir()
        write(folder / "first.jsonl", traffic()[0])
        write(folder / "inbox/first.jsonl", traffic()[0])
        run(binary, folder, "warm", "first.jsonl", "-c", "config.yaml", "--state", "warm.state", "--no-progress")
        run(binary, folder, "run", "-c", "config.yaml", "--drain")
        database = sqlite3.connect(next((folder / "data").glob("*.db")))
        (target / "embedded.sql").write_text("\n".join(database.iterdump()) + f"\nPRAGMA user_version = {database.execute('PRAGMA user_version').fetchone()[0]};\nPRAGMA application_id = {database.execute('PRAGMA application_id').fetchone()[0]};\n")
        database.close()
        (target / "config.yaml").write_text(CONFIG)
        (target / "warm.state.base64").write_bytes(base64.encodebytes((folder / "warm.state").read_bytes()))
        for file, alerts in (("alerts-of-replay.jsonl", rest_from_state(binary, folder, "warm.state")), ("alerts-of-service.jsonl", rest_from_database(binary, folder))):
            (target / file).write_text("".join(json.dumps(one) + "\n" for one in alerts))
    print(f"kept in {target.relative_to(ROOT)}: {sum(file.stat().st_size for file in target.iterdir()):,} bytes")


def take_up(binary, release):
    """What of a release this build cannot take up, or says otherwise."""
    with tempfile.TemporaryDirectory(prefix="trailwarden-upgrade-") as name:
        folder = Path(name)
        (folder / "data").mkdir()
        (folder / "config.yaml").write_text((release / "config.yaml").read_text())
        (folder / "warm.state").write_bytes(base64.decodebytes((release / "warm.state.base64").read_bytes()))
        database = sqlite3.connect(folder / "data/trailwarden.db")
        database.executescript((release / "embedded.sql").read_text())
        database.close()
        for what, work in (("config.yaml", lambda: run(binary, folder, "config", "check", "config.yaml") and None),
                           ("warm.state", lambda: rest_from_state(binary, folder, "warm.state")), ("embedded.sql", lambda: rest_from_database(binary, folder))):
            try:
                alerts = work()
            except ValueError as error:
                yield f"{release.name}/{what}: {error}"
                continue
            if alerts is None:
                continue
            kept = [json.loads(line) for line in (release / ("alerts-of-replay.jsonl" if what == "warm.state" else "alerts-of-service.jsonl")).read_text().splitlines()]
            if alerts != kept:
                different = [one for one in alerts if one not in kept] + [one for one in kept if one not in alerts]
                yield f"{release.name}/{what}: {len(alerts)} alerts where it said {len(kept)}; for example {json.dumps(different[:2])}"
            elif len(alerts) < 4 or not any(one["sentence"] for one in alerts):
                yield f"{release.name}/{what}: {len(alerts)} alerts show little"
            else:
                print(f"{release.name}/{what}: taken up, {len(alerts)} alerts as it said them")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("check", "keep"))
    parser.add_argument("binary", type=Path)
    parser.add_argument("version", nargs="?")
    arguments = parser.parse_args()
    binary = arguments.binary.resolve()
    if arguments.what == "keep":
        return keep(binary, arguments.version or parser.error("which version?"))
    releases = sorted(folder for folder in RELEASES.iterdir() if folder.is_dir())
    wrong = [fault for release in releases for fault in take_up(binary, release)]
    if not releases:
        wrong.append(f"{RELEASES.relative_to(ROOT)} is empty")
    for fault in wrong:
        print(fault, file=sys.stderr)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
