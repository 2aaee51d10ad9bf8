#!/usr/bin/env python3
"""What the archiver cannot like: records without time, account or Region, too large or none at all; a disk that is full; a folder and a key that are wrong.

    tests/integration/bad_input.py TRAILWARDEN

Each has an embedded service with a trail in a folder. Every record that is a JSON object must be in the trail as it came, in a named fallback folder where nobody knows whose it is, and counted; a full disk
blocks the archiver and not the detector, and heals (left out without leave to mount a tmpfs); what can never work is refused at the start, with what to do.
"""

import argparse
import collections
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from archive_kill import records_of
from cluster import Failed, check, fail_here, say, wait_for
from s3_faults import Service, records_sent, traffic

RECORD = {"eventVersion": "1.11", "userIdentity": {"type": "IAMUser", "accountId": "111122223333", "arn": "arn:aws:iam::111122223333:user/a", "principalId": "AIDA", "userName": "a"},
          "eventTime": "2026-03-02T10:00:00Z", "eventSource": "ec2.amazonaws.com", "eventName": "DescribeInstances", "awsRegion": "us-east-1", "sourceIPAddress": "192.0.2.1", "userAgent": "x",
          "requestID": "r", "readOnly": True, "eventType": "AwsApiCall", "managementEvent": True, "recipientAccountId": "111122223333", "eventCategory": "Management"}


def record(number, without=(), **changed):
    made = {**RECORD, "eventID": f"00000000-0000-0000-0000-{number:012}", **changed}
    return json.dumps({name: value for name, value in made.items() if name not in without})


# Where each is to be, and what the detector says of it.
KNOWN, NOBODYS, NOWHERE, UNKNOWN = "111122223333/us-east-1", "unknown/us-east-1", "111122223333/unknown", "unknown/unknown"
LARGE = [record(100 + n, requestParameters={"text": "x" * 1_300_000}) for n in range(3)]  # also for an epoch that ends by its size, at once
RECORDS = [
    (record(1), KNOWN, None),
    (record(2, ["eventTime"]), UNKNOWN, "missing_event_time"),
    (record(3, eventTime="yesterday"), UNKNOWN, "bad_event_time"),
    (record(4, ["recipientAccountId", "userIdentity"]), NOBODYS, None),
    (record(5, ["awsRegion"]), NOWHERE, None),
    ('{"a": 1}', UNKNOWN, "not_a_record"),
    ("42", None, "not_an_object"),
    ('"x"', None, "not_an_object"),
    ("null", None, "not_an_object"),
    *((text, UNKNOWN, "record_too_large") for text in LARGE),
    (record(6), KNOWN, None),
]


class FolderService(Service):
    def __init__(self, binary, folder, roles="detector, archiver", more=""):
        super().__init__(binary, folder, (), bucket="none", endpoint="none", settings="")
        config = folder / "config.yaml"
        text = re.sub(r"    s3: .*\n", "    directory: trail\n" + more, config.read_text())
        config.write_text(text.replace("roles: [detector, archiver]", f"roles: [{roles}]"))

    def kept(self):
        """Each record of the trail, with its account and Region."""
        found = collections.Counter()
        for path in (self.folder / "trail" / "AWSLogs").rglob("*.json.gz"):
            account, _, region = path.relative_to(self.folder / "trail" / "AWSLogs").parts[:3]
            found.update((text, f"{account}/{region}") for text in records_of(gzip.decompress(path.read_bytes()).decode()))
        return found

    def end(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def odd_records(arguments, folder):
    service = FolderService(arguments.binary, folder)
    (folder / "inbox" / "odd.json.gz").write_bytes(gzip.compress(('{"Records":[' + ",".join(text for text, _, _ in RECORDS) + "]}").encode()))
    wanted = collections.Counter((text, where) for text, where, _ in RECORDS if where)
    reasons = collections.Counter(reason for _, _, reason in RECORDS if reason)
    with (folder / "service.log").open("ab") as log:
        service.process = subprocess.Popen(service.command("run"), cwd=folder, stdout=log, stderr=log)
    try:
        wait_for("an epoch ends by its size", lambda: service.metric("trail_epochs_total"), 60)
        fallback = sum(count for (_, where), count in wanted.items() if "unknown" in where)
        wait_for("all are archived", lambda: service.metric('trail_records_total{result="archived"}') == len(wanted), 90)
        for name, value in {"trail_fallback_records_total": fallback, 'trail_records_total{result="unarchivable"}': 3,
                            **{f'dead_letters_total{{reason="{reason}"}}': count for reason, count in reasons.items()}}.items():
            wait_for(f"{name} is {value}", lambda name=name, value=value: service.metric(name) == value, 30)  # the detector counts by itself, and is not behind the archiver nor before it
        service.process.terminate()
        check(service.process.wait(timeout=30) == 0, "SIGTERM")
    finally:
        service.end()
    kept = service.kept()
    check(kept == wanted, f"not as it came, or not there: {[(text[:200], where) for text, where in (wanted - kept) + (kept - wanted)]}")
    validated = subprocess.run(service.command("validate"), cwd=folder, capture_output=True, text=True, check=False)
    check(validated.returncode == 0, f"validate exits with {validated.returncode}: {validated.stdout}{validated.stderr}")
    say(f"{len(RECORDS)} odd records: {sum(kept.values())} in the trail as they came, {fallback} of them in fallback folders, 3 that are no objects counted")


def full_disk(arguments, folder):
    service = FolderService(arguments.binary, folder)
    trail = folder / "trail"
    trail.mkdir()

    def mount(options):
        return subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", trail], capture_output=True, text=True, check=False)

    mounted = mount("size=128k")
    if mounted.returncode:
        say(f"full_disk: left out: {mounted.stderr.strip()}")
        return
    try:
        logs = traffic(arguments.binary, folder / "traffic")
        sent = records_sent(logs)
        shutil.copytree(logs, folder / "inbox" / "AWSLogs")
        service.start()
        wait_for("the block is told", lambda: service.metric("trail_delivery_blocked") == 1, 40)
        blocked = json.loads(service.page("state"))["archiver"]["blocked"]
        check(blocked["code"] == "ENOSPC" and "make room" in blocked["why"], f"blocked for {blocked}")
        check(service.page("healthz").strip().startswith("ok"), f"healthz: {service.page('healthz')}")
        wait_for("everything judged meanwhile", lambda: service.metric('records_consumed_total{topic="folder"}') == sum(sent.values()), 60)
        written = sum(service.kept().values())
        check(written < sum(sent.values()), "the disk is too large")
        check(mount("remount,size=64m").returncode == 0, "more room")
        check(service.process.wait(timeout=150) == 0, f"exit code {service.process.returncode}")
        kept = collections.Counter()
        for (text, _), count in service.kept().items():
            kept[text] += count
        check(kept == sent, f"{sum((sent - kept).values())} records are missing in the trail, {sum((kept - sent).values())} are there too often")
        validated = subprocess.run(service.command("validate"), cwd=folder, capture_output=True, text=True, check=False)
        check(validated.returncode == 0, f"validate exits with {validated.returncode}: {validated.stdout}{validated.stderr}")
        say(f"a full disk: {written} of {sum(sent.values())} records written before it had room, all of them once afterwards; all judged meanwhile")
    finally:
        service.end()
        subprocess.run(["umount", trail], check=False)


def refused(service, *words):
    done = subprocess.run(service.command("run", "--drain"), cwd=service.folder, capture_output=True, text=True, timeout=60, check=False)
    check(done.returncode in (1, 2) and all(word in done.stderr for word in words), f"exit {done.returncode}, without {words}: {done.stderr}")
    say(f"exit {done.returncode}: {[line for line in done.stderr.splitlines() if line.startswith('trailwarden: ')][0]}")


def wrong_places(arguments, folder):
    (folder / "a").mkdir()
    (folder / "a" / "trail").write_text("no folder")
    refused(FolderService(arguments.binary, folder / "a"), "trail main", "make the trail's folder")
    (folder / "b").mkdir()
    service = FolderService(arguments.binary, folder / "b", "detector, archiver, digest", "    digest: {key_directory: keys}\n")
    done = subprocess.run([arguments.binary, "run", "--drain", "-c", "config.yaml"], cwd=folder / "b", capture_output=True, text=True, timeout=60, check=False)
    check(done.returncode == 0, done.stderr)
    (folder / "b" / "keys" / "open.pem").write_text("a key that others may read")
    os.chmod(folder / "b" / "keys" / "open.pem", 0o644)
    refused(service, "open.pem", "chmod 600")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary", type=lambda p: str(Path(p).resolve()))
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="trailwarden-bad-input-"))
    try:
        for case in (odd_records, full_disk, wrong_places):
            (folder / case.__name__).mkdir()
            case(arguments, folder / case.__name__)
    except Failed as problem:
        fail_here(problem, " ".join(sys.argv), folder)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
