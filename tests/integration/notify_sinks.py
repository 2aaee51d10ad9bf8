#!/usr/bin/env python3
"""The notifier of the embedded service before real receivers.

    tests/integration/notify_sinks.py TRAILWARDEN [PART...] [--kills N]

    flaky         a webhook that fails, hangs, asks for patience and hangs up, and another that never answers, while the service is killed at its crash points and at random: every alert is
                  taken in the end, under one id with one body each; signatures are those of Standard Webhooks; what is refused is listed; the dead one holds up neither the other nor detection;
                  no planted secret is in the log, the pages or what is listed
    restart       what was alerts before the notifier is not told; a group and a rate window go on over kill -9: one message of all, and one with the number of what was kept back
    alertmanager  Prometheus' own, as Debian has it: findings become alerts there
    aws           SNS and EventBridge as moto has them
    syslog        a receiver over TLS that counts octets, over TCP and UDP; a certificate of somebody else's is refused
    kafka         detector and notifier in processes of their own over kfake, the notifier killed: the same as above, and groups count each alert once
    away          a notifier whose Kafka is not there says so in a metric, and one that works says that it does
    ocsf          bodies of the golden files are Detection Findings to py-ocsf-models

Without parts: all. A part whose tools cannot be had is skipped; exits with 77 if all were.
"""

import argparse
import contextlib
import hashlib
import http.server
import json
import os
import random
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

from cluster import Failed, check, crash_points, fail_here, free_port, say, wait_for
from pypi_tool import python_with

MOTO, STANDARD_WEBHOOKS, OCSF = "moto[server]==5.2.5", "standardwebhooks==1.1.0", "py-ocsf-models==0.10.0"
GOLDEN = Path(__file__).resolve().parents[1] / "notify" / "golden"
SECRET, TOKEN, PATH = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "Bearer planted-t0ken", "/services/T0PLANTED/B0PLANTED/plantedpath"
PLANTED = ["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "planted-t0ken", "T0PLANTED", "plantedpath"]

HEAD = """version: 1
roles: [detector, notifier]
http: {{listen: "{listen}"}}
log: {{level: info}}
insights: {{enabled: false}}
silence: {{enabled: false}}
rules: {{enabled: false}}
detectors: {{root_use: {{quiet_for: 0s}}}}
notifications:
  sinks:
"""


class Skipped(Exception):
    """A tool cannot be had."""


class Service:
    """A folder with an inbox, a configuration and what the service said."""

    def __init__(self, binary, folder, sinks, listen="", environment=None):
        self.binary, self.folder, self.records = binary, folder, 0
        (folder / "inbox").mkdir(parents=True)
        (folder / "config.yaml").write_text(HEAD.format(listen=listen) + sinks)
        self.log = folder / "log.txt"
        self.environment = {k: v for k, v in os.environ.items() if k != "TRAILWARDEN_FAIL"} | (environment or {})

    def put(self, count):
        """So many root logins, each of which becomes a finding."""
        lines = []
        for _ in range(count):
            self.records += 1
            stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(1767607200 + self.records))
            lines.append(json.dumps({"eventVersion": "1.08", "eventID": f"00000000-0000-4000-8000-{self.records:012}", "eventTime": stamp, "eventSource": "signin.amazonaws.com", "eventName": "ConsoleLogin",
                                     "awsRegion": "us-east-1", "sourceIPAddress": "203.0.113.7", "recipientAccountId": "111122223333", "eventType": "AwsConsoleSignIn",
                                     "userIdentity": {"type": "Root", "accountId": "111122223333", "arn": "arn:aws:iam::111122223333:root"}, "responseElements": {"ConsoleLogin": "Success"}}))
        part = self.folder / f"part-{self.records}"
        part.write_text("\n".join(lines) + "\n")
        part.rename(self.folder / "inbox" / f"{self.records:06}.jsonl")

    def command(self, *words):
        return [self.binary, *words, "-c", "config.yaml"]

    @contextlib.contextmanager
    def running(self, **variables):
        with open(self.log, "a") as log, subprocess.Popen(self.command("run"), cwd=self.folder, env=self.environment | variables, stderr=log, stdout=log) as process:
            try:
                yield process
            finally:
                process.kill()

    def drain(self):
        done = subprocess.run(self.command("run", "--drain"), cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=120, check=False)
        with open(self.log, "a") as log:
            log.write(done.stderr)
        check(done.returncode == 0, f"run --drain exits with {done.returncode}: {done.stderr[-1500:]}")

    def notify(self, *words):
        done = subprocess.run(self.command("notify", *words), cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=120, check=False)
        return done.returncode, done.stdout + done.stderr

    def alerts(self):
        path = self.folder / "trailwarden-data" / "alerts.jsonl"
        return [json.loads(line)["id"] for line in path.read_text().splitlines()] if path.exists() else []


class Receiver:
    """An HTTP server that keeps what it was told, and answers as `answer` says: a status, headers and seconds to wait; a status of 0 hangs up."""

    def __init__(self, answer):
        self.told, self.taken, self.lock = [], [], threading.Lock()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                request = {"path": self.path, "headers": {k.lower(): v for k, v in self.headers.items()}, "body": body.decode()}
                with receiver.lock:
                    receiver.told.append(request)
                    status, headers, pause = answer(request)
                time.sleep(pause)
                if status == 0:
                    self.close_connection = True
                    return
                if 200 <= status < 300:
                    with receiver.lock:
                        receiver.taken.append(request)
                with contextlib.suppress(OSError):
                    self.send_response(status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    text = f"you asked for {self.path}".encode()
                    self.send_header("Content-Length", str(len(text)))
                    self.end_headers()
                    self.wfile.write(text)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def page(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
        return answer.read().decode()


# ---- flaky


def flaky(arguments, folder):
    dice, calm, refused = random.Random(arguments.seed), threading.Event(), set()

    def answer(request):
        if calm.is_set():
            return 200, {}, 0
        key = request["headers"]["webhook-id"]
        if key in refused or int(hashlib.sha256(key.encode()).hexdigest(), 16) % 8 == 0:
            refused.add(key)
            return 422, {}, 0
        return dice.choice([(200, {}, 0)] * 12 + [(202, {}, 0), (500, {}, 0), (429, {"Retry-After": "1"}, 0), (404, {}, 0), (0, {}, 0), (200, {}, 3)])

    good, dead, port = Receiver(answer), Receiver(lambda _: (200, {}, 60)), free_port()
    sinks = f"""    - name: good
      type: webhook
      url_env: HOOK_URL
      timeout: 1s
      retry: {{first: 1s, longest: 1s}}
      signing_secret_env: HOOK_SECRET
      authorization_env: HOOK_TOKEN
    - {{name: dead, type: webhook, url: "{dead.url}/x", timeout: 2s, queue: 1000}}
"""
    service = Service(arguments.binary, folder, sinks, f"127.0.0.1:{port}", {"HOOK_URL": good.url + PATH, "HOOK_SECRET": SECRET, "HOOK_TOKEN": TOKEN})
    points = crash_points("notify/*.cc")
    for round_ in range(arguments.kills):
        service.put(8)
        point = points[round_ % len(points)] if round_ < 3 * len(points) else None
        with service.running(**({"TRAILWARDEN_FAIL": f"{point}:{2 + round_}:abort"} if point else {})) as process:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(3 if point else dice.uniform(0.3, 2.5))
    with service.running():
        wait_for("pages", lambda: not failing(lambda: page(port, "/metrics")), 30)
        wait_for("metrics of the dead sink", lambda: re.search(r'trailwarden_notifications_total\{result="failed",sink="dead"\} [1-9]', page(port, "/metrics")), 30)
        metrics, state, config = page(port, "/metrics"), page(port, "/state"), page(port, "/config")
        check(re.search(r'trailwarden_notification_queue\{sink="dead"\} [1-9]', metrics), "the dead sink has no queue")
        check(len(service.alerts()) == service.records, f"{len(service.alerts())} alerts of {service.records} records: detection waits for a sink")
        calm.set()
        wait_for("nothing waits for the good sink", lambda: re.search(r'trailwarden_notification_queue\{sink="good"\} 0\n', page(port, "/metrics")), 120)
    status, listed = service.notify("undelivered", "--sink", "good")
    check(status == 0, f"notify undelivered exits with {status}: {listed}")
    given_up = [json.loads(line) for line in listed.splitlines()]
    check({dead_letter["reason"] for dead_letter in given_up} <= {"refused"}, "given up for another reason than that it was refused")
    check(len(given_up) == len({one["id"] for one in given_up}), "given up twice")
    check(given_up, "nothing was refused: the run proves little")
    judge(service, good, given_up)
    everything = metrics + state + config + listed + service.log.read_text() + service.notify("test", "--dry-run")[1]
    for secret in PLANTED:
        check(secret not in everything, f"a secret is shown: {secret}")
    check("url_env" in config, "/config does not say where the URL is kept")
    say(f"flaky: {service.records} alerts, {len(good.told)} requests, {len(given_up)} given up, over {arguments.kills} kills")
    return "killed and failing"


def failing(what):
    try:
        what()
        return False
    except OSError:
        return True


def judge(service, receiver, given_up):
    bodies = {}
    for request in receiver.told:
        key = request["headers"]["webhook-id"]
        check(bodies.setdefault(key, request["body"]) == request["body"], f"two bodies under one id: {key}")
        check(json.loads(request["body"])["id"] == key == request["headers"]["idempotency-key"], "the ids differ")
    alert_of = {key: json.loads(body)["alerts"][0]["id"] for key, body in bodies.items()}
    check(len(set(alert_of.values())) == len(alert_of), "an alert has two ids")
    taken = {alert_of[request["headers"]["webhook-id"]] for request in receiver.taken}
    lost = set(service.alerts()) - taken - {one["alerts"][0]["id"] for one in given_up}
    check(not lost, f"{len(lost)} alerts were never told: {sorted(lost)[:3]}")
    check(len(set(service.alerts())) == service.records, "not every record is an alert")
    python, why = python_with(STANDARD_WEBHOOKS)
    if not python:
        say(f"signatures are not verified: {why}")
        return
    program = "import json,sys\nfrom standardwebhooks.webhooks import Webhook\nfor r in json.load(sys.stdin): Webhook(sys.argv[1]).verify(r['body'], r['headers'])"
    recent = [r for r in receiver.told if int(r["headers"]["webhook-timestamp"]) > time.time() - 200]
    check(recent, "nothing was told lately")
    done = subprocess.run([python, "-c", program, SECRET], input=json.dumps(recent), text=True, capture_output=True, check=False)
    check(done.returncode == 0, f"Standard Webhooks refuses a signature: {done.stderr[-300:]}")


# ---- restart


def restart(arguments, folder):
    receiver = Receiver(lambda _: (200, {}, 0))
    service = Service(arguments.binary, folder, f"""    - {{name: grouped, type: webhook, url: "{receiver.url}/grouped", group: {{by: [detector], window: 8s}}}}
    - {{name: limited, type: webhook, url: "{receiver.url}/limited", rate_limit: {{messages: 2, per: 8s}}}}
""")
    config = folder / "config.yaml"
    whole = config.read_text()
    config.write_text(whole[: whole.index("notifications:")].replace("detector, notifier", "detector"))
    service.put(3)
    service.drain()
    old = set(service.alerts())
    check(len(old) == 3, f"{len(old)} alerts of 3")
    config.write_text(whole)
    for _ in range(2):
        service.put(5)
        with service.running():
            wait_for("alerts", lambda: len(service.alerts()) == service.records, 30)
            time.sleep(1)  # until the notifier has committed them
    with service.running():
        wait_for("the end of both windows", lambda: len(receiver.taken) >= 4, 60)
        time.sleep(1)
    told = [(request["path"], json.loads(request["body"])) for request in receiver.taken]
    counts = {path: [(body["kind"], body["count"]) for p, body in told if p == path] for path in ("/grouped", "/limited")}
    check(counts["/grouped"] == [("alerts", 10)], f"groups: {counts['/grouped']}")
    check(counts["/limited"] == [("alerts", 1), ("alerts", 1), ("digest", 8)], f"rate limit: {counts['/limited']}")
    check(not old & {alert["id"] for _, body in told for alert in body["alerts"]}, "alerts from before the notifier are told")
    return "a restart"


# ---- alertmanager


def alertmanager(arguments, folder):
    program = shutil.which("prometheus-alertmanager")
    if not program:
        raise Skipped("prometheus-alertmanager is not there (Debian: apt-get install prometheus-alertmanager)")
    folder.mkdir(parents=True)
    (folder / "am.yaml").write_text("route: {receiver: none}\nreceivers: [{name: none}]\n")
    port = free_port()
    with open(folder / "am.log", "w") as log, subprocess.Popen([program, f"--config.file={folder}/am.yaml", f"--storage.path={folder}/am", f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="],
                                                               stdout=log, stderr=log) as process:
        try:
            wait_for("Alertmanager", lambda: not failing(lambda: page(port, "/-/ready")), 30)
            service = Service(arguments.binary, folder / "service", f'    - {{name: am, type: alertmanager, url: "http://127.0.0.1:{port}", labels: {{cluster: test}}}}\n')
            service.put(3)
            service.drain()
            alerts = json.loads(page(port, "/api/v2/alerts"))
            check(len(alerts) == 1, f"{len(alerts)} alerts, where three findings of one entity are one")
            labels, annotations = alerts[0]["labels"], alerts[0]["annotations"]
            check(labels["alertname"] == "TrailwardenFinding" and labels["detector"] == "root_use" and labels["cluster"] == "test", f"labels: {labels}")
            check("root" in annotations["description"].lower(), f"annotations: {annotations}")
            check(alerts[0]["status"]["state"] == "active", f"status: {alerts[0]['status']}")
            status, said = service.notify("test", "--sink", "am")
            check(status == 0 and "delivered" in said, f"notify test: {said}")
            check(len(json.loads(page(port, "/api/v2/alerts"))) == 2, "the test did not arrive")
            check(pair(port, service) == ["active", "gone"], "an Insight does not begin and end")
        finally:
            process.kill()
    return "Alertmanager"


def pair(port, service):
    """The bodies of the golden files for the two halves of an Insight, as of now: the alert is there, and then it is not."""
    states = []
    for half in ("start", "end"):
        body = json.loads((GOLDEN / f"alertmanager-{half}.txt").read_text())
        now = time.time()
        for name in ("startsAt", "endsAt"):
            if name in body[0]:
                body[0][name] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + (3600 if half == "start" and name == "endsAt" else -1)))
        request = urllib.request.Request(f"http://127.0.0.1:{port}/api/v2/alerts", json.dumps(body).encode(), {"Content-Type": "application/json"})
        urllib.request.urlopen(request, timeout=5).close()
        time.sleep(0.5)
        there = [one for one in json.loads(page(port, "/api/v2/alerts")) if one["labels"]["alertname"] == "TrailwardenInsight"]
        states.append(there[0]["status"]["state"] if there else "gone")
    return states


# ---- aws


def aws(arguments, folder):
    python, why = python_with(MOTO)
    if not python:
        raise Skipped(f"{MOTO} cannot be had: {why}")
    folder.mkdir(parents=True)
    port = free_port()
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true", "no_proxy": "127.0.0.1"}
    with subprocess.Popen([python, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for("moto", lambda: not failing(lambda: page(port, "/moto-api/")), 60)
            made = json.loads(clouds(python, port, keys, "make"))
            service = Service(arguments.binary, folder / "service", f"""    - {{name: topic, type: sns, topic_arn: "{made['topic']}", endpoint: "http://127.0.0.1:{port}"}}
    - {{name: fifo, type: sns, topic_arn: "{made['fifo']}", endpoint: "http://127.0.0.1:{port}", format: text}}
    - {{name: bus, type: eventbridge, event_bus: security, region: eu-west-1, endpoint: "http://127.0.0.1:{port}", format: ocsf}}
""", environment=keys)
            service.put(3)
            service.drain()
            got = json.loads(clouds(python, port, keys, "read"))
            check(sorted(json.loads(one["Message"])["alerts"][0]["id"] for one in got["topic"]) == sorted(service.alerts()), f"SNS: {got['topic']}")
            check(all("MessageAttributes" in one and one["MessageAttributes"]["severity"]["Value"] for one in got["topic"]), "SNS: no attributes")
            check(len(got["fifo"]) == 3, f"SNS FIFO: {got['fifo']}")
            check(sorted(one["detail"]["finding_info"]["uid"] for one in got["bus"]) == sorted(service.alerts()), f"EventBridge: {got['bus']}")
            check(all(one["source"] == "trailwarden" and one["detail-type"] == "OCSF Detection Finding" for one in got["bus"]), "EventBridge: source")
        finally:
            process.kill()
    return "SNS and EventBridge"


CLOUDS = """
import boto3, json, sys
def client(name): return boto3.client(name, region_name="eu-west-1", endpoint_url=sys.argv[1])
sqs, sns, events = client("sqs"), client("sns"), client("events")
def arn(url): return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
if sys.argv[2] == "make":
    topic, fifo = sns.create_topic(Name="findings")["TopicArn"], sns.create_topic(Name="findings.fifo", Attributes={"FifoTopic": "true"})["TopicArn"]
    queue = {name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("topic", "bus")}
    queue["fifo"] = sqs.create_queue(QueueName="fifo.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn(queue["topic"]))
    sns.subscribe(TopicArn=fifo, Protocol="sqs", Endpoint=arn(queue["fifo"]))
    events.create_event_bus(Name="security")
    events.put_rule(Name="all", EventBusName="security", EventPattern=json.dumps({"source": ["trailwarden"]}))
    events.put_targets(Rule="all", EventBusName="security", Targets=[{"Id": "1", "Arn": arn(queue["bus"])}])
    print(json.dumps({"topic": topic, "fifo": fifo}))
else:
    out = {}
    for name in ("topic", "fifo.fifo", "bus"):
        url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
        got = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        out[name.split(".")[0]] = [json.loads(one["Body"]) for one in got]
    print(json.dumps(out))
"""


def clouds(python, port, keys, what):
    done = subprocess.run([python, "-c", CLOUDS, f"http://127.0.0.1:{port}", what], env=os.environ | keys, capture_output=True, text=True, check=False)
    check(done.returncode == 0, f"boto3: {done.stderr[-800:]}")
    return done.stdout


# ---- syslog


class SyslogServer:
    """Takes messages with their length in front; over TLS where there is a certificate."""

    def __init__(self, certificate=None, clients=None):
        self.lines, self.socket = [], socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.context = None
        if certificate:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*certificate)
        if clients:
            self.context.verify_mode = ssl.CERT_REQUIRED
            self.context.load_verify_locations(clients)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            connection, _ = self.socket.accept()
            with contextlib.suppress(OSError), connection:
                if self.context:
                    connection = self.context.wrap_socket(connection, server_side=True)
                received = b""
                while part := connection.recv(65536):
                    received += part
                while received:
                    length, _, received = received.partition(b" ")
                    self.lines.append(received[: int(length)].decode())
                    received = received[int(length):]


def certificate(folder, name):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
                    "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem"], check=True, capture_output=True)
    return folder / f"{name}.pem", folder / f"{name}.key"


def syslog(arguments, folder):
    folder.mkdir(parents=True)
    ours, theirs = certificate(folder, "ours"), certificate(folder, "theirs")
    secure, plain, strict = SyslogServer(ours), SyslogServer(), SyslogServer(ours, clients=ours[0])
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind(("127.0.0.1", 0))
    datagrams.settimeout(10)
    udp = datagrams.getsockname()[1]
    service = Service(arguments.binary, folder / "service", f"""    - {{name: tls, type: syslog, address: "localhost:{secure.port}", ca_file: {ours[0]}}}
    - {{name: tcp, type: syslog, address: "127.0.0.1:{plain.port}", transport: tcp, format: ocsf}}
    - {{name: udp, type: syslog, address: "127.0.0.1:{udp}", transport: udp, facility: auth}}
    - {{name: wrong, type: syslog, address: "localhost:{secure.port}", ca_file: {theirs[0]}}}
    - {{name: nameless, type: syslog, address: "127.0.0.1:{secure.port}", ca_file: {ours[0]}}}
    - {{name: known, type: syslog, address: "localhost:{strict.port}", ca_file: {ours[0]}, certificate_file: {ours[0]}, key_file: {ours[1]}}}
    - {{name: stranger, type: syslog, address: "localhost:{strict.port}", ca_file: {ours[0]}, certificate_file: {theirs[0]}, key_file: {theirs[1]}}}
    - {{name: nobody, type: syslog, address: "localhost:{strict.port}", ca_file: {ours[0]}}}
""")
    service.put(4)
    service.drain()
    form = re.compile(r'<(\d+)>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ \S+ trailwarden \d+ root_use \[trailwarden@32473 id="[0-9a-f-]{36}" severity="\w+"[^\]]*\] \ufeff(.+)')
    for lines in (secure.lines, plain.lines, strict.lines):
        check(len(lines) == 4, f"{len(lines)} messages of 4")
        check(all(form.fullmatch(line) for line in lines), f"not of the form of RFC 5424: {lines[:1]}")
    check(all(json.loads(form.fullmatch(line).group(2))["class_uid"] == 2004 for line in plain.lines), "no OCSF over TCP")
    got = [datagrams.recv(65536).decode() for _ in range(4)]
    check(all(form.fullmatch(line) and 4 * 8 <= int(form.fullmatch(line).group(1)) < 5 * 8 for line in got), f"UDP: {got[:1]}")
    status, said = service.notify("test")
    check(status == 1, f"notify test exits with {status}: {said}")
    for sink, word in (("tls", "delivered"), ("tcp", "delivered"), ("udp", "delivered"), ("wrong", "self-signed certificate"), ("nameless", "IP address mismatch"), ("known", "delivered"), ("stranger", "(alert|reset by peer)"), ("nobody", "(alert|reset by peer)")):
        check(re.search(rf"^{sink} +.*{word}", said, re.MULTILINE), f"{sink}: {said}")
    return "syslog"


# ---- kafka

KAFKA = """version: 1
roles: [{roles}]
http: {{listen: ""}}
insights: {{enabled: false}}
silence: {{enabled: false}}
rules: {{enabled: false}}
detectors: {{root_use: {{quiet_for: 0s}}}}
kafka:
  brokers: "{broker}"
  instance: one
  start: earliest
  input: [{{topic: cloudtrail}}]
  security: {{protocol: plaintext}}
  session_timeout: 6s
notifications:
  start: earliest
  sinks:
    - {{name: plain, type: webhook, url: "{url}/plain", retry: {{first: 1s, longest: 1s}}}}
    - {{name: grouped, type: webhook, url: "{url}/grouped", group: {{by: [detector], window: 2s}}}}
"""


def kafka(arguments, folder):
    script = Path(__file__).resolve().parents[2] / "scripts" / "kfake"
    built = subprocess.run([script, "build"], capture_output=True, text=True, check=False)
    if built.returncode:
        raise Skipped(f"kfake cannot be built: {built.stderr[-200:]}")
    dice = random.Random(arguments.seed)
    receiver = Receiver(lambda _: (dice.choice([200, 200, 200, 200, 200, 500]), {}, 0))
    service = Service(arguments.binary, folder, "")
    with subprocess.Popen([script, "--partitions", "4"], stdout=subprocess.PIPE, text=True) as broker:
        running = []
        try:
            address = broker.stdout.readline().split()[1]
            for name, roles in (("detector", "detector"), ("notifier", "notifier"), ("both", "detector, notifier")):
                (folder / f"{name}.yaml").write_text(KAFKA.format(roles=roles, broker=address, url=receiver.url))

            def start(role):
                running.append(subprocess.Popen([service.binary, "run", "-c", f"{role}.yaml"], cwd=folder, stderr=open(folder / f"{role}.log", "a")))
                return running[-1]

            subprocess.run([service.binary, "topics", "create", "-c", "both.yaml"], cwd=folder, check=True, capture_output=True)
            start("detector")
            for round_ in range(3):
                service.put(30)
                subprocess.run([service.binary, "forward", f"inbox/{service.records:06}.jsonl", "-c", "both.yaml", "--topic", "cloudtrail"], cwd=folder, check=True, capture_output=True)
                seen = len(receiver.told)
                notifier = start("notifier")
                wait_for("the notifier goes on", lambda before=seen + 8: len(receiver.told) > before, 60)
                if round_ < 2:
                    notifier.kill()
                    notifier.wait()
            wait_for("all alerts are told", lambda: counted(receiver) == (service.records, service.records), 90)
        finally:
            for process in [*running, broker]:
                process.kill()
                process.wait()
    bodies = {}
    for request in receiver.told:
        check(bodies.setdefault(request["headers"]["idempotency-key"], request["body"]) == request["body"], "two bodies under one id")
    say(f"kafka: {service.records} alerts, {len(receiver.told)} requests")
    return "Kafka"


def counted(receiver):
    """Alerts that were told one by one, and in groups, without repeats."""
    with receiver.lock:
        taken = {request["headers"]["idempotency-key"]: (request["path"], json.loads(request["body"])) for request in receiver.taken}.values()
    return sum(body["count"] for path, body in taken if path == "/plain"), sum(body["count"] for path, body in taken if path == "/grouped")


# ---- ocsf


def ocsf(_arguments, _folder):
    python, why = python_with(OCSF)
    if not python:
        raise Skipped(f"{OCSF} cannot be had: {why}")
    program = "import json,sys\nfrom py_ocsf_models.events.findings.detection_finding import DetectionFinding\nfor f in sys.argv[1:]:\n  b = json.load(open(f))\n  for one in (b if isinstance(b, list) else [b]): DetectionFinding.model_validate(one)"
    files = sorted(GOLDEN.glob("ocsf-*.txt"))
    check(len(files) == 5, f"golden files: {files}")
    done = subprocess.run([python, "-c", program, *files], capture_output=True, text=True, check=False)
    check(done.returncode == 0, f"no Detection Finding: {done.stderr[-1500:]}")
    return f"OCSF of {len(files)} messages"


def away(arguments, folder):
    for name, roles, stopped in (("notifier", "notifier", 1), ("embedded", "detector, notifier", 0)):
        where, port = folder / name, free_port()
        where.mkdir(parents=True)
        (where / "inbox").mkdir()
        kafka = '' if name == "embedded" else 'kafka: {brokers: "127.0.0.1:1", instance: one, input: [{topic: cloudtrail}], security: {protocol: plaintext}}\n'
        (where / "config.yaml").write_text(f'version: 1\nroles: [{roles}]\nhttp: {{listen: "127.0.0.1:{port}"}}\n{kafka}notifications: {{sinks: [{{name: hook, type: webhook, url: "http://127.0.0.1:1/"}}]}}\n')
        with subprocess.Popen([arguments.binary, "run", "-c", "config.yaml"], cwd=where, stderr=open(where / "log.txt", "w")) as process:
            try:
                wait_for(f"a metric of the {name} that is {stopped}", lambda: not failing(lambda: page(port, "/metrics")) and f"\ntrailwarden_notifier_stopped {stopped}\n" in page(port, "/metrics"), 60)
            finally:
                process.kill()
    return "a notifier without its Kafka, and one that works, are told apart by a metric,"


PARTS = {"flaky": flaky, "restart": restart, "alertmanager": alertmanager, "aws": aws, "syslog": syslog, "kafka": kafka, "away": away, "ocsf": ocsf}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("binary")
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=[])
    parser.add_argument("--kills", type=int, default=14)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    arguments.binary = str(Path(arguments.binary).resolve())
    folder, skipped = Path(tempfile.mkdtemp(prefix="notify_sinks.")), 0
    parts = arguments.parts or list(PARTS)
    for part in parts:
        try:
            say(f"{part}: {PARTS[part](arguments, folder / part)} as it should be")
        except Skipped as why:
            skipped += 1
            say(f"{part}: skipped: {why}")
        except Failed as error:
            fail_here(error, f"{sys.argv[0]} {arguments.binary} {part} --seed {arguments.seed}", folder / part)
    shutil.rmtree(folder, ignore_errors=True)
    sys.exit(77 if skipped == len(parts) else 0)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    main()
