#!/usr/bin/env python3
"""Shows a written day of a trail to the AWS CLI, as it was written and after each way of tampering with it.

    tests/integration/trail_aws_cli.py TRAIL_DAY [--only NAME]

The CLI is the real one, from PyPI, kept in the cache; S3 and CloudTrail are a small server on the loopback, which pages its lists by seven keys. What the CLI says must be what is
expected, line by line, and our validator must say the same of the same folder, or more where the CLI looks away. Exits with 77 where the CLI cannot be had.
"""

import argparse
import base64
import concurrent.futures
import html
import http.server
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import urllib.parse
from pathlib import Path

from pypi_tool import python_with

VERSION = "1.45.55"
BUCKET, PAGE = "trails", 7
ACCOUNT, REGION, HOME, TRAIL = "111122223333", "eu-west-1", "eu-central-1", "main"
ARN = f"arn:aws:cloudtrail:{HOME}:{ACCOUNT}:trail/{TRAIL}"
RANGE = ("2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z")
SUBJECT_PUBLIC_KEY_INFO = bytes.fromhex("30820122300d06092a864886f70d01010105000382010f00")  # before a PKCS#1 key of 2048 bits


class Trail:
    """A folder that trail_day wrote."""

    def __init__(self, folder, program):
        self.folder, self.objects, self.program = folder, folder / "objects", program
        self.metadata = json.loads((folder / "metadata.json").read_text())

    def keys(self):
        return sorted(str(file.relative_to(self.objects)) for file in self.objects.rglob("*") if file.is_file())

    def digest(self, hour, backfill=False):
        """The key of the digest that ends at this hour."""
        return next(k for k in self.keys() if k.endswith(f"_202603{1 + hour // 24:02}T{hour % 24:02}0000Z{'_backfill' * backfill}.json.gz"))

    def log(self, hour, minute):
        return next(k for k in self.keys() if f"_{REGION}_20260301T{hour:02}{minute:02}Z_" in k)

    def change(self, key, change):
        file = self.objects / key
        file.write_bytes(change(file.read_bytes()))
        return key

    def remove(self, key):
        (self.objects / key).unlink()
        return key

    def copy(self, source, target):
        (self.objects / target).write_bytes((self.objects / source).read_bytes())
        if source in self.metadata:
            self.change_metadata(target, dict(self.metadata[source]))
        return target

    def change_metadata(self, key, metadata):
        self.metadata[key] = metadata
        (self.folder / "metadata.json").write_text(json.dumps(self.metadata))
        return key

    def public_keys(self):
        return json.loads((self.folder / "public_keys.json").read_text())

    def publish(self, keys):
        (self.folder / "public_keys.json").write_text(json.dumps(keys))


def server(trail):
    """S3 and CloudTrail of one trail, as far as validate-logs asks."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def answer(self, status, body, headers={}, kind="application/xml"):
            self.send_response(status)
            for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def do_POST(self):
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            action = self.headers["X-Amz-Target"].rsplit(".", 1)[1]
            answers = {"DescribeTrails": lambda: {"trailList": [{"TrailARN": ARN, "Name": TRAIL, "S3BucketName": BUCKET, "HomeRegion": HOME, "IsMultiRegionTrail": True}]},
                       "ListPublicKeys": lambda: {"PublicKeyList": [k for k in trail.public_keys()["PublicKeyList"]
                                                                    if k["ValidityStartTime"] <= asked["EndTime"] and k["ValidityEndTime"] > asked["StartTime"]]}}
            self.answer(200, json.dumps(answers[action]()).encode(), kind="application/x-amz-json-1.1")

        def do_GET(self):
            url = urllib.parse.urlsplit(self.path)
            query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
            bucket, _, key = urllib.parse.unquote(url.path).lstrip("/").partition("/")
            if bucket != BUCKET:
                return self.answer(404, b"<Error><Code>NoSuchBucket</Code></Error>")
            if "location" in query:
                return self.answer(200, b"<LocationConstraint/>")
            if not key:
                return self.list(query)
            file = trail.objects / key
            if not file.is_file():
                return self.answer(404, b"<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>")
            metadata = {f"x-amz-meta-{name}": value for name, value in trail.metadata.get(key, {}).items()}
            self.answer(200, file.read_bytes(), metadata, "application/json")

        do_HEAD = do_GET

        def list(self, query):
            found = [k for k in trail.keys() if k.startswith(query.get("prefix", "")) and k > query.get("marker", "")]
            rows = "".join(f"<Contents><Key>{html.escape(urllib.parse.quote(k))}</Key><Size>1</Size></Contents>" for k in found[:PAGE])
            more = "true" if len(found) > PAGE else "false"
            self.answer(200, f"<ListBucketResult><Name>{BUCKET}</Name><EncodingType>url</EncodingType><IsTruncated>{more}</IsTruncated>{rows}</ListBucketResult>".encode())

    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    return running


def digest_line(key, what, backfill=False):
    return f"{'(backfill) ' * backfill}Digest file\ts3://{BUCKET}/{key}\t{what}"


def log_line(key, what):
    return f"Log file\ts3://{BUCKET}/{key}\t{what}"


def gap_row(start, end, length, why):
    return f"  {start}  {end}  {length:<10}  {ACCOUNT}  {REGION:<14}  {why:<35}  {TRAIL}"


# Each case tampers with a trail and gives the lines that the CLI must say and those that only ours says. `summary`: what both count.


def clean(trail):
    return dict(cli=[], summary=["24/24 digest files valid", "2/2 backfill digest files valid", "42/42 log files valid"])


def paused(trail):
    shutil.rmtree(trail.folder)
    subprocess.run([trail.program, "pause", trail.folder], check=True)
    trail.__init__(trail.folder, trail.program)
    return dict(cli=["No log files were delivered by CloudTrail between 2026-03-01T10:20:00Z and 2026-03-01T13:00:00Z"], intact=True,
                ours=[gap_row("2026-03-01T10:20:00Z", "2026-03-01T13:00:00Z", "2 hours", "the chain starts anew")])


def changed_log(trail):
    log = trail.copy(trail.log(2, 5), trail.log(1, 35))
    return dict(cli=[log_line(log, "INVALID: hash value doesn't match")], summary=["24/24 digest files valid", "41/42 log files valid, 1/42 log files INVALID"])


def damaged_log(trail):
    log = trail.change(trail.log(1, 35), lambda b: b"\0" + b[1:])
    return dict(cli=[log_line(log, "INVALID: invalid format")])


def truncated_log(trail):
    log = trail.change(trail.log(1, 35), lambda b: b[:40])
    return dict(cli=[log_line(log, "INVALID: hash value doesn't match")])


def bytes_behind_log(trail):
    log = trail.change(trail.log(1, 35), lambda b: b + b"hidden")
    return dict(cli=[log_line(log, "INVALID: unexpected data after end of compressed stream")])


def missing_log(trail):
    log = trail.remove(trail.log(1, 35))
    return dict(cli=[log_line(log, "INVALID: not found")], summary=["24/24 digest files valid", "41/42 log files valid, 1/42 log files INVALID"])


def missing_digest(trail):
    digest = trail.remove(trail.digest(9))
    return dict(cli=[digest_line(digest, "INVALID: not found")], summary=["23/24 digest files valid, 1/24 digest files INVALID"], ours=[gap_row("2026-03-01T08:00:00Z", "2026-03-01T09:00:00Z", "1 hour", "digests are missing")])


def two_missing_digests(trail):
    trail.remove(trail.digest(9))
    digest = trail.remove(trail.digest(10))
    return dict(cli=[digest_line(digest, "INVALID: not found")], ours=[gap_row("2026-03-01T08:00:00Z", "2026-03-01T10:00:00Z", "2 hours", "digests are missing")])


def missing_backfill(trail):
    digest, log = trail.remove(trail.digest(8, backfill=True)), trail.log(3, 50)
    return dict(cli=[digest_line(digest, "INVALID: not found", backfill=True)], summary=["24/24 digest files valid", "1/2 backfill digest files valid, 1/2 backfill digest files INVALID"],
                ours=[log_line(log, "INVALID: no digest lists it")], same_logs=False)


def moved_digest(trail):
    digest = trail.copy(trail.digest(10), trail.digest(9))
    return dict(cli=[digest_line(digest, "INVALID: has been moved from its original location")])


def changed_digest(trail):
    digest = trail.change(trail.digest(9), lambda b: b[:-1])
    return dict(cli=[digest_line(digest, "INVALID: invalid format")])


def changed_metadata(trail):
    digest = trail.digest(9)
    signature = trail.metadata[digest]["signature"]
    trail.change_metadata(digest, {**trail.metadata[digest], "signature": signature[:-1] + "01"[signature[-1] == "0"]})
    return dict(cli=[digest_line(digest, "INVALID: signature verification failed")])


def removed_metadata(trail):
    digest, backfill = trail.change_metadata(trail.digest(9), {}), trail.digest(17, backfill=True)
    trail.change_metadata(backfill, {k: v for k, v in trail.metadata[backfill].items() if k != "backfill-generation-timestamp"})
    return dict(cli=[digest_line(digest, "INVALID: signature verification failed"), digest_line(backfill, "INVALID: invalid format", backfill=True)],
                ours=[log_line(trail.log(12, 50), "INVALID: no digest lists it")], same_logs=False)


def every_digest(trail, what):
    keys = [k for k in trail.keys() if "CloudTrail-Digest" in k]
    lines = [digest_line(k, what, "_backfill" in k) for k in keys]
    return dict(cli=lines, summary=["0/24 digest files valid, 24/24 digest files INVALID", "0/2 backfill digest files valid, 2/2 backfill digest files INVALID"])


def unknown_key(trail):
    fingerprint = trail.public_keys()["PublicKeyList"][0]["Fingerprint"]
    trail.publish(json.loads((trail.folder / "other_public_keys.json").read_text()))
    return every_digest(trail, f"INVALID: public key not found in region {HOME} for fingerprint {fingerprint}")


def wrong_key(trail):
    keys, other = trail.public_keys(), json.loads((trail.folder / "other_public_keys.json").read_text())
    keys["PublicKeyList"][0]["Value"] = other["PublicKeyList"][0]["Value"]
    trail.publish(keys)
    return every_digest(trail, "INVALID: signature verification failed")


def key_in_other_form(trail):
    keys = trail.public_keys()
    key = keys["PublicKeyList"][0]
    key["Value"] = base64.b64encode(SUBJECT_PUBLIC_KEY_INFO + base64.b64decode(key["Value"])).decode()
    trail.publish(keys)
    return every_digest(trail, f"INVALID: Unable to load PKCS #1 key with fingerprint {key['Fingerprint']}")


def added_log(trail):
    source = trail.log(1, 35)
    log = trail.copy(source, source.replace("T0135Z", "T0136Z"))
    return dict(cli=[], ours=[log_line(log, "INVALID: no digest lists it")], same_logs=False)


CASES = [clean, paused, changed_log, damaged_log, truncated_log, bytes_behind_log, missing_log, missing_digest, two_missing_digests, missing_backfill, moved_digest, changed_digest, changed_metadata,
         removed_metadata, unknown_key, wrong_key, key_in_other_form, added_log]


def run_cli(python, trail):
    serving = server(trail)
    url = f"http://127.0.0.1:{serving.server_address[1]}"
    environment = {"PATH": os.environ["PATH"], "HOME": str(trail.folder), "NO_PROXY": "127.0.0.1", "AWS_ENDPOINT_URL_S3": url, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
                   "AWS_EC2_METADATA_DISABLED": "true", "AWS_PAGER": ""}
    command = [python, "-m", "awscli", "cloudtrail", "validate-logs", "--endpoint-url", url, "--region", REGION, "--trail-arn", ARN, "--start-time", RANGE[0], "--end-time", RANGE[1], "--verbose"]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120)
    serving.shutdown()
    serving.server_close()
    return done


def check(case, python, trail_day, written, scratch):
    """What is wrong; empty if nothing."""
    shutil.copytree(written, scratch / case.__name__)
    trail = Trail(scratch / case.__name__, trail_day)
    expected = case(trail)
    cli = run_cli(python, trail)
    ours = subprocess.run([trail_day, "validate", trail.folder], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120)
    wrong = []

    def must(condition, what):
        if not condition:
            wrong.append(f"{case.__name__}: {what}")

    said = [line for line in cli.stderr.splitlines() if line]
    must(sorted(said) == sorted(expected["cli"]), f"the CLI says {said}, expected {expected['cli']}")
    must(cli.returncode == (1 if any("INVALID" in line for line in expected["cli"]) else 0), f"the CLI exits with {cli.returncode}")
    for text in expected.get("summary", []):
        must(text in cli.stdout, f"the CLI does not sum up {text!r}: {cli.stdout[-400:]}")

    intact = expected.get("intact", not expected["cli"] and not expected.get("ours"))
    must(ours.returncode == (0 if intact else 1), f"ours exits with {ours.returncode}: {ours.stderr}")
    lines = [line.partition(" (")[0] if "INVALID" in line and not line.startswith("(") else line for line in ours.stdout.splitlines()]
    told = [line for line in expected["cli"] if "INVALID" in line]
    for line in told:
        must(any(l.startswith(line) for l in ours.stdout.splitlines()), f"ours does not say {line!r}")
    for text in expected.get("ours", []):
        must(text in ours.stdout, f"ours does not say {text!r}")
    for text in expected.get("summary", []):
        must(text in ours.stdout or not expected.get("same_logs", True), f"ours does not sum up {text!r}")
    invalid = [line for line in lines if "\tINVALID" in line]
    must(len(invalid) == len(told) + len([t for t in expected.get("ours", []) if "\tINVALID" in t]), f"ours says {invalid}")
    valid = [line for line in cli.stdout.splitlines() if line.endswith("\tvalid")]
    must(valid == [line for line in lines if line.endswith("\tvalid")], "the CLI and ours hold other objects valid, or in another order")
    return wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("trail_day")
    parser.add_argument("--only", help="name of one case")
    arguments = parser.parse_args()
    python, why = python_with(f"awscli=={VERSION}")
    if python is None:
        print(f"skipped: the AWS CLI {VERSION} cannot be had from PyPI: {why}")
        return 77
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder, "written")
        subprocess.run([arguments.trail_day, "write", written], check=True)
        cases = [case for case in CASES if arguments.only in (None, case.__name__)]
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            wrong = [line for found in pool.map(lambda case: check(case, python, arguments.trail_day, written, Path(folder)), cases) for line in found]
    print("\n".join(wrong) or f"{len(cases)} trails: the AWS CLI {VERSION} and ours agree")
    return 1 if wrong or not cases else 0


if __name__ == "__main__":
    sys.exit(main())
