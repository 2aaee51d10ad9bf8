#!/usr/bin/env python3
"""The archiver before real S3 servers that fail, through a proxy that spoils what passes: in the end every record is in the trail once, as it came.

    tests/integration/s3_faults.py list
    tests/integration/s3_faults.py run TRAILWARDEN [NAME...] [--server versitygw|rgw] [--at-once N]

Each fault (`list` names them, with their rows of tests/FAULTS.md) has a bucket and an embedded service of its own: records lie in the inbox, the server is spoilt for
some seconds, and `run --drain` must end well with the whole trail written, judged records or not. While a store is away the detector must go on, and memory stay where it is.
Afterwards the objects are held against the input, byte for byte, and `trailwarden validate -c` against the manifest. The servers are those that `scripts/stack up s3` started
(its s3/env must be in the environment); exits with 77 where there is none.
"""

import argparse
import collections
import concurrent.futures
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
from cluster import ROOT, Failed, check, fail_here, free_port, say, wait_for
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
    s3: {{bucket: {bucket}, region: us-east-1, endpoint: "{endpoint}", path_style: true, allow_plaintext: true, server_side_encryption: none{settings}}}
    epoch: {{length: 1m, max_bytes: 1MiB}}
"""
FOREIGN = "not ours"
SPOILT_FOR = 8.0  # seconds from the first request on


def error(status, code, close=False):
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>as the test wants it</Message></Error>".encode()
    return status, {"Content-Type": "application/xml", "Content-Length": str(len(body)), "Date": "Mon, 02 Mar 2026 10:00:00 GMT"}, body, close


class Spoiler:
    """What is done to requests. A method gets a handler and the request's body, and answers itself (true) or lets it pass (false)."""

    def __init__(self, seed):
        self.dice, self.lock = random.Random(seed), threading.Lock()
        self.alone, self.kills = threading.Lock(), threading.Event()
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


def kill_gateway(spoiler, handler, body):
    """With -9, while a write has half arrived; the next time when it is done, and nobody was told."""
    if handler.command != "PUT" or not spoiler.some(0.2) or not spoiler.alone.acquire(blocking=False):
        return False
    threading.Thread(target=start_again, args=(spoiler, handler.server.name, 2.5)).start()
    handler.close_connection = True
    try:
        if spoiler.dice.random() < 0.5:
            handler.forward(body)
            stack("kill", handler.server.name)
        else:
            handler.forward(body, before_the_end=lambda: stack("kill", handler.server.name))
    finally:  # the gateway hangs up
        spoiler.kills.set()
    return True


def start_again(spoiler, server, seconds):
    spoiler.kills.wait(20)
    spoiler.kills.clear()
    time.sleep(seconds)
    stack("start", server)
    spoiler.alone.release()


def freeze_storage(spoiler, handler, body):
    """What the gateway keeps its objects in stands still."""
    if handler.command == "PUT" and spoiler.alone.acquire(blocking=False):
        spoiler.some(1)
        stack("freeze", "osd")
        threading.Timer(20, stack, ("thaw", "osd")).start()
    return False


def take_the_key(spoiler, handler, body):
    """Somebody else writes there, just before."""
    if handler.command == "PUT" and "/CloudTrail/" in handler.path and spoiler.alone.acquire(blocking=False):
        spoiler.some(1)
        spoiler.taken = handler.path
        handler.server.bucket.curl("-X", "PUT", handler.server.target + handler.path, "--data-binary", FOREIGN)
    return False


def stack(what, server):
    done = subprocess.run([ROOT / "scripts" / "s3-stack", what, server, "--data", os.environ["TRAILWARDEN_S3_STACK"]], capture_output=True, text=True, check=False)
    check(done.returncode == 0, f"s3-stack {what} {server}: {done.stdout}{done.stderr}")


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
        if self.server.spoil is hang_up:
            self.close_connection = True
        elif not (spoiler.active() and self.server.spoil(spoiler, self, body)):
            self.pass_on(*self.forward(body))

    do_GET = do_HEAD = do_PUT = do_POST = serve

    def forward(self, body, before_the_end=None):
        """The real server's answer. What is signed, the host among it, stays as it is. `before_the_end`: done when half of the body is sent."""
        target = urlsplit(self.server.target)
        connection = http.client.HTTPConnection(target.hostname, target.port, timeout=30)
        try:
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in ("connection", "expect"):
                    connection.putheader(name, value)
            if before_the_end:
                connection.endheaders(body[:len(body) // 2])
                before_the_end()
                body = body[len(body) // 2:]
                connection.send(body)
            else:
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

    def __init__(self, name, spoil, seed, at=("127.0.0.1", 0)):
        self.server = ThreadingHTTPServer((at[0], at[1] or free_port()), Handler)
        self.server.daemon_threads = True
        self.server.name, self.server.target, self.server.spoil, self.server.spoiler = name, address_of(name), spoil, Spoiler(seed)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def spoiler(self):
        return self.server.spoiler

    def close(self):
        self.spoiler.over.set()
        self.server.shutdown()
        self.server.server_close()


def address_of(server):
    return os.environ[f"TRAILWARDEN_S3_{server.upper()}"]


class Scene:
    """What is around a service: the server, the proxy, the bucket."""

    under = ()  # a command before the program's name
    making = ()  # what the bucket is made with
    settings = ""  # of the store, further ones

    def __init__(self, server, fault, bucket, folder, seed):
        self.proxy, self.bucket = Proxy(server, fault.spoil, seed), bucket
        self.proxy.server.bucket = bucket
        self.endpoint = f"http://127.0.0.1:{self.proxy.port}"

    def during(self, service, records):
        """When the service has told that it is blocked."""

    def afterwards(self):
        """When the trail is whole."""

    def spoilt(self):
        return self.proxy.spoiler.spoilt

    def seen(self):
        return self.proxy.spoiler.seen

    def close(self):
        self.proxy.close()


class Versioned(Scene):
    """A bucket that keeps all versions: in it RGW does not look at If-None-Match."""

    def __init__(self, server, fault, bucket, folder, seed):
        super().__init__(server, fault, bucket, folder, seed)
        bucket.curl("-X", "PUT", f"{address_of(server)}/{bucket.name}?versioning=", "--data-binary", "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")

    def afterwards(self):
        versions, keys, marker = [], [], ""
        while True:
            page = self.bucket.read(f"{self.bucket.endpoint}/{self.bucket.name}?{marker}versions=").decode()
            keys = re.findall(r"<Version>.*?<Key>([^<]+)</Key>", page, re.DOTALL)
            versions += keys
            if len(keys) < 1000:
                break
            marker = f"key-marker={keys[-1]}&"
        check(versions and "<IsTruncated>true" not in page, f"{len(versions)} versions are listed")
        twice = [key for key, count in collections.Counter(versions).items() if count > 1]
        check(not twice, f"{len(twice)} objects were written again over themselves: {twice[:2]}")


class Locked(Versioned):
    """Objects that nobody may delete or change for a day. Such a bucket has versions."""

    making = "-H", "x-amz-bucket-object-lock-enabled: true"
    settings = ", object_lock: {mode: governance, days: 1}"

    def afterwards(self):
        super().afterwards()
        key = re.search(r"<Key>([^<]+)</Key>", self.bucket.read(f"{self.bucket.endpoint}/{self.bucket.name}?list-type=2").decode())[1]
        kept = self.bucket.read(f"{self.bucket.endpoint}/{self.bucket.name}/{key}?retention=").decode()
        check("<Mode>GOVERNANCE</Mode>" in kept, f"the lock of {key}: {kept}")


class Forbidden(Scene):
    """The bucket's policy lets nobody write, until somebody looks at it."""

    POLICY = '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::%s/*"}]}'

    def __init__(self, server, fault, bucket, folder, seed):
        super().__init__(server, fault, bucket, folder, seed)
        bucket.curl("-X", "PUT", f"{bucket.endpoint}/{bucket.name}?policy=", "--data-binary", self.POLICY % bucket.name)
        self.refused = 0

    def during(self, service, records):
        wait_for("everything judged meanwhile", lambda: service.metric('records_consumed_total{topic="folder"}') == records, 60)
        check(service.metric("trail_objects_written_total") in (None, 0), "who may write?")
        self.refused = self.proxy.spoiler.seen
        self.bucket.curl("-X", "DELETE", f"{self.bucket.endpoint}/{self.bucket.name}?policy=")

    def spoilt(self):
        return self.refused


class Nameless(Scene):
    """The server's name is not known for a while; later it is that of another address. The service has an /etc/hosts of its own, and no other source of names."""

    NAME = "trail.s3.test"

    def __init__(self, server, fault, bucket, folder, seed):
        super().__init__(server, fault, bucket, folder, seed)
        self.server, self.fault, self.moved = server, fault, None
        self.endpoint = f"http://{self.NAME}:{self.proxy.port}"
        self.hosts = folder / "hosts"
        self.know(None)
        (folder / "nsswitch.conf").write_text("hosts: files\n")
        mounts = " && ".join(f"mount --bind '{folder / name}' /etc/{name}" for name in ("hosts", "nsswitch.conf"))
        self.under = ["unshare", "--map-root-user", "--mount", "sh", "-c", mounts + ' && exec "$@"', "sh"]
        self.failed = 0

    @staticmethod
    def problem():
        done = subprocess.run(["unshare", "--map-root-user", "--mount", "true"], capture_output=True, text=True, check=False)
        return done.stderr.strip() if done.returncode else None

    def know(self, address):
        self.hosts.write_text("127.0.0.1 localhost\n" + (f"{address} {self.NAME}\n" if address else ""))

    def during(self, service, records):
        wait_for("everything judged meanwhile", lambda: service.metric('records_consumed_total{topic="folder"}') == records, 60)
        self.failed = service.metric("trail_put_retries_total")
        time.sleep(1)
        check(service.metric("trail_objects_written_total") in (None, 0) and self.proxy.spoiler.seen == 0, "who told it the address?")
        self.know("127.0.0.1")
        wait_for("some objects are written", lambda: self.proxy.spoiler.seen > 20, 90)
        self.know("127.0.0.2")
        self.moved = Proxy(self.server, self.fault.spoil, 1, ("127.0.0.2", self.proxy.port))
        self.proxy.server.spoil = hang_up  # those that are open
        self.proxy.close()

    def spoilt(self):
        check(self.moved.spoiler.seen > 20, f"{self.moved.spoiler.seen} requests came to the other address")
        return self.failed

    def seen(self):
        return self.failed + self.proxy.spoiler.seen + self.moved.spoiler.seen

    def close(self):
        super().close()
        if self.moved:
            self.moved.close()


def hang_up(*_):
    """Answers nobody, whenever it is."""


class Fault:
    def __init__(self, row, what, spoil=lambda *_: False, blocks=(), at_least=3, scene=Scene, only=None, alone=False, heals=True):
        """`only`: one server, and why not the other; `alone`: others would suffer with it; `heals`: or a partition stops for good."""
        self.row, self.what, self.spoil, self.blocks, self.at_least, self.scene, self.only, self.alone, self.heals = row, what, spoil, blocks, at_least, scene, only, alone, heals


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
    "nameless": Fault("F48", "the server's name is not known, and then it is that of another address", blocks=("NameNotResolved",), at_least=1, scene=Nameless),
    "gateway_killed": Fault("F61", "the gateway is killed in the middle of a write, and started again", kill_gateway, at_least=2, alone=True),
    "storage_frozen": Fault("F63", "what the gateway keeps objects in stands still for 20 s", freeze_storage, at_least=1, only=("rgw", "versitygw keeps them itself"), alone=True),
    "answer_lost_versioned": Fault("F65", "answer_lost, in a bucket with versions", lose_answer, scene=Versioned),
    "answer_lost_locked": Fault("F75", "answer_lost, in a bucket whose objects are locked", lose_answer, scene=Locked),
    "forbidden": Fault("F71", "the bucket's policy lets nobody write", blocks=("AccessDenied",), scene=Forbidden, only=("rgw", "the root of versitygw may write whatever the policy says")),
    "taken": Fault("F67", "an object of somebody else's is where ours belongs", take_the_key, heals=False),
    "changed_on_the_way": Fault("F73", "a bit of every other body is turned", flip),
}


class Service:
    def __init__(self, binary, folder, under, **values):
        self.binary, self.folder, self.under, self.port = binary, folder, under, free_port()
        (folder / "inbox").mkdir()
        (folder / "config.yaml").write_text(CONFIG.format(port=self.port, **values))
        self.process = None

    def command(self, *words):
        return [*self.under, self.binary, *words, "-c", "config.yaml"]

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
    with tempfile.TemporaryDirectory() as folder:
        files = {key: Path(folder) / str(n) for n, key in enumerate(keys)}
        bucket.read(*(word for key, file in files.items() for word in ("-o", str(file), f"{endpoint}/{bucket.name}/{key}")))
        return {key: file.read_bytes() for key, file in files.items()}


class ReadableBucket(Bucket):
    def read(self, *words):
        """What curl says of these addresses."""
        key = f"{os.environ['AWS_ACCESS_KEY_ID']}:{os.environ['AWS_SECRET_ACCESS_KEY']}"
        return subprocess.run(["curl", "-sS", "--fail-with-body", "--noproxy", "*", "--aws-sigv4", "aws:amz:us-east-1:s3", "--user", key, "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD", *words], check=True, capture_output=True).stdout


def traffic(binary, folder):
    subprocess.run([binary, "generate", "--out", str(folder), "--days", "2", "--accounts", "2", "--rate", "2"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return folder / "AWSLogs"


def records_sent(logs):
    sent = collections.Counter()
    for path in logs.rglob("*.json.gz"):
        sent.update(records_of(gzip.decompress(path.read_bytes()).decode()))
    return sent


def stop(name, fault, arguments, folder, logs, sent):
    """What cannot heal stops its partition, with a reason; the detector goes on, and nothing is overwritten."""
    target = address_of(arguments.server)
    bucket = ReadableBucket(target, f"faults-{name.replace('_', '-')}-{os.getpid()}")
    scene = fault.scene(arguments.server, fault, bucket, folder, arguments.seed)
    service = Service(arguments.binary, folder, scene.under, bucket=bucket.name, endpoint=scene.endpoint, settings=scene.settings)
    shutil.copytree(logs, folder / "inbox" / "AWSLogs")
    try:
        service.start()
        wait_for(f"{name}: a partition stops", lambda: service.metric('trail_stopped_partitions{partition="0",topic="folder"}') == 1, 60)
        wait_for(f"{name}: everything judged", lambda: service.metric('records_consumed_total{topic="folder"}') == sum(sent.values()), 60)
        taken = scene.proxy.spoiler.taken
        said = service.page("readyz")
        check(taken.split("/", 2)[2] in said and "of somebody else" in said, f"{name}: readyz: {said}")
        check(service.page("healthz").strip().startswith("ok"), f"{name}: healthz: {service.page('healthz')}")
        check(service.process.poll() is None, f"{name}: the service ended with {service.process.returncode}")
        check(bucket.read(target + taken).decode() == FOREIGN, f"{name}: {taken} was overwritten")
    finally:
        service.process.kill()
        service.process.wait()
        scene.close()
    say(f"{name}, {arguments.server}: {said.strip()[:300]}")


def suffer(name, fault, arguments, folder, logs, sent):
    if not fault.heals:
        stop(name, fault, arguments, folder, logs, sent)
        return
    target = address_of(arguments.server)
    bucket = ReadableBucket(target, f"faults-{name.replace('_', '-')}-{os.getpid()}", *fault.scene.making)
    scene = fault.scene(arguments.server, fault, bucket, folder, arguments.seed)
    proxy = scene.proxy
    service = Service(arguments.binary, folder, scene.under, bucket=bucket.name, endpoint=scene.endpoint, settings=scene.settings)
    shutil.copytree(logs, folder / "inbox" / "AWSLogs")
    began = time.monotonic()
    try:
        service.start()
        judged = 0
        if fault.blocks:
            wait_for(f"{name}: the block is told", lambda: service.metric("trail_delivery_blocked") == 1, 40)
            state = json.loads(service.page("state"))
            check(state["archiver"]["blocked"]["code"] in fault.blocks, f"{name}: blocked for {state['archiver']['blocked']}")
            check(service.page("healthz").strip().startswith("ok"), f"{name}: healthz: {service.page('healthz')}")
            scene.during(service, sum(sent.values()))
            judged = service.metric('records_consumed_total{topic="folder"}')
        memory = 0
        while service.process.poll() is None:
            memory = max(memory, service.peak_memory())
            time.sleep(0.05)
            check(time.monotonic() - (proxy.spoiler.began or time.monotonic()) < 150, f"{name}: the trail is not whole after 150 s")
        check(service.process.returncode == 0, f"{name}: exit code {service.process.returncode}: {(folder / 'service.log').read_text()[-2000:]}")
        validated = subprocess.run(service.command("validate", "--json"), cwd=folder, capture_output=True, text=True, check=False)
        check(validated.returncode == 0, f"{name}: validate: {validated.returncode} {validated.stdout[-1500:]} {validated.stderr}")
    finally:
        if service.process and service.process.poll() is None:
            service.process.kill()
            service.process.wait()
        scene.close()
    kept = collections.Counter()
    objects = {key: text for key, text in trail_of(target, bucket).items() if "/CloudTrail/" in key}
    for text in objects.values():
        kept.update(records_of(gzip.decompress(text).decode()))
    check(kept == sent, f"{name}: {sum((sent - kept).values())} records are missing in the trail, {sum((kept - sent).values())} are there too often")
    scene.afterwards()
    spoilt = scene.spoilt()
    check(spoilt >= fault.at_least, f"{name}: only {spoilt:.0f} of {proxy.spoiler.seen} requests were spoilt: that proves little")
    check(memory < 256 << 20, f"{name}: {memory >> 20} MB of memory")
    say(f"{name}, {arguments.server}: after {time.monotonic() - began:.0f} s, {spoilt:.0f} requests spoilt and {scene.seen():.0f} in all; {sum(kept.values())} records in {len(objects)} objects, each once; {memory >> 20} MB" + (f"; {judged:.0f} consumed by the detector meanwhile" if fault.blocks else ""))


def main():
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list")
    run = commands.add_parser("run")
    run.add_argument("binary", type=lambda p: str(Path(p).resolve()))
    run.add_argument("names", nargs="*", metavar="NAME", choices=[*FAULTS, []])
    run.add_argument("--server", default="versitygw", choices=["versitygw", "rgw"])
    run.add_argument("--at-once", type=int, default=1, metavar="N", help="so many faults side by side")
    run.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.command == "list":
        for name, fault in FAULTS.items():
            print(f"{name:<22} {fault.row}  {fault.what}" + (f" ({fault.only[0]} only: {fault.only[1]})" if fault.only else ""))
        return
    if f"TRAILWARDEN_S3_{arguments.server.upper()}" not in os.environ:
        print(f"TRAILWARDEN_S3_{arguments.server.upper()} is not set: no server to spoil")
        sys.exit(77)
    os.environ.update(no_proxy=f"127.0.0.1,{Nameless.NAME}")
    folder = Path(tempfile.mkdtemp(prefix="trailwarden-s3-faults-"))
    try:
        run_all(arguments, folder, {name: FAULTS[name] for name in arguments.names or FAULTS if can_be(name, arguments.server)})
    except Failed as problem:
        fail_here(problem, " ".join(sys.argv), folder)
    shutil.rmtree(folder)


def can_be(name, server):
    """Whether this fault can be made there; else why not is said."""
    why = Nameless.problem() if FAULTS[name].scene is Nameless else None
    only = FAULTS[name].only
    if only and only[0] != server:
        why = only[1]
    if why:
        say(f"{name}: left out: {why}")
    return not why


def run_all(arguments, folder, faults):
    logs = traffic(arguments.binary, folder / "traffic")
    sent = records_sent(logs)
    for name in faults:
        (folder / name).mkdir()
    with concurrent.futures.ThreadPoolExecutor(arguments.at_once) as pool:
        for done in [pool.submit(suffer, name, fault, arguments, folder / name, logs, sent) for name, fault in faults.items() if not fault.alone]:
            done.result()
    for name, fault in faults.items():
        if fault.alone:
            suffer(name, fault, arguments, folder / name, logs, sent)


if __name__ == "__main__":
    main()
