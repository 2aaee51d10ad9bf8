#!/usr/bin/env python3
"""The archiver before a real S3 server that fails, through a proxy that spoils what passes: in the end every record is in the trail once, as it came.

    tests/integration/s3_faults.py list
    tests/integration/s3_faults.py run TRAILWARDEN [NAME...]

Each fault (`list` names them, with their rows of tests/FAULTS.md) has a bucket and an embedded service of its own: records lie in the inbox, the server is spoilt for
some seconds, and `run --drain` must end well with the whole trail written, judged records or not. While a store is away the detector must go on, and memory stay where it is.
Afterwards the objects are held against the input, byte for byte, and `trailwarden validate -c` against the manifest. The server is the one of TRAILWARDEN_S3_VERSITYGW; exits with 77
where there is none.
"""

import argparse
import collections
import gzip
import http.client
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from archive_kill import records_of
from cluster import Failed, check, fail_here, free_port, say, wait_for
from s3_replay import Bucket

CONFIG = """version: 1
roles: [detector, archiver]
http: {{listen: "127.0.0.1:{port}"}}
log: {{level: info}}
rules: {{enabled: false}}
embedded: {{keep_input: true}}
trails:
  - name: main
    home_region: us-east-1
    s3: {{bucket: {bucket}, region: us-east-1, endpoint: "{endpoint}", path_style: true, server_side_encryption: none}}
    epoch: {{length: 1m, max_bytes: 1MiB}}
"""
SPOILT_FOR = 8.0  # seconds from the first request on


def error(status, code, close=False):
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>as the test wants it</Message></Error>".encode()
    return status, {"Content-Type": "application/xml", "Content-Length": str(len(body)), "Date": "Mon, 02 Mar 2026 10:00:00 GMT"}, body, close


class Spoiler:
    """What is done to requests. A method gets a handler and the request's body, and answers itself (true) or lets it pass (false)."""

    def __init__(self, seed):
        self.dice, self.lock = random.Random(seed), threading.Lock()
        self.began, self.spoilt, self.seen = None, 0, 0
        self.over = threading.Event()

    def active(self):
        with self.lock:
            self.seen += 1
            if self.began is None:
                self.began = time.monotonic()
            return not self.over.is_set() and time.monotonic() - self.began < SPOILT_FOR

    def some(self, share):
        with self.lock:
            hit = self.dice.random() < share
            self.spoilt += hit
            return hit


def answering(status, code, share=1.0, methods=("PUT", "HEAD", "GET")):
    def spoil(spoiler, handler, body):
        if handler.command not in methods or not spoiler.some(share):
            return False
        handler.answer(*error(status, code))
        return True
    return spoil


def hang(spoiler, handler, body):
    spoiler.some(1)
    spoiler.over.wait(SPOILT_FOR)
    handler.close_connection = True
    return True


def lose_answer(spoiler, handler, body):
    if handler.command != "PUT" or not spoiler.some(0.5):
        return False
    handler.forward(body)
    handler.close_connection = True
    return True


def cut_answer(spoiler, handler, body):
    if not spoiler.some(0.4):
        return False
    handler.forward(body)
    handler.wfile.write(b"HTTP/1.1 200 O")
    handler.close_connection = True
    return True


def flip(spoiler, handler, body):
    if handler.command != "PUT" or not body or not spoiler.some(0.5):
        return False
    at = len(body) // 2
    handler.pass_on(*handler.forward(body[:at] + bytes([body[at] ^ 1]) + body[at + 1:]))
    return True


def slow_answer(spoiler, handler, body):
    spoiler.some(1)
    status, headers, answer = handler.forward(body)
    head = f"HTTP/1.1 {status} OK\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n"
    for byte in head.encode():
        if spoiler.over.is_set():
            break
        handler.wfile.write(bytes([byte]))
        time.sleep(0.25)
    handler.close_connection = True
    return True


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except (ConnectionError, TimeoutError, http.client.HTTPException):
            self.close_connection = True

    def serve(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        spoiler = self.server.spoiler
        if not (spoiler.active() and self.server.spoil(spoiler, self, body)):
            self.pass_on(*self.forward(body))

    do_GET = do_HEAD = do_PUT = do_POST = serve

    def forward(self, body):
        """The real server's answer. What is signed, the host among it, stays as it is."""
        target = urlsplit(self.server.target)
        connection = http.client.HTTPConnection(target.hostname, target.port, timeout=30)
        try:
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in ("connection", "expect"):
                    connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            text = answer.read()
            headers = {name: value for name, value in answer.getheaders() if name.lower() not in ("connection", "transfer-encoding", "content-length", "keep-alive")}
            headers["Content-Length"] = answer.getheader("Content-Length", str(len(text))) if self.command == "HEAD" else str(len(text))
            return answer.status, headers, text
        finally:
            connection.close()

    def pass_on(self, status, headers, body):
        self.answer(status, headers, body, False)

    def answer(self, status, headers, body, close):
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.close_connection = self.close_connection or close

    def log_message(self, *_):
        pass


class Proxy:
    """Stands before the server until it is closed; gone is gone."""

    def __init__(self, target, spoil, seed):
        self.server = ThreadingHTTPServer(("127.0.0.1", free_port()), Handler)
        self.server.daemon_threads = True
        self.server.target, self.server.spoil, self.server.spoiler = target, spoil, Spoiler(seed)
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def spoiler(self):
        return self.server.spoiler

    def close(self):
        self.spoiler.over.set()
        self.server.shutdown()
        self.server.server_close()


class Fault:
    def __init__(self, row, what, spoil, blocks=(), at_least=3):
        self.row, self.what, self.spoil, self.blocks, self.at_least = row, what, spoil, blocks, at_least


FAULTS = {
    "errors": Fault("F59", "500 to one request in five", answering(500, "InternalError", 0.2)),
    "slow_down": Fault("F60", "503 SlowDown to all", answering(503, "SlowDown"), blocks=("SlowDown", "ServiceUnavailable")),
    "hangs": Fault("F63", "accepts, and never answers", hang, blocks=("Timeout", "NoAnswer")),
    "slow": Fault("F64", "four bytes of an answer a second", slow_answer, blocks=("Timeout", "NoAnswer")),
    "answer_lost": Fault("F65", "half of the writes are done, and nobody says so", lose_answer),
    "answer_cut": Fault("F65", "answers end in their first line", cut_answer),
    "conflict": Fault("F68", "409 to half of the writes", answering(409, "ConditionalRequestConflict", 0.5, ("PUT",))),
    "expired": Fault("F70", "403 ExpiredToken to all", answering(403, "ExpiredToken"), blocks=("ExpiredToken",)),
    "denied": Fault("F71", "403 AccessDenied to all", answering(403, "AccessDenied"), blocks=("AccessDenied",)),
    "no_bucket": Fault("F71", "404 NoSuchBucket to all", answering(404, "NoSuchBucket"), blocks=("NoSuchBucket",)),
    "skewed": Fault("F72", "403 RequestTimeTooSkewed to all", answering(403, "RequestTimeTooSkewed"), blocks=("RequestTimeTooSkewed",)),
    "changed_on_the_way": Fault("F73", "a bit of every other body is turned", flip),
}


class Service:
    def __init__(self, binary, folder, **values):
        self.binary, self.folder, self.port = binary, folder, free_port()
        (folder / "inbox").mkdir()
        (folder / "config.yaml").write_text(CONFIG.format(port=self.port, **values))
        self.process = None

    def command(self, *words):
        return [self.binary, *words, "-c", "config.yaml"]

    def start(self):
        with (self.folder / "service.log").open("ab") as log:
            self.process = subprocess.Popen(self.command("run", "--drain"), cwd=self.folder, stdout=log, stderr=log)

    def page(self, name):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{name}", timeout=5) as answer:
                return answer.read().decode()
        except OSError as problem:
            return problem.read().decode() if hasattr(problem, "read") else None

    def metric(self, name):
        for line in (self.page("metrics") or "").splitlines():
            if line.startswith("trailwarden_" + name + " "):
                return float(line.split()[-1])
        return None

    def peak_memory(self):
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024
        return 0


def trail_of(endpoint, bucket):
    """Every object of the bucket: key and bytes. Asked of the server itself."""
    keys, after = [], ""
    while True:
        text = bucket.read(f"{endpoint}/{bucket.name}?list-type=2&start-after={after}")
        page = re.findall(r"<Key>([^<]+)</Key>", text.decode())
        keys += page
        if len(page) < 1000:
            break
        after = page[-1]
    return {key: bucket.read(f"{endpoint}/{bucket.name}/{key}") for key in keys}


class ReadableBucket(Bucket):
    def read(self, url):
        key = f"{os.environ['AWS_ACCESS_KEY_ID']}:{os.environ['AWS_SECRET_ACCESS_KEY']}"
        return subprocess.run(["curl", "-sS", "--fail-with-body", "--noproxy", "*", "--aws-sigv4", "aws:amz:us-east-1:s3", "--user", key, "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD", url], check=True, capture_output=True).stdout


def traffic(binary, folder):
    subprocess.run([binary, "generate", "--out", str(folder), "--days", "2", "--accounts", "2", "--rate", "2"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return folder / "AWSLogs"


def records_sent(logs):
    sent = collections.Counter()
    for path in logs.rglob("*.json.gz"):
        sent.update(records_of(gzip.decompress(path.read_bytes()).decode()))
    return sent


def suffer(name, fault, arguments, folder, logs, sent):
    target = os.environ["TRAILWARDEN_S3_VERSITYGW"]
    bucket = ReadableBucket(target, f"faults-{name.replace('_', '-')}-{os.getpid()}")
    proxy = Proxy(target, fault.spoil, arguments.seed)
    service = Service(arguments.binary, folder, bucket=bucket.name, endpoint=proxy.endpoint)
    shutil.copytree(logs, folder / "inbox" / "AWSLogs")
    try:
        service.start()
        judged = 0
        if fault.blocks:
            wait_for("the block is told", lambda: service.metric("trail_delivery_blocked") == 1, 40)
            state = json.loads(service.page("state"))
            check(state["archiver"]["blocked"]["code"] in fault.blocks, f"blocked for {state['archiver']['blocked']}")
            check(service.page("healthz").strip().startswith("ok"), f"healthz: {service.page('healthz')}")
            judged = service.metric('records_consumed_total{topic="folder"}')
        memory = 0
        while service.process.poll() is None:
            memory = max(memory, service.peak_memory())
            time.sleep(0.05)
            check(time.monotonic() - (proxy.spoiler.began or time.monotonic()) < 150, "the trail is not whole after 150 s")
        check(service.process.returncode == 0, f"exit code {service.process.returncode}: {(folder / 'service.log').read_text()[-2000:]}")
        validated = subprocess.run(service.command("validate", "--json"), cwd=folder, capture_output=True, text=True, check=False)
        check(validated.returncode == 0, f"validate: {validated.returncode} {validated.stdout[-1500:]} {validated.stderr}")
    finally:
        if service.process and service.process.poll() is None:
            service.process.kill()
            service.process.wait()
        proxy.close()
    kept = collections.Counter()
    objects = {key: text for key, text in trail_of(target, bucket).items() if "/CloudTrail/" in key}
    for text in objects.values():
        kept.update(records_of(gzip.decompress(text).decode()))
    check(kept == sent, f"{sum((sent - kept).values())} records are missing in the trail, {sum((kept - sent).values())} are there too often")
    check(proxy.spoiler.spoilt >= fault.at_least, f"only {proxy.spoiler.spoilt} of {proxy.spoiler.seen} requests were spoilt: that proves little")
    check(memory < 256 << 20, f"{memory >> 20} MB of memory")
    say(f"{name}: {proxy.spoiler.spoilt} of {proxy.spoiler.seen} requests spoilt; {sum(kept.values())} records in {len(objects)} objects, each once; {memory >> 20} MB" + (f"; {judged:.0f} consumed by the detector meanwhile" if fault.blocks else ""))


def main():
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list")
    run = commands.add_parser("run")
    run.add_argument("binary", type=lambda p: str(Path(p).resolve()))
    run.add_argument("names", nargs="*", metavar="NAME", choices=[*FAULTS, []])
    run.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.command == "list":
        for name, fault in FAULTS.items():
            print(f"{name:<20} {fault.row}  {fault.what}")
        return
    if "TRAILWARDEN_S3_VERSITYGW" not in os.environ:
        print("TRAILWARDEN_S3_VERSITYGW is not set: no server to spoil")
        sys.exit(77)
    os.environ.update(no_proxy="127.0.0.1")
    folder = Path(tempfile.mkdtemp(prefix="trailwarden-s3-faults-"))
    try:
        logs = traffic(arguments.binary, folder / "traffic")
        sent = records_sent(logs)
        for name in arguments.names or FAULTS:
            (folder / name).mkdir()
            suffer(name, FAULTS[name], arguments, folder / name, logs, sent)
    except Failed as problem:
        fail_here(problem, " ".join(sys.argv), folder)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
