#!/usr/bin/env python3
"""Puts recorded logs into buckets of the S3 servers that `scripts/stack up s3` started and reads them back: `replay` must write the same bytes as
from the folder, but for its name before that of each file, and `warm` must learn the same. Then more than a page of them in CloudTrail's layout, also when each body breaks off once.

    tests/integration/s3_replay.py TRAILWARDEN RECORDS

The servers are named by TRAILWARDEN_S3_VERSITYGW and TRAILWARDEN_S3_RGW. Exits with 77 where neither is.
"""

import gzip
import http.client
import json
import os
import subprocess
import sys
import tempfile
import threading
import uuid
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
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

    def put_folder(self, root):
        """All files below it, by their paths, a folder at a time."""
        for folder in sorted({path.parent for path in root.rglob("*") if path.is_file()}):
            files = ",".join(str(path) for path in sorted(folder.iterdir()) if path.is_file())
            self.curl("-T", "{" + files + "}", f"{self.endpoint}/{self.name}/{folder.relative_to(root)}/")


class Cutter(ThreadingHTTPServer):
    """Passes requests on, and cuts the body of each object and each part of one in the middle, the first time."""

    daemon_threads = True

    def __init__(self, endpoint):
        super().__init__(("127.0.0.1", 0), CutterHandler)
        self.endpoint, self.lock, self.asked = endpoint.removeprefix("http://"), threading.Lock(), Counter()
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def count(self, what):
        with self.lock:
            self.asked[what] += 1
            return self.asked[what]


class CutterHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):  # noqa: N802
        server = http.client.HTTPConnection(self.server.endpoint)
        server.putrequest("GET", self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():  # as they are: Host is signed
            server.putheader(name, value)
        server.endheaders()
        answer = server.getresponse()
        body = answer.read()
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        is_object = "?" not in self.path and answer.status in (200, 206)
        if is_object and self.server.count((self.path, self.headers.get("Range"))) == 1:
            self.wfile.write(body[: len(body) // 2])
            self.close_connection = True
        else:
            self.wfile.write(body)


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


def check_layout(program, bucket, folder):
    """More than a page, by accounts, Regions and days; one object comes in parts; all of it by a connection that breaks."""
    traffic = folder / "traffic"
    assert program.run("generate", "--out", str(traffic), "--days", "2", "--accounts", "2", "--rate", "1").returncode == 0
    logs = [path for path in sorted((traffic / "AWSLogs").rglob("*.json.gz")) if path.is_file()]
    assert len(logs) > 1200, f"{len(logs)} objects are hardly more than a page"
    # 20 MB that cannot be made smaller: three parts.
    large = logs[len(logs) // 2]
    records = json.loads(gzip.decompress(large.read_bytes()))["Records"]
    filled = [dict(records[0], eventID=str(uuid.UUID(int=number)), requestParameters={"filling": os.urandom(100_000).hex()}) for number in range(200)]
    large.write_bytes(gzip.compress(json.dumps({"Records": records + filled}).encode(), 1))
    assert large.stat().st_size > 17 << 20
    bucket.put_folder(traffic)
    where = {"AWS_ENDPOINT_URL_S3": bucket.endpoint}
    day = logs[-1].name.split("_")[3]
    times = ["--since", f"{day[:4]}-{day[4:6]}-{day[6:8]}"]
    for path, arguments in (("AWSLogs/", []), ("AWSLogs/", times), (f"{logs[0].relative_to(traffic).parts[0]}/{logs[0].relative_to(traffic).parts[1]}/", [])):
        expected = program.replay(f"{traffic}/{path}", *arguments, below=f"{traffic}/")
        found = program.replay(f"s3://{bucket.name}/{path}", *arguments, below=f"s3://{bucket.name}/", **where)
        assert found[0] == expected[0] and (arguments or found == expected), path
    cutter = Cutter(bucket.endpoint)
    expected = program.replay(f"{traffic}/AWSLogs/", below=f"{traffic}/")
    assert program.replay(f"s3://{bucket.name}/AWSLogs/", below=f"s3://{bucket.name}/", **where | {"AWS_ENDPOINT_URL_S3": cutter.url}) == expected
    parts = [what for what in cutter.asked if what[1]]
    assert set(cutter.asked.values()) == {2} and len(cutter.asked) == len(logs) + 2 and len(parts) == 3, f"{len(cutter.asked)} things were asked for, {parts}"
    cutter.shutdown()
    print(f"{len(logs)} objects by accounts, Regions and days: the same from the folder and from {bucket.endpoint}, also when each body is cut once")


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
            check_layout(program, Bucket(endpoint, f"tw-layout-{os.getpid()}"), Path(folder))
            check_errors(program, bucket)
    return 0


if __name__ == "__main__":
    sys.exit(main())
