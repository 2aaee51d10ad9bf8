#!/usr/bin/env python3
"""The systemd unit: systemd's own checks find nothing, it is not exposed more than a threshold, and what a review would look for is there."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from unit_file import Unit

ROOT = Path(__file__).resolve().parent.parent.parent
UNIT = ROOT / "deploy/systemd/trailwarden.service"
MOST_EXPOSED = 15  # of 100; 14 when this was written

REQUIRED = {
    "User": "trailwarden", "NoNewPrivileges": "yes", "CapabilityBoundingSet": "", "ProtectSystem": "strict", "ProtectHome": "yes", "PrivateTmp": "yes",
    "PrivateDevices": "yes", "MemoryDenyWriteExecute": "yes", "RestrictNamespaces": "yes", "RestrictSUIDSGID": "yes", "SystemCallArchitectures": "native",
}


def run(*command):
    return subprocess.run([*map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def main():
    if not shutil.which("systemd-analyze"):
        print("skipped: systemd-analyze is not installed")
        sys.exit(77)
    failures = []
    unit = Unit(UNIT)
    for key, value in REQUIRED.items():
        if unit.all(key) != [value]:
            failures.append(f"{key} is {unit.all(key)}, not [{value!r}]")
    with tempfile.TemporaryDirectory() as scratch:
        # `verify` wants the program where the unit says; an installed one is not asked for here.
        root = Path(scratch)
        program = root / unit.words("ExecStart")[0].lstrip("/")
        copy = root / UNIT.name
        program.parent.mkdir(parents=True)
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
        text = UNIT.read_text()
        copy.write_text(text.replace(f"ExecStart={unit.words('ExecStart')[0]}", f"ExecStart={program}"))
        done = run("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", copy)
        if done.returncode or done.stdout.strip():
            failures.append(f"systemd-analyze verify: {done.stdout}")
        copy.write_text(text + "\n[Service]\nProtectSytem=strict\n")
        done = run("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", copy)
        if "ProtectSytem" not in done.stdout:
            failures.append("systemd-analyze verify does not notice a misspelt key, so it says nothing here")
        done = run("systemd-analyze", "security", "--offline=true", "--no-pager", f"--threshold={MOST_EXPOSED}", UNIT)
        print(done.stdout.strip().splitlines()[-1])
        if done.returncode:
            failures.append(f"systemd-analyze security: more than {MOST_EXPOSED / 10}")
    if failures:
        sys.exit("FAIL: " + "\n".join(failures))


if __name__ == "__main__":
    main()
