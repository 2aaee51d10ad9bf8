#!/usr/bin/env python3
"""The system calls of a running service, by strace: all of them are allowed by the filter of its systemd unit.

    tests/integration/syscalls.py BINARY

The service works embedded with all roles, with a bucket that does not answer, over TLS, reloads, answers its pages and its API, and ends; then it looks for a Kafka that is not there. What it
called is printed, and held against `systemd-analyze syscall-filter`, the sockets that it opened against the unit's families, and no memory may be both written and run. It must also have given up what it needs no more: core files,
being read by others, new privileges. Exits with 77 without strace and systemd-analyze, or where strace may not trace.
"""

import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

UNIT = Path(__file__).resolve().parent.parent.parent / "deploy/systemd/trailwarden.service"
CONFIG = """version: 1
roles: [detector, archiver, digest]
embedded: {{input: {folder}/inbox, data: {folder}/data}}
http: {{listen: "127.0.0.1:0", token_file: {folder}/token, tls: {{certificate_file: {folder}/tls.crt, key_file: {folder}/tls.key}}}}
api:
  keys: [{{id: TRAILWARDENAUDITOR, account: "111122223333", secret_file: {folder}/token}}]
trails:
  - {{name: main, home_region: us-east-1, directory: {folder}/trail, digest: {{key_directory: {folder}/keys}}}}
  - {{name: far, home_region: us-east-1, s3: {{bucket: some-trail, endpoint: "http://localhost:1", region: us-east-1}}, digest: {{key_directory: {folder}/keys}}}}
"""
KAFKA = """version: 1
kafka: {{brokers: "localhost:1", instance: "0", input: [{{topic: t}}], security: {{protocol: ssl}}}}
http: {{listen: "127.0.0.1:0"}}
"""
RECORD = {"eventVersion": "1.08", "eventTime": "2026-01-05T10:00:00Z", "eventSource": "iam.amazonaws.com", "eventName": "CreateAccessKey", "awsRegion": "us-east-1", "sourceIPAddress": "203.0.113.7",
          "eventID": "e-1", "recipientAccountId": "111122223333", "userIdentity": {"type": "Root", "arn": "arn:aws:iam::111122223333:root", "accountId": "111122223333"}}


def filter_sets():
    """The system calls of each set of systemd's, by its name, sets within sets resolved."""
    printed = subprocess.run(["systemd-analyze", "syscall-filter", "--no-pager"], capture_output=True, text=True, check=True).stdout
    sets, name = {}, ""
    for line in printed.splitlines():
        if line.startswith("@"):
            name = line.strip()
            sets[name] = set()
        elif line.startswith("    ") and not line.strip().startswith("#"):
            sets[name].add(line.strip())
        elif line.startswith("#"):
            break  # of the kernel's that are in no set

    def resolved(name):
        return {call for entry in sets[name] for call in (resolved(entry) if entry.startswith("@") else {entry})}

    return {name: resolved(name) for name in sets}


def allowed(sets):
    """As the unit has it: each line adds its sets, or with ~ takes them away."""
    calls = set()
    for line in re.findall(r"^SystemCallFilter=(.*)$", UNIT.read_text(), re.MULTILINE):
        named = {call for name in line.removeprefix("~").split() for call in (sets[name] if name.startswith("@") else {name})}
        calls = calls - named if line.startswith("~") else calls | named
    return calls


def under_strace(folder, trace, config, log):
    """As the unit does, not as root: SQLite gives its files to the owner of the database then, which nobody else may."""
    as_whom = []
    if os.geteuid() == 0:
        as_whom = ["-u", "nobody"]
        for path in (folder, *folder.rglob("*")):
            shutil.chown(path, "nobody")
    environment = {**os.environ, "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "of nobody"}
    return subprocess.Popen(["strace", "-f", "-qq", *as_whom, "-o", trace, folder / "trailwarden", "run", "-c", folder / config], stderr=open(log, "wb"), env=environment)


def look_for_kafka(folder, trace):
    process = under_strace(folder, trace, "kafka.yaml", folder / "log-kafka")
    time.sleep(5)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    if children:
        subprocess.run(["kill", "-TERM", children[0]], check=False)
    try:
        process.wait(60)
    finally:
        if process.poll() is None:
            process.kill()


def work(folder, trace):
    process = under_strace(folder, trace, "config.yaml", folder / "log")
    try:
        for _ in range(600):
            started = [line for line in (folder / "log").read_text().splitlines() if '"service.started"' in line]
            if started or process.poll() is not None:
                break
            time.sleep(0.05)
        if not started:
            print("strace cannot trace here: " + (folder / "log").read_text()[-500:])
            sys.exit(77 if "ptrace" in (folder / "log").read_text() else 1)
        url = "https://127.0.0.1:" + json.loads(started[0])["pages"].removeprefix("port ")
        context = ssl._create_unverified_context()
        (folder / "inbox" / "one.tmp").write_text(json.dumps(RECORD) + "\n")
        (folder / "inbox" / "one.tmp").rename(folder / "inbox" / "one.jsonl")
        service = int(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0])
        time.sleep(3)
        for path, body in (("/metrics", None), ("/healthz", None), ("/readyz", None), ("/config", None), ("/state", None), ("/", b"{}")):
            request = urllib.request.Request(url + path, data=body, headers={"Authorization": "Bearer token"})
            try:
                urllib.request.urlopen(request, timeout=20, context=context).read()
            except urllib.error.HTTPError as e:
                e.read()
        status = Path(f"/proc/{service}/status").read_text()
        limits = Path(f"/proc/{service}/limits").read_text()
        subprocess.run(["kill", "-HUP", str(service)], check=True)
        time.sleep(2)
        subprocess.run(["kill", "-TERM", str(service)], check=True)
        if process.wait(60) != 0:
            sys.exit("the service did not end well: " + (folder / "log").read_text()[-2000:])
        return status, limits
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    for tool in ("strace", "systemd-analyze", "openssl"):
        if not shutil.which(tool):
            print(f"there is no {tool}")
            return 77
    may = allowed(filter_sets())
    with tempfile.TemporaryDirectory(prefix="trailwarden-syscalls-") as temporary:
        folder = Path(temporary)
        (folder / "inbox").mkdir()
        (folder / "token").write_text("token\n")
        (folder / "config.yaml").write_text(CONFIG.format(folder=folder))
        (folder / "kafka.yaml").write_text(KAFKA.format())
        shutil.copy(sys.argv[1], folder / "trailwarden")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", folder / "tls.key", "-out", folder / "tls.crt", "-subj", "/CN=127.0.0.1", "-days", "3"], check=True, capture_output=True)
        status, limits = work(folder, folder / "trace")
        look_for_kafka(folder, folder / "trace-kafka")
        text = "".join((folder / name).read_text(errors="replace") for name in ("trace", "trace-kafka"))
        calls = set(re.findall(r"^\d+ +(\w+)\(", text, re.MULTILINE))
    # glibc asks by AF_NETLINK which addresses this machine has, to put a name's addresses in order; refused, it takes it that there are all kinds.
    families = set(re.findall(r" socket\((AF_\w+)", text)) - {"AF_NETLINK"}
    found = [f"{call} is not allowed by {UNIT.name}" for call in sorted(calls - may)]
    found += [f"a socket of {family} is not allowed by {UNIT.name}" for family in sorted(families - set(re.search(r"^RestrictAddressFamilies=(.*)$", UNIT.read_text(), re.MULTILINE).group(1).split()))]
    if re.search(r"PROT_WRITE\|PROT_EXEC", text):
        found.append(f"memory is both written and run, and MemoryDenyWriteExecute= of {UNIT.name} forbids it")
    if "connect" not in calls:
        found.append("nobody was asked for anything")
    if len(may) < 200 or not {"openat", "read", "write", "accept4", "accept"} & calls or len(calls) < 40 or "AF_INET" not in families:
        found.append(f"too little was understood: {len(may)} allowed, {len(calls)} seen")
    if not re.search(r"^NoNewPrivs:\s*1$", status, re.MULTILINE):
        found.append("it may gain privileges")
    if not re.search(r"^Max core file size +0 ", limits, re.MULTILINE):
        found.append("it may leave a core file")
    if "PR_SET_DUMPABLE, SUID_DUMP_DISABLE" not in text:
        found.append("others may read its memory")
    print("\n".join(found) or f"{len(calls)} system calls, all allowed: {' '.join(sorted(calls))}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
