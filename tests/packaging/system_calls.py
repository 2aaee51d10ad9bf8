#!/usr/bin/env python3
"""system_calls.py PROGRAM: what the service asks of the kernel is what its systemd unit lets it: system calls, address families, no memory that is both written and run.

strace sees the calls; systemd itself says which ones its groups are. The service runs without Kafka here, through a record, a reload, the pages and an orderly end.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from unit_file import Unit

ROOT = Path(__file__).resolve().parent.parent.parent
RECORD = ROOT / "tests/data/records/sentry/root_account_used.json"


def group(name):
    """The system calls of a group of systemd's, those of groups in it included."""
    listed = subprocess.run(["systemd-analyze", "syscall-filter", name], check=True, stdout=subprocess.PIPE, text=True).stdout
    calls = set()
    for line in listed.splitlines()[1:]:
        word = line.strip()
        if word.startswith("@"):
            calls |= group(word)
        elif word and not word.startswith("#"):
            calls.add(word)
    return calls


def allowed(unit):
    calls = set()
    for value in unit.all("SystemCallFilter"):
        names = value.lstrip("~").split()
        these = set().union(*(group(name) if name.startswith("@") else {name} for name in names))
        calls = calls - these if value.startswith("~") else calls | these
    return calls


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def fetch(port, page):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{page}", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def until(condition, what):
    for _ in range(1200):
        if condition():
            return
        time.sleep(0.05)
    sys.exit(f"FAIL: not within 60 s: {what}")


def trace(program, folder):
    """What strace wrote of a service that read a record."""
    port = free_port()
    (folder / "inbox").mkdir()
    (folder / "config.yaml").write_text(f'version: 1\nhttp: {{listen: "127.0.0.1:{port}"}}\n')
    shutil.copy(program, folder / "trailwarden")
    shutil.copytree(ROOT / "models/rules", folder / "rules")
    # Not as root, for whom SQLite does more. Where it stands may be root's alone, so all that it reads is here.
    who = []
    if os.geteuid() == 0:
        who = ["-u", "nobody"]
        folder.chmod(0o755)
        for path in (folder, folder / "inbox"):
            shutil.chown(path, "nobody")
    command = ["strace", "-f", "-qq", *who, "-o", folder / "calls", folder / "trailwarden", "run", "-c", "config.yaml"]
    with open(folder / "log", "w") as log:
        service = subprocess.Popen([*map(str, command)], cwd=folder, stdout=log, stderr=log, env={**os.environ, "TRAILWARDEN_PACKS": str(folder / "rules")})
        try:
            until(lambda: fetch(port, "readyz") or service.poll() is not None, "ready")
            pid = int((folder / "calls").read_text().split(None, 1)[0])
            shutil.copy(RECORD, folder / "inbox/record.json")
            until(lambda: (folder / "trailwarden-data/alerts.jsonl").exists(), f"an alert: {(folder / 'log').read_text()}")
            os.kill(pid, signal.SIGHUP)
            fetch(port, "metrics")
            time.sleep(1)
            os.kill(pid, signal.SIGTERM)
            if service.wait(30):
                sys.exit(f"FAIL: the service ended with {service.returncode}: {(folder / 'log').read_text()[-2000:]}")
        finally:
            service.kill()
    return (folder / "calls").read_text(errors="replace")


def main():
    for tool in ("strace", "systemd-analyze"):
        if not shutil.which(tool):
            print(f"skipped: {tool} is not installed")
            sys.exit(77)
    unit = Unit(ROOT / "deploy/systemd/trailwarden.service")
    with tempfile.TemporaryDirectory() as scratch:
        text = trace(Path(sys.argv[1]).resolve(), Path(scratch))
    used = set(re.findall(r"^\d+ +(\w+)\(", text, re.M))
    families = set(re.findall(r" socket\((AF_\w+)", text))
    wrong = [f"{call} is called, and the unit's SystemCallFilter= forbids it" for call in sorted(used - allowed(unit))]
    wrong += [f"{family} is used, and the unit's RestrictAddressFamilies= forbids it" for family in sorted(families - set(unit.the("RestrictAddressFamilies").split()))]
    if re.search(r"PROT_WRITE\|PROT_EXEC", text):
        wrong.append("memory is both written and run, and the unit's MemoryDenyWriteExecute= forbids it")
    if len(used) < 40 or "AF_INET" not in families:
        wrong.append(f"only {sorted(used)} and {families} were seen, so this says little")
    if wrong:
        sys.exit("FAIL: " + "\n".join(wrong))
    print(f"ok: {len(used)} system calls, {', '.join(sorted(families))}, all of them allowed")


if __name__ == "__main__":
    main()
