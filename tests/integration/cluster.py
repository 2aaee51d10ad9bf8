"""What the fault tests on a real Kafka share: brokers, workers, traffic, and the auditor who has the last word."""

import gzip
import json
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "testing"))
from ports import free_port  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]

CONFIG = """version: 1
workers: 1
kafka:
  brokers: "{bootstrap}"
  group: "{group}"
  instance: "{instance}"
  input: [{{topic: "{topic}"}}]
  security: {{protocol: plaintext}}
  session_timeout: {session}
  properties: {{{properties}}}
  ticks: {{interval: {ticks}, grace: 15m}}
http: {{listen: "127.0.0.1:{port}"}}
log: {{level: info}}
insights: {{warm_up: 12h, false_insights_per_week: 1000}}
"""


class Failed(Exception):
    """What a fault did that it must not."""


def check(condition, what):
    if not condition:
        raise Failed(what)


def wait_for(what, condition, seconds):
    """Waits until the condition holds; how long that took."""
    began = time.monotonic()
    while True:
        value = condition()
        if value:
            return time.monotonic() - began
        if time.monotonic() - began > seconds:
            raise Failed(f"after {seconds} s still not: {what}")
        time.sleep(0.05)


def crash_points(*sources):
    """The names of failpoints in these source files (globs below src), so that no list of them is typed a second time."""
    found = []
    for pattern in sources:
        for path in sorted((ROOT / "src").glob(pattern)):
            found += re.findall(r'failpoint::hit\("(\w+)"\)', path.read_text())
    check(found, f"no failpoint in {sources}")
    return list(dict.fromkeys(found))


def run(*command, **options):
    return subprocess.run([str(word) for word in command], check=True, **options)


class Stack:
    """Brokers of scripts/stack."""

    def __init__(self, data):
        self.data = Path(data).resolve()
        self.bootstrap = (self.data / "bootstrap").read_text().strip()

    def do(self, *words):
        """stop, kill, freeze, thaw, start N."""
        done = subprocess.run([ROOT / "scripts" / "stack", "--data", self.data, *map(str, words)], capture_output=True, text=True, check=False)
        check(done.returncode == 0, f"scripts/stack {' '.join(map(str, words))}: {done.stdout}{done.stderr}")
        return done.stdout

    def tool(self, name, *words):
        return self.do("tool", name, *words)

    def topics(self, *words):
        return self.tool("org.apache.kafka.tools.TopicCommand", *words)

    def groups(self, *words):
        return self.tool("org.apache.kafka.tools.consumer.group.ConsumerGroupCommand", *words)

    def brokers(self):
        return len(self.bootstrap.split(","))

    def leader(self, topic, partition):
        """The number of the broker that leads it."""
        for entry in self.metadata(topic)["topics"]:
            for found in entry["partitions"]:
                if entry["topic"] == topic and found["partition"] == partition:
                    return found["leader"]
        raise Failed(f"{topic}/{partition} is not there")

    def metadata(self, topic):
        return json.loads(run("kcat", "-b", self.bootstrap, "-L", "-J", "-t", topic, capture_output=True, text=True).stdout)

    def records(self, topic, form="%s", *options):
        """Every visible record of a topic as kcat prints it by this format; they must hold no line ends."""
        text = run("kcat", "-b", self.bootstrap, "-C", "-t", topic, "-e", "-q", "-X", "isolation.level=read_committed", "-f", form + "\n", *options,
                   capture_output=True).stdout
        return text.decode(errors="replace").splitlines()

    def put(self, topic, values, key=None, partition=None):
        """Produces raw values, each from a file of its own: they may hold anything. None: a null value."""
        to = ["kcat", "-b", self.bootstrap, "-P", "-t", topic, "-X", "message.max.bytes=2000000", *([] if partition is None else ["-p", str(partition)])]
        for value in values:
            if value is None:  # kcat makes a null value of an empty line only, not of an empty file
                run(*to, "-Z", "-K", "\x1f", input=f"{key or ''}\x1f\n".encode())
                continue
            with tempfile.NamedTemporaryFile() as file:
                file.write(value)
                file.flush()
                run(*to, *([] if key is None else ["-k", key]), file.name)


class Worker:
    """One process of the service."""

    def __init__(self, binary, folder, instance, file=None, **values):
        self.binary, self.folder, self.instance, self.port = binary, folder, instance, free_port()
        self.name = file or instance
        self.config = folder / f"{self.name}.yaml"
        self.config.write_text(CONFIG.format(instance=instance, port=self.port, **{"session": "6s", "ticks": "5s", "properties": "", **values}))
        self.log_path = folder / f"{self.name}.log"
        self.log = self.log_path.open("ab")
        self.process = None

    def start(self, fail=None, begin="earliest", under=(), env=None):
        """`fail`: a failpoint; `under`: a command before the program's name."""
        given = {**os.environ, **(env or {})}
        given.pop("TRAILWARDEN_FAIL", None)
        if fail:
            given["TRAILWARDEN_FAIL"] = fail
        where = ["--from", begin] if begin else []
        self.process = subprocess.Popen([*under, self.binary, "run", "-c", str(self.config), *where], cwd=self.folder, stderr=self.log, env=given)
        return self

    def runs(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self, seconds=30):
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=seconds)

    def wait(self, seconds, what="ended"):
        """The exit code, of a process that ends by itself."""
        wait_for(f"{self.name} has {what}", lambda: not self.runs(), seconds)
        return self.process.returncode

    def is_stopped(self):
        """By SIGSTOP."""
        return Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"

    def page(self, name):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{name}", timeout=2) as answer:
                return answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.read().decode()
        except OSError:
            return ""

    def partitions(self):
        text = self.page("state")
        return [p for w in json.loads(text)["workers"] for p in w["partitions"]] if text else []

    def states(self):
        """The partitions that stopped, with the reason; others with their state."""
        return [p.get("reason") or p["state"] for p in self.partitions()]

    def is_ready(self):
        return self.page("readyz").startswith("ready")

    def metric(self, name, **labels):
        """The sum of a metric over the series that have these labels."""
        total = 0.0
        for line in self.page("metrics").splitlines():
            found = re.match(r"trailwarden_(\w+)(?:\{(.*)\})? (\S+)$", line)
            if found and found[1] == name and all(f'{k}="{v}"' in (found[2] or "") for k, v in labels.items()):
                total += float(found[3])
        return total

    def said(self, text):
        return text in self.log_path.read_text(errors="replace")

    def resident(self):
        """Bytes of memory."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * resource.getpagesize()


def owned(workers):
    return [p for w in workers for p in w.partitions()]


def stable(workers, partitions):
    return all(w.is_ready() for w in workers) and len(owned(workers)) == partitions and all(w.partitions() for w in workers)


def drained(workers, partitions):
    all_of_them = owned(workers)
    return len(all_of_them) == partitions and all(
        p["state"] == "running" and p["caughtUp"] and p["committed"] == p["next"] and p.get("end", -1) == p["next"] for p in all_of_them)


class Traffic:
    """Generated once, forwarded often."""

    def __init__(self, binary, folder, events, days=3, accounts=12):
        self.binary, self.folder, self.events = binary, folder, events
        run(binary, "generate", "--out", folder, "--days", days, "--accounts", accounts, "--rate", f"{events / (days * 1440 * accounts):.3f}",
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.records = sum(len(json.loads(gzip.decompress(path.read_bytes()))["Records"]) for path in (folder / "AWSLogs").rglob("*.json.gz"))

    def forward(self, config, log, seconds=None):
        """All of it, in so many seconds, or as fast as it goes. A process; what it says goes to the end of that file."""
        rate = ["--rate", str(max(1, int(self.events / seconds)))] if seconds else []
        with log.open("ab") as said:
            return subprocess.Popen([self.binary, "forward", str(self.folder / "AWSLogs"), "-c", str(config), "--no-progress", *rate], stderr=said)


def audit(binary, config, recompute=True, known=None):
    """The auditor's report; raises what he found wrong, but for problems with this text."""
    done = subprocess.run([binary, "audit", "-c", str(config), "--json", *(["--recompute"] if recompute else [])], capture_output=True, text=True, check=False)
    check(done.returncode in (0, 1) and done.stdout, f"audit: exit {done.returncode}: {done.stderr}")
    report = json.loads(done.stdout)
    again = report.get("recomputed") or {"problems": 0, "firstProblems": []}
    found = [problem for problem in report["firstProblems"] + again["firstProblems"] if not known or known not in problem]
    check(not found and (known or report["problems"] + again["problems"] == 0), f"audit, {len(found)} problems: " + "; ".join(found[:5]))
    report["read"] = sum(p["read"] for p in report["partitions"])
    return report


def say(text):
    print(text, flush=True)


def fail_here(error, repeat, folder):
    """One line that repeats the run, and where the logs are."""
    sys.exit(f"FAILED: {error}\nrepeat it: {repeat}\nlogs: {folder}")
