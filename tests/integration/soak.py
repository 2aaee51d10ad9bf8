#!/usr/bin/env python3
"""The service at full speed for as long as asked: its memory and its open files may not grow.

    tests/integration/soak.py BINARY --bootstrap HOST:PORT --minutes N [--workers N]

Day after day of generated traffic of the same accounts goes into a topic, the next day being made while the last one is judged, so that the workers are never
idle for long. Resident memory is looked at every second. The first quarter of the time is for state to fill; then the median of the second quarter is held
against that of the last: growth of more than 5 % (and 16 MiB) fails, and so does one more open file than 32. At the end the auditor has the word.
"""

import argparse
import json
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from datetime import date, timedelta
from pathlib import Path

from cluster import Failed, check, free_port, wait_for

CONFIG = """version: 1
workers: {workers}
kafka:
  brokers: "{bootstrap}"
  group: soak
  instance: soak
  start: earliest
  input: [{{topic: soak}}]
  security: {{protocol: plaintext}}
http: {{listen: "127.0.0.1:{port}"}}
log: {{level: warn}}
"""
FIRST_DAY = date(2026, 1, 5)


class Service:
    def __init__(self, binary, config, port):
        self.process = subprocess.Popen([binary, "run", "-c", config])
        self.port = port

    def workers(self):
        """None yet while the service begins."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/state", timeout=5) as answer:
                return json.load(answer)["workers"]
        except (urllib.error.URLError, OSError):
            return []

    def judged(self):
        return sum(worker["read"] for worker in self.workers())

    def rss(self):
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise RuntimeError("the service has ended")

    def files(self):
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))


def make_day(binary, folder, number):
    """Starts to write one day of traffic, the same accounts as every day; gives its file and the process."""
    out = folder / f"day-{number}"
    command = [binary, "generate", "--out", out, "--seed", "1", "--days", "1", "--accounts", "8", "--rate", "120", "--jsonl", "--no-incidents",
               "--start", str(FIRST_DAY + timedelta(days=number))]
    return out / "events.jsonl", subprocess.Popen(command, stdout=subprocess.DEVNULL)


def feed(binary, config, folder, service, minutes):
    """Feeds days until the time is over, and gives (seconds, bytes, files) samples."""
    began, samples, sent = time.monotonic(), [], 0
    events, making = make_day(binary, folder, 0)
    day = 0
    while time.monotonic() - began < 60 * minutes:
        check(making.wait() == 0, "generate failed")
        day += 1
        now = events
        events, making = make_day(binary, folder, day)
        forward = subprocess.Popen([binary, "forward", now, "-c", config, "--no-progress"], stderr=subprocess.PIPE, text=True)
        while forward.poll() is None or sent == 0 or service.judged() < sent * 0.9:
            if forward.poll() is not None and not forward.stderr.closed:
                sent += int(forward.stderr.read().split(" records")[0].replace(",", ""))
                forward.stderr.close()
            samples.append((time.monotonic() - began, service.rss(), service.files()))
            time.sleep(1)
        now.unlink()
    making.wait()
    return samples, sent, day


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="trailwarden-soak-") as name:
        folder, port = Path(name), free_port()
        config = folder / "trailwarden.yaml"
        config.write_text(CONFIG.format(workers=arguments.workers, bootstrap=arguments.bootstrap, port=port))
        subprocess.run([arguments.binary, "topics", "create", "-c", config, "--partitions", "8"], check=True, stdout=subprocess.DEVNULL)
        service = Service(arguments.binary, config, port)
        try:
            wait_for("a member of the group", lambda: any(worker["isMember"] for worker in service.workers()), 60)
            samples, sent, days = feed(arguments.binary, config, folder, service, arguments.minutes)
            wait_for(f"all {sent} records judged", lambda: service.judged() >= sent, 120)
            seconds = samples[-1][0]
        finally:
            service.process.send_signal(signal.SIGTERM)
            code = service.process.wait(timeout=30)
        check(code == 0, f"the service ended with {code}")
        subprocess.run([arguments.binary, "audit", "-c", config], check=True)

    def median(first, last, column):
        return statistics.median(s[column] for s in samples if first * seconds <= s[0] <= last * seconds)

    early, late = median(0.25, 0.5, 1), median(0.75, 1, 1)
    files = median(0.75, 1, 2) - median(0.25, 0.5, 2)
    print(f"{sent:,} records of {days} days in {seconds / 60:.1f} min, {sent / seconds / 1e3:.0f} k/s: resident memory {early / 1e6:.0f} MB in the second quarter, {late / 1e6:.0f} MB in the last; "
          f"open files {files:+.0f}")
    check(late <= max(early * 1.05, early + (16 << 20)), "memory grows")
    check(files <= 32, "open files grow")


if __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        sys.exit(f"soak: {failure}")
