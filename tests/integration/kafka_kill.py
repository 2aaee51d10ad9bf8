#!/usr/bin/env python3
"""Two workers on a real Kafka, killed over and over while traffic arrives; nothing may be lost or doubled.

    tests/integration/kafka_kill.py BINARY --bootstrap HOST:PORT [--seconds N] [--kills N] [--events N]

Each worker is a process of its own. One of them is killed with SIGKILL up to two seconds after the group is stable again, until the time is over and
enough kills were made. Then everything is judged to the end, both leave in good order, and the auditor has the word: ranges tile, counts add up, no alert
is there twice, and one undisturbed pass over the same input gives the same alerts and saved states (audit --recompute).
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

CONFIG = """version: 1
workers: 1
kafka:
  brokers: "{bootstrap}"
  group: kill-{name}
  instance: "{instance}"
  input: [{{topic: "{topic}"}}]
  security: {{protocol: plaintext}}
  session_timeout: 6s
  ticks: {{interval: 5s, grace: 15m}}
http: {{listen: "127.0.0.1:{port}"}}
log: {{level: warn}}
insights: {{warm_up: 12h, false_insights_per_week: 1000}}
"""


def free_port():
    import socket
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Worker:
    def __init__(self, binary, folder, instance, **values):
        self.binary, self.folder, self.instance, self.port = binary, folder, instance, free_port()
        self.config = folder / f"{instance}.yaml"
        self.config.write_text(CONFIG.format(instance=instance, port=self.port, **values))
        self.log = (folder / f"{instance}.log").open("ab")
        self.process = None

    def start(self):
        self.process = subprocess.Popen([self.binary, "run", "-c", str(self.config), "--from", "earliest"], cwd=self.folder, stderr=self.log)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def page(self, name):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{name}", timeout=5) as answer:
                return answer.read().decode()
        except (urllib.error.URLError, OSError):
            return ""

    def partitions(self):
        text = self.page("state")
        return [p for w in json.loads(text)["workers"] for p in w["partitions"]] if text else []

    def is_ready(self):
        return self.page("readyz").startswith("ready")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)


def run(*command, **options):
    return subprocess.run([str(word) for word in command], check=True, **options)


def wait_for(what, condition, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.1)
    sys.exit(f"after {seconds} s still not: {what}")


def stable(workers, partitions):
    owned = [p for w in workers for p in w.partitions()]
    return all(w.is_ready() for w in workers) and len(owned) == partitions and all(w.partitions() for w in workers)


def drained(workers, partitions):
    owned = [p for w in workers for p in w.partitions()]
    return len(owned) == partitions and all(p["state"] == "running" and p["caughtUp"] and p["committed"] == p["next"] for p in owned)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary", type=lambda p: str(Path(p).resolve()))
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--seconds", type=float, default=45)
    parser.add_argument("--kills", type=int, default=3, help="at least so many")
    parser.add_argument("--events", type=int, default=150_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    random.seed(arguments.seed)
    partitions = 8
    name = f"{os.getpid()}-{int(time.time())}"
    values = {"bootstrap": arguments.bootstrap, "name": name, "topic": f"cloudtrail-{name}"}
    with tempfile.TemporaryDirectory(prefix="trailwarden-kafka-kill-") as temporary:
        folder = Path(temporary)
        workers = [Worker(arguments.binary, folder, instance, **values) for instance in ("a", "b")]
        config = workers[0].config
        run(arguments.binary, "topics", "create", "-c", config, "--partitions", partitions, "--replication", 1)
        days = 3
        rate = arguments.events / (days * 1440 * 12)
        run(arguments.binary, "generate", "--out", folder / "traffic", "--days", days, "--accounts", 12, "--rate", f"{rate:.3f}",
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        sender = subprocess.Popen([arguments.binary, "forward", str(folder / "traffic" / "AWSLogs"), "-c", str(config), "--no-progress",
                                   "--rate", str(int(arguments.events / arguments.seconds))], stderr=subprocess.PIPE, text=True)
        for worker in workers:
            worker.start()
        kills, end = 0, time.monotonic() + arguments.seconds
        while time.monotonic() < end or kills < arguments.kills:
            wait_for("a stable group", lambda: stable(workers, partitions), 120)
            time.sleep(random.uniform(0, 2))
            victim = random.choice(workers)
            victim.kill()
            victim.start()
            kills += 1
        said = sender.communicate()[1].strip()
        print(said)
        if sender.returncode != 0:
            sys.exit("forward failed")
        wait_for("a stable group", lambda: stable(workers, partitions), 120)
        wait_for("everything judged", lambda: drained(workers, partitions), 120)
        codes = [worker.stop() for worker in workers]
        assert codes == [0, 0], f"exit codes {codes}"
        done = subprocess.run([arguments.binary, "audit", "-c", str(config), "--json", "--recompute"], capture_output=True, text=True, check=False)
        if done.returncode not in (0, 1):
            sys.exit(f"audit: exit {done.returncode}: {done.stderr}")
        report = json.loads(done.stdout)
        again = report["recomputed"]
        for problem in report["firstProblems"] + again["firstProblems"]:
            print("PROBLEM", problem)
        read = sum(p["read"] for p in report["partitions"])
        print(f"{kills} kills; {read} records read, {report['alerts']} alerts, {again['commits']} commits, {again['states']} saved states")
        for worker in workers:
            print(Path(worker.log.name).read_text()[-2000:] if report["problems"] or again["problems"] else "", end="")
        assert report["problems"] == 0 and again["problems"] == 0
        assert report["alerts"] > 20, "too few alerts to prove anything"
        assert str(f"{read:,}") in said, "not every forwarded record was read"


if __name__ == "__main__":
    main()
