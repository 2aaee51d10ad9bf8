#!/usr/bin/env python3
"""Puts recorded logs into buckets of the S3 servers that `scripts/stack up s3` started and reads them back: `replay` must write the same bytes as
from the folder, but for its name before that of each file, and `warm` must learn the same.

    tests/integration/s3_replay.py TRAILWARDEN RECORDS

The servers are named by TRAILWARDEN_S3_VERSITYGW and TRAILWARDEN_S3_RGW. Exits with 77 where neither is.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

SERVERS = "TRAILWARDEN_S3_VERSITYGW", "TRAILWARDEN_S3_RGW"
DIGEST = "AWSLogs/1/CloudTrail-Digest/us-east-1/2020/09/30/1_CloudTrail-Digest_us-east-1_main_us-east-1_20200930T220000Z.json.gz"


class Bucket:
    """A new bucket of one server, filled with curl, which knows nothing of us."""

    def __init__(self, endpoint, name, *words):
        self.endpoint, self.name = endpoint, name
        self.curl("-X", "PUT", f"{endpoint}/{name}", *words)

    def curl(self, *arguments):
        key = f"{os.environ['AWS_ACCESS_KEY_ID']}:{os.environ['AWS_SECRET_ACCESS_KEY']}"
        subprocess.run(["curl", "-sS", "--fail-with-body", "--noproxy", "*", "--aws-sigv4", "aws:amz:us-east-1:s3", "--user", key, "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD", *arguments], check=True, stdout=subprocess.DEVNULL)

    def put(self, file, key):
        self.curl("-T", str(file), f"{self.endpoint}/{self.name}/{key}")


class Program:
    def __init__(self, binary, folder):
        self.binary, self.folder, self.runs = binary, folder, 0

    def run(self, *arguments, **variables):
        return subprocess.run([self.binary, *arguments], env=os.environ | {"no_proxy": "127.0.0.1"} | variables, text=True, capture_output=True, timeout=60)

    def replay(self, path, *arguments, below, **variables):
        """Its alerts, with files named from `below` on, and its summary without what depends on the machine."""
        self.runs += 1
        alerts, summary = (self.folder / f"{self.runs}.{name}" for name in ("alerts", "summary"))
        done = self.run("replay", path, *arguments, "--alerts", str(alerts), "--summary", str(summary), **variables)
        assert done.returncode == 0, done.stderr
        told = json.loads(summary.read_text())
        for name in [name for name in told if "second" in name or "rss" in name or "per_core" in name]:
            del told[name]
        return alerts.read_bytes().replace(below.encode(), b""), told

    def warm(self, *arguments, **variables):
        """What it says it has learned; the last paragraph is about its file and its speed."""
        done = self.run("warm", *arguments, "--state", str(self.folder / "warm.state"), **variables)
        assert done.returncode == 0, done.stderr
        return done.stderr.rpartition("\n\n")[0]


def check_reading(program, bucket, records):
    files = [path for path in sorted(records.rglob("*")) if path.is_file()]
    for path in files:
        bucket.put(path, path.relative_to(records))
    digest = program.folder / "digest"
    digest.write_bytes(b"nobody reads this")
    bucket.put(digest, DIGEST)
    where = {"AWS_ENDPOINT_URL_S3": bucket.endpoint}

    def from_folder(path, *arguments):
        return program.replay(f"{records}/{path}", *arguments, below=f"{records}/")

    def from_bucket(path, *arguments):
        return program.replay(f"s3://{bucket.name}{path}", *arguments, below=f"s3://{bucket.name}/", **where)

    alerts, summary = from_folder("")
    assert alerts, "these records give alerts"
    assert from_bucket("") == (alerts, summary)
    assert from_bucket("/stratus") == from_folder("stratus/")
    assert program.warm(f"s3://{bucket.name}", "--endpoint", bucket.endpoint, "--region", "us-east-1") == program.warm(f"{records}/")

    times = ["--since", "2020-09-30T22:00:00Z", "--until", "2020-10-01T00:00:00Z"]
    some, told = from_bucket("/", *times)
    assert some == from_folder("", *times)[0] and told != summary
    print(f"{len(files)} files, {len(alerts.splitlines())} alerts: the same from the folder and from {bucket.endpoint}")


def check_errors(program, bucket):
    where = {"AWS_ENDPOINT_URL_S3": bucket.endpoint}
    cases = [
        ("no such bucket", f"s3://{bucket.name}-not", where, 1, "NoSuchBucket"),
        ("nothing there", f"s3://{bucket.name}/nowhere/", where, 2, "no object whose key begins so"),
        ("wrong secret", f"s3://{bucket.name}", where | {"AWS_SECRET_ACCESS_KEY": "wrong"}, 1, "403"),
        ("unknown key", f"s3://{bucket.name}", where | {"AWS_ACCESS_KEY_ID": "AKIANOBODY"}, 1, "list s3://"),
        ("nobody there", f"s3://{bucket.name}", {"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1"}, 1, "127.0.0.1"),
        ("no name", "s3://", where, 2, "cannot be the name of a bucket"),
        ("no endpoint", f"s3://{bucket.name}", {"AWS_ENDPOINT_URL_S3": "localhost"}, 2, "is no endpoint"),
    ]
    for name, path, variables, code, words in cases:
        done = program.run("replay", path, **variables)
        assert done.returncode == code and words in done.stderr and not done.stdout, f"{name}: exit {done.returncode}: {done.stderr}"
        print(f"{name}: {done.stderr.strip()[:200]}")


def main():
    binary, records = sys.argv[1], Path(sys.argv[2])
    endpoints = [os.environ[name] for name in SERVERS if os.environ.get(name)]
    if not endpoints:
        print(f"neither {' nor '.join(SERVERS)} names a server; scripts/stack up s3 starts them")
        return 77
    for endpoint in endpoints:
        with tempfile.TemporaryDirectory() as folder:
            program, bucket = Program(binary, Path(folder)), Bucket(endpoint, f"tw-replay-{os.getpid()}")
            check_reading(program, bucket, records)
            check_errors(program, bucket)
    return 0


if __name__ == "__main__":
    sys.exit(main())
