#!/usr/bin/env python3
"""Changes the rules of an embedded service while it runs; no match may be lost, and what is half done must be completed.

    tests/integration/embedded_reload.py BINARY

First under load: the same rules are read anew, on SIGHUP and because their files change, again and again while traffic comes in; one undisturbed pass over the same log must then give
the same alerts and saved states. Then record by record: a rule that is added speaks, one that is removed is silent, a broken file changes nothing, and a count that was half done before
all of that is completed.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "testing"))
from ports import free_port  # noqa: E402

PORT = free_port()
CONFIG = f"""version: 1
http: {{listen: "127.0.0.1:{PORT}"}}
insights: {{warm_up: 12h}}
embedded: {{keep_input: true}}
rules: {{packs: [aws], folders: [rules]}}
"""
COUNT = """title: Three keys
name: three_keys
level: high
correlation: {type: event_count, rules: [key], timespan: 1h, group-by: [recipientAccountId], condition: {gte: 3}}
---
title: Key
name: key
detection: {s: {eventName: CreateAccessKey}, condition: s}
"""


def rule(name, event):
    return f"title: {name}\nname: {name}\nlevel: high\ndetection: {{s: {{eventName: {event}}}, condition: s}}\n"


class Service:
    def __init__(self, binary, folder):
        self.binary, self.folder, self.sent = binary, folder, 0
        for name in ("inbox", "rules"):
            (folder / name).mkdir()
        (folder / "config.yaml").write_text(CONFIG)
        self.rules("count.yml", COUNT)

    def rules(self, name, text):
        (self.folder / "rules" / name).write_text(text)

    def start(self):
        self.log = open(self.folder / "log", "ab")
        self.process = subprocess.Popen([self.binary, "run", "-c", "config.yaml"], cwd=self.folder, stderr=self.log)
        self.wait("/readyz", "ready")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait(30) != 0:
            sys.exit("the service did not end well")

    def page(self, name):
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{PORT}{name}", timeout=5).read().decode()
        except OSError:
            return ""

    def wait(self, name, text):
        for _ in range(600):
            if text in self.page(name):
                return
            time.sleep(0.05)
        sys.exit(f"{name} never said {text!r}; it says {self.page(name)[:300]!r}")

    def reloads(self):
        return (self.folder / "log").read_text().count('"config.reloaded"')

    def reload(self):
        """By signal, and waits until the worker has taken it."""
        before, changed = self.reloads(), (self.folder / "log").read_text().count('"worker.detection_changed"')
        self.process.send_signal(signal.SIGHUP)
        for _ in range(600):
            text = (self.folder / "log").read_text()
            if text.count('"config.reloaded"') > before and text.count('"worker.detection_changed"') > changed:
                return
            time.sleep(0.05)
        sys.exit("the rules were not read anew")

    def send(self, *names):
        """Records of these calls, a minute apart, in one file."""
        lines = []
        for name in names:
            self.sent += 1
            lines.append(json.dumps({
                "eventVersion": "1.08", "eventTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(1_900_000_000 + 60 * self.sent)), "eventSource": "x.amazonaws.com",
                "eventName": name, "awsRegion": "eu-west-1", "sourceIPAddress": "203.0.113.7", "eventID": f"by-hand-{self.sent}", "recipientAccountId": "999988887777",
                "userIdentity": {"type": "IAMUser", "userName": "alice", "arn": "arn:aws:iam::999988887777:user/alice", "accountId": "999988887777"}}))
        part = self.folder / "inbox" / f"by-hand-{self.sent}.jsonl.part"
        part.write_text("\n".join(lines) + "\n")
        before = self.judged()
        part.rename(part.with_suffix(""))
        for _ in range(600):
            if self.judged() >= before + len(names):
                return
            time.sleep(0.05)
        sys.exit("records were not judged")

    def judged(self):
        return json.loads(self.page("/state"))["workers"][0]["judged"]

    def told(self, account="999988887777"):
        """What rules said of an account, in order."""
        alerts = self.folder / "trailwarden-data" / "alerts.jsonl"
        details = [json.loads(line)["detail"] for line in alerts.read_text().splitlines()] if alerts.exists() else []
        return [detail["what"] for detail in details if detail.get("kind") == "finding" and detail.get("detector") == "rules" and account in json.dumps(detail)]


def under_load(service):
    subprocess.run([service.binary, "generate", "--out", "traffic", "--days", "2", "--accounts", "2", "--rate", "4"], cwd=service.folder, check=True,
                   stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    files = sorted((service.folder / "traffic").rglob("*.json.gz"))
    service.start()
    for i, file in enumerate(files):
        shutil.copy(file, service.folder / "inbox" / (file.name + ".part"))
        os.rename(service.folder / "inbox" / (file.name + ".part"), service.folder / "inbox" / file.name)
        if i % 10 == 0:
            service.process.send_signal(signal.SIGHUP)
            service.rules("count.yml", f"# {i}\n" + COUNT)
        time.sleep(12 / len(files))
    reloads = service.reloads()
    service.stop()
    subprocess.run([service.binary, "run", "-c", "config.yaml", "--drain"], cwd=service.folder, check=True, stderr=service.log)
    audit = subprocess.run([service.binary, "audit", "-c", "config.yaml", "--recompute", "--json"], cwd=service.folder, capture_output=True, text=True, check=False)
    if not audit.stdout:
        sys.exit(f"the audit failed with {audit.returncode}: {audit.stderr[-2000:]}")
    report = json.loads(audit.stdout)
    if audit.returncode != 0 or report["recomputed"]["problems"] != 0 or report["alerts"] == 0 or reloads < 5:
        sys.exit(f"{reloads} reloads; the audit says: {audit.stdout[-2000:]}")
    print(f"{len(files)} files, {reloads} reloads, {report['alerts']} alerts: the same as without")


def by_hand(service):
    service.rules("old.yml", rule("old", "OldCall"))
    service.start()
    service.send("CreateAccessKey", "OldCall", "NewCall", "CreateAccessKey")
    (service.folder / "rules" / "old.yml").unlink()
    service.rules("new.yml", rule("new", "NewCall"))
    service.reload()
    service.rules("broken.yml", "title: x\ndetection: {s: {a|contians: b}, condition: s}\n")
    service.process.send_signal(signal.SIGHUP)
    service.wait("/metrics", "trailwarden_config_last_reload_successful 0")
    service.send("OldCall", "NewCall", "CreateAccessKey")
    (service.folder / "rules" / "broken.yml").unlink()
    service.wait("/metrics", "trailwarden_config_last_reload_successful 1")  # by itself
    service.stop()
    told = service.told()
    if sorted(told) != ["new", "old", "three_keys"]:
        sys.exit(f"told were {told}")
    print("added, removed, broken, half done: as it should be")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=Path)
    binary = parser.parse_args().binary.resolve()
    with tempfile.TemporaryDirectory(prefix="trailwarden-reload-") as folder:
        service = Service(binary, Path(folder))
        try:
            under_load(service)
            by_hand(service)
        except SystemExit:
            print((Path(folder) / "log").read_text()[-3000:], file=sys.stderr)
            raise
        finally:
            if service.process.poll() is None:
                service.process.kill()


if __name__ == "__main__":
    main()
