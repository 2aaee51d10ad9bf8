#!/usr/bin/env python3
"""No secret leaves the program: not in its log, pages, metrics, alerts, database, errors, nor in what its commands print.

    tests/integration/secrets_redacted.py BINARY

Secrets are planted into files, environment and configurations, also where they do not belong. The service runs, is asked for everything, is made to fail in each way that names a secret's
place, and crashes. Whatever came out is searched for the planted words, plain and encoded.
"""

import base64
import http.server
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

NAMES = ["http_token", "api_secret", "passphrase", "sasl_password", "key_password", "oauth_token", "aws_secret", "session_token", "endpoint_password", "misplaced", "sink_token", "signing_secret", "routing_key", "sink_url"]
# As such words look: letters, signs of base64, no underscore.
SECRETS = {name: f"pL4nted/{i}+{name.replace('_', '')}XqZ7" for i, name in enumerate(NAMES)}
IN_URL, SINK_URL = (SECRETS[name].replace("/", "-").replace("+", "-") for name in ("endpoint_password", "sink_url"))
MISPLACED = SECRETS["misplaced"]

RECORD = {"eventVersion": "1.08", "eventTime": "2026-01-05T10:00:00Z", "eventSource": "iam.amazonaws.com", "eventName": "CreateAccessKey", "awsRegion": "us-east-1", "sourceIPAddress": "203.0.113.7",
          "eventID": "e-1", "recipientAccountId": "111122223333", "userIdentity": {"type": "Root", "arn": "arn:aws:iam::111122223333:root", "accountId": "111122223333"}}

EMBEDDED = """version: 1
roles: [detector, archiver, digest, notifier]
embedded: {{input: {folder}/inbox, data: {folder}/data}}
http: {{listen: "127.0.0.1:0", token_file: {folder}/http_token}}
api:
  keys: [{{id: TRAILWARDENAUDITOR, account: "111122223333", secret_env: API_SECRET}}]
trails:
  - name: main
    home_region: us-east-1
    s3: {{bucket: some-trail, endpoint: "http://127.0.0.1:1", region: us-east-1}}
    digest: {{key_directory: {folder}/keys, passphrase_env: PASSPHRASE}}
notifications:
  sinks:
    - {{name: hook, type: webhook, url: "{tattler}/hook", authorization_file: {folder}/sink_token, signing_secret_env: SIGNING_SECRET}}
    - {{name: chat, type: slack, url_env: CHAT_URL}}
    - {{name: oncall, type: pagerduty, url: "{tattler}/oncall", routing_key_file: {folder}/routing_key}}
    - {{name: away, type: slack, url_env: AWAY_URL}}
log: {{level: debug}}
"""
KAFKA = """version: 1
kafka:
  brokers: "127.0.0.1:1"
  instance: "0"
  input: [{{topic: cloudtrail}}]
  security: {{{security}}}
  properties: {{debug: "all"}}
http: {{listen: "127.0.0.1:0", token_file: {folder}/http_token}}
log: {{level: debug}}
"""
KAFKA_WAYS = {
    "scram": "protocol: sasl_ssl, mechanism: SCRAM-SHA-512, username: someone, password_file: {folder}/sasl_password",
    "plain": "protocol: sasl_plaintext, allow_plaintext: true, mechanism: PLAIN, username: someone, password_env: SASL_PASSWORD",
    "oauth": "protocol: sasl_plaintext, allow_plaintext: true, mechanism: OAUTHBEARER, token_file: {folder}/oauth_token",
    "msk": "protocol: sasl_ssl, mechanism: AWS_MSK_IAM, region: us-east-1",
    "mtls": "protocol: ssl, certificate_file: {folder}/client.crt, key_file: {folder}/client.key, key_password_env: KEY_PASSWORD",
    "mtls, wrong password": "protocol: ssl, certificate_file: {folder}/client.crt, key_file: {folder}/client.key, key_password_file: {folder}/sasl_password",
}
SECURE = 'kafka: {{brokers: "127.0.0.1:1", input: [{{topic: t}}], security: {{{security}}}}}'
SASL = "protocol: sasl_ssl, mechanism: PLAIN, username: u"
SINKS = 'roles: [detector, notifier]\nhttp: {{listen: ""}}\nnotifications: {{sinks: [{{{}}}]}}'
# What somebody writes by mistake. Each is refused, or fails when it is used.
WRONG = {
    "password in the file": SECURE.format(security=f'{SASL}, password: "{MISPLACED}"'),
    "password for its variable": SECURE.format(security=f'{SASL}, password_env: "{MISPLACED}"'),
    "password for its file": SECURE.format(security=f'{SASL}, password_file: "{MISPLACED}"'),
    "password as a list": SECURE.format(security=f'{SASL}, password_file: ["{MISPLACED}"]'),
    "password as a mapping": SECURE.format(security=f'{SASL}, password_env: {{value: "{MISPLACED}"}}'),
    "password of a key as a property": f'kafka: {{brokers: "127.0.0.1:1", input: [{{topic: t}}], security: {{protocol: ssl}}, properties: {{ssl.key.password: "{MISPLACED}"}}}}',
    "password as a property": f'kafka: {{brokers: "127.0.0.1:1", input: [{{topic: t}}], security: {{protocol: ssl}}, properties: {{sasl.password: "{MISPLACED}"}}}}',
    "a key as a property": f'kafka: {{brokers: "127.0.0.1:1", input: [{{topic: t}}], security: {{protocol: ssl}}, properties: {{ssl.key.pem: "{MISPLACED}"}}}}',
    "password before a broker": f'kafka: {{brokers: "someone:{IN_URL}@127.0.0.1:1", input: [{{topic: t}}], security: {{protocol: ssl}}}}',
    "token in the file": f'http: {{token: "{MISPLACED}"}}',
    "token for its variable": f'http: {{listen: "127.0.0.1:0", token_env: "{MISPLACED}"}}',
    "token for its file": f'http: {{listen: "127.0.0.1:0", token_file: "{MISPLACED}"}}',
    "token before the listener": f'http: {{listen: "user:{IN_URL}@127.0.0.1:0"}}',
    "key for its file": f'http: {{listen: "127.0.0.1:0", tls: {{certificate_file: CERTIFICATE, key_file: TOKEN}}}}',
    "secret of the API in the file": f'api: {{keys: [{{id: TRAILWARDENAUDITOR, account: "111122223333", secret: "{MISPLACED}"}}]}}',
    "secret of the API for its id": f'api: {{keys: [{{id: "{MISPLACED}", account: "111122223333", secret_env: API_SECRET}}]}}',
    "secret of the API for its account": f'api: {{keys: [{{id: TRAILWARDENAUDITOR, account: "{MISPLACED}", secret_env: API_SECRET}}]}}',
    "secret of the API for its variable": f'http: {{listen: "127.0.0.1:0"}}\napi: {{keys: [{{id: TRAILWARDENAUDITOR, account: "111122223333", secret_env: "{MISPLACED}"}}]}}',
    "AWS keys in the file": f'trails: [{{name: main, home_region: us-east-1, s3: {{bucket: some-trail, secret_access_key: "{MISPLACED}", session_token: "{MISPLACED}"}}}}]',
    "user in an endpoint": f'trails: [{{name: main, home_region: us-east-1, s3: {{bucket: some-trail, endpoint: "https://someone:{IN_URL}@s3.example"}}}}]',
    "user in a queue": f'embedded: {{sqs: [{{queue_url: "https://someone:{IN_URL}@sqs.us-east-1.amazonaws.com/111122223333/q"}}]}}',
    "user in a queue's endpoint": f'embedded: {{sqs: [{{queue_url: "https://sqs.us-east-1.amazonaws.com/111122223333/q", endpoint: "https://someone:{IN_URL}@vpce.example"}}]}}',
    "passphrase in the file": f'trails: [{{name: main, home_region: us-east-1, directory: trail, digest: {{passphrase: "{MISPLACED}"}}}}]',
    "passphrase for its variable": f'roles: [detector, archiver, digest]\nhttp: {{listen: ""}}\ntrails: [{{name: main, home_region: us-east-1, directory: trail, digest: {{key_directory: keys-2, passphrase_env: "{MISPLACED}"}}}}]',
    "URL of a chat in the file": SINKS.format(f'name: chat, type: slack, url: "https://chat.example/{IN_URL}"'),
    "URL of a chat for its variable": SINKS.format(f'name: chat, type: slack, url_env: "{MISPLACED}"'),
    "user in the URL of a sink": SINKS.format(f'name: hook, type: webhook, url: "https://someone:{IN_URL}@hook.example/"'),
    "token in the URL of a sink": SINKS.format(f'name: hook, type: webhook, url: "https://hook.example/?token={IN_URL}"'),
    "token in a header": SINKS.format(f'name: hook, type: webhook, url: "https://hook.example/", headers: {{X-Api-Key: "{MISPLACED}"}}'),
    "signing secret in the file": SINKS.format(f'name: hook, type: webhook, url: "https://hook.example/", signing_secret: "{MISPLACED}"'),
    "routing key in the file": SINKS.format(f'name: oncall, type: pagerduty, routing_key: "{MISPLACED}"'),
    "routing key for its variable": SINKS.format(f'name: oncall, type: pagerduty, routing_key_env: "{MISPLACED}"'),
    "half a line": f'http: {{token: "{MISPLACED}\n',
    "a line without its key": f'http:\n  "{MISPLACED}"\n',
}


def encodings(secret):
    raw = secret.encode()
    return {secret, urllib.parse.quote(secret, safe=""), raw.hex(), base64.b64encode(raw).decode().rstrip("="), json.dumps(secret)[1:-1], secret.replace("/", "\\/")}


class Search:
    """What came out of the program, by where."""

    def __init__(self):
        self.words = {name: encodings(secret) for name, secret in SECRETS.items()}
        self.words["endpoint_password"] |= encodings(IN_URL)
        self.words["sink_url"] |= encodings(SINK_URL)
        self.searched, self.redacted, self.found = 0, 0, []

    def look(self, where, text):
        text = text.decode(errors="replace") if isinstance(text, bytes) else text
        self.searched += len(text)
        self.redacted += len(re.findall(r"status 400: .*\*\*\*", text))
        for name, words in self.words.items():
            for word in words:
                if word in text:
                    at = text.index(word)
                    self.found.append(f"{where}: {name}: ...{text[max(0, at - 160):at]}<HERE>{text[at + len(word):at + len(word) + 40]!r}")
                    break


class Tattler(http.server.BaseHTTPRequestHandler):
    """Takes no notification, and says in its answer all that it was told."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        answer = f"{self.path} {self.headers['Authorization']} {body}".encode()
        self.send_response(400)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
        self.server.told.add(self.path.split("/")[1])

    def log_message(self, *_):
        pass


def page(port, path, token=None, **more):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Authorization": f"Bearer {token}"} if token else {}, **more)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as e:
        return e.code, e.read()


class Runs:
    def __init__(self, binary, folder, search):
        self.binary, self.folder, self.search, self.number = binary, folder, search, 0
        clean = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
        self.environment = {**clean, "API_SECRET": SECRETS["api_secret"], "PASSPHRASE": SECRETS["passphrase"], "SASL_PASSWORD": SECRETS["sasl_password"], "KEY_PASSWORD": SECRETS["key_password"],
                            "SIGNING_SECRET": SECRETS["signing_secret"], "AWAY_URL": f"http://127.0.0.1:1/services/{SINK_URL}",
                            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": SECRETS["aws_secret"], "AWS_SESSION_TOKEN": SECRETS["session_token"],
                            "AWS_EC2_METADATA_DISABLED": "true"}

    def config(self, text):
        self.number += 1
        path = self.folder / f"config-{self.number}.yaml"
        path.write_text(text)
        return path

    def command(self, what, *words, seconds=20, **environment):
        """Exit code; None if it still ran."""
        process = subprocess.Popen([self.binary, *map(str, words)], cwd=self.folder, env={**self.environment, **environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            out, err = process.communicate(timeout=seconds)
            code = process.returncode
        except subprocess.TimeoutExpired:
            process.terminate()
            out, err = process.communicate(timeout=30)
            code = None
        self.search.look(f"{what}: {words[0]}", out + err)
        return code

    def service(self, what, config, look):
        """Runs it and lets `look` at its port; then it is ended by whatever that returns."""
        log = self.folder / f"log-{self.number}"
        with open(log, "wb") as file:
            process = subprocess.Popen([self.binary, "run", "-c", config], cwd=self.folder, env=self.environment, stdout=file, stderr=file)
        try:
            port = 0
            for _ in range(300):
                started = [line for line in log.read_text().splitlines() if '"service.started"' in line]
                if started:
                    port = int(json.loads(started[0])["pages"].removeprefix("port "))
                    break
                if process.poll() is not None:
                    break
                time.sleep(0.05)
            if process.poll() is None:
                process.send_signal(look(port))
            process.wait(40)
        finally:
            if process.poll() is None:
                process.kill()
        self.search.look(f"{what}: log", log.read_bytes())
        return port != 0


def pages_of(runs, what, port):
    for path in ("/metrics", "/healthz", "/readyz", "/config", "/state", "/nothing"):
        status, body = page(port, path, SECRETS["http_token"])
        if status not in (200, 404, 503):
            sys.exit(f"{what}: {path} is {status}: {body!r}")
        runs.search.look(f"{what}: {path}", body)
    for token in (None, "wrong", MISPLACED):
        runs.search.look(f"{what}: refused", page(port, "/config", token)[1])
    runs.search.look(f"{what}: API", page(port, "/", data=b"{}", method="POST")[1])


def embedded(runs):
    folder = runs.folder
    tattler = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Tattler)
    tattler.told = set()
    threading.Thread(target=tattler.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{tattler.server_port}"
    runs.environment["CHAT_URL"] = f"{url}/services/{SINK_URL}"
    path = runs.config(EMBEDDED.format(folder=folder, tattler=url))
    alerts = folder / "data" / "alerts.jsonl"

    def look(port):
        (folder / "inbox" / "part.tmp").write_text(json.dumps(RECORD) + "\n")
        (folder / "inbox" / "part.tmp").rename(folder / "inbox" / "one.jsonl")
        until = time.monotonic() + 30
        while time.monotonic() < until and not (alerts.exists() and alerts.stat().st_size):
            time.sleep(0.1)
        time.sleep(2)  # of a store that does not answer
        pages_of(runs, "embedded", port)
        # A secret that is written into the configuration of a running service.
        path.write_text(path.read_text() + f'kafka: {{security: {{password: "{MISPLACED}"}}}}\n')
        time.sleep(1.5)
        return signal.SIGHUP

    def look_and_crash(port):
        look(port)
        pages_of(runs, "reloaded", port)
        return signal.SIGSEGV

    if not runs.service("embedded", path, look_and_crash) or not alerts.stat().st_size:
        sys.exit("the service gave no alert")
    if tattler.told != {"hook", "services", "oncall"}:
        sys.exit(f"of the sinks only {tattler.told} were told")
    path = runs.config(EMBEDDED.format(folder=folder, tattler=url))
    for words in (("notify", "test", "-c", path), ("notify", "test", "-c", path, "--dry-run"), ("notify", "undelivered", "-c", path), ("config", "check", path), ("config", "show", path), ("audit", "-c", path), ("deadletters", "-c", path), ("state", "info", "-c", path), ("topics", "check", "-c", path)):
        runs.command("embedded", *words)
    for file in sorted((folder / "data").rglob("*")) + sorted((folder / "keys").rglob("*")):
        if file.is_file():
            runs.search.look(f"file {file.relative_to(folder)}", file.read_bytes())


def kafka(runs):
    for name, security in KAFKA_WAYS.items():
        path = runs.config(KAFKA.format(folder=runs.folder, security=security.format(folder=runs.folder)))

        def look(port):
            time.sleep(2)
            if port:
                pages_of(runs, name, port)
            return signal.SIGTERM

        runs.service(f"kafka, {name}", path, look)
        for words in (("config", "show", path), ("topics", "check", "-c", path)):
            runs.command(f"kafka, {name}", *words, seconds=8)


def wrong(runs):
    for what, text in WRONG.items():
        text = text.replace("CERTIFICATE", str(runs.folder / "client.crt")).replace("TOKEN", str(runs.folder / "http_token"))
        path = runs.config("version: 1\n" + text + "\n")
        # What stands where a path belongs is shown as one, once somebody asks for the configuration: there is no telling it from a path.
        codes = [runs.command(what, "config", "check", path), 2 if what.endswith("for its file") else runs.command(what, "config", "show", path), runs.command(what, "run", "-c", path, seconds=6)]
        if codes[2] == 0 or (codes[2] is None and "for its" not in what):
            runs.search.found.append(f"{what}: went well: {codes}")
    for variable in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"):
        runs.command(variable, "replay", "s3://some-trail/AWSLogs/", **{variable: f"https://someone:{IN_URL}@s3.example"})
    web = {"AWS_ACCESS_KEY_ID": "", "AWS_WEB_IDENTITY_TOKEN_FILE": str(runs.folder / "oauth_token"), "AWS_ROLE_ARN": "arn:aws:iam::111122223333:role/r", "AWS_ENDPOINT_URL_STS": f"http://someone:{IN_URL}@127.0.0.1:1"}
    runs.command("STS", "replay", "s3://some-trail/AWSLogs/", **web)
    container = {"AWS_ACCESS_KEY_ID": "", "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://someone:{IN_URL}@127.0.0.1:1/c?t={MISPLACED}", "AWS_CONTAINER_AUTHORIZATION_TOKEN": SECRETS["oauth_token"]}
    runs.command("container", "replay", "s3://some-trail/AWSLogs/", **container)
    container["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://127.0.0.1:1/c"
    runs.command("container that is away", "replay", "s3://some-trail/AWSLogs/", **container)
    (runs.folder / "credentials").write_text(f"[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key {MISPLACED}\n{MISPLACED}\n")
    runs.command("profile", "replay", "s3://some-trail/AWSLogs/", AWS_ACCESS_KEY_ID="", AWS_SHARED_CREDENTIALS_FILE=str(runs.folder / "credentials"), AWS_CONFIG_FILE=str(runs.folder / "credentials"))


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    if not shutil.which("openssl"):
        print("there is no openssl")
        return 77
    search = Search()
    with tempfile.TemporaryDirectory(prefix="trailwarden-secrets-") as temporary:
        folder = Path(temporary)
        (folder / "inbox").mkdir()
        for name in ("http_token", "sasl_password", "oauth_token", "sink_token", "routing_key"):
            (folder / name).write_text(SECRETS[name] + "\n")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-keyout", folder / "client.key", "-out", folder / "client.crt", "-subj", "/CN=client", "-days", "3", "-passout",
                        "pass:" + SECRETS["key_password"]], check=True, capture_output=True)
        runs = Runs(Path(sys.argv[1]).resolve(), folder, search)
        for part in (embedded, kafka, wrong):
            part(runs)
    if not search.redacted:
        sys.exit("what the sinks answered was not shown: that proves nothing of it")
    print("\n".join(search.found) or f"{search.searched:,} characters searched, {len(WRONG)} mistakes made: none of {len(SECRETS)} secrets in them")
    return 1 if search.found else 0


if __name__ == "__main__":
    sys.exit(main())
