"""Tools from PyPI that tests run, each in a virtual environment of its own in the cache outside of the tree."""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path


def go_on_with(*requirements):
    """Goes on in the Python that has these packages; exits with 77 where they cannot be had."""
    python, why = python_with(*requirements)
    if not python:
        print(f"{' '.join(requirements)} cannot be had: {why}")
        sys.exit(77)
    if Path(sys.prefix) != python.parent.parent:
        os.execv(python, [str(python), *sys.argv])
    return python


def python_with(*requirements):
    """The Python that has these packages (`name==version`), or None and why not."""
    cache = Path(os.environ.get("TRAILWARDEN_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "trailwarden")
    kept = cache / "tools" / "-".join(r.replace("==", "-") for r in requirements)
    kept.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{kept}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            part = Path(f"{kept}.part")
            shutil.rmtree(part, ignore_errors=True)
            steps = [sys.executable, "-m", "venv", part], [part / "bin/python", "-m", "pip", "install", "-q", "--disable-pip-version-check", *requirements]
            for step in steps:
                done = subprocess.run(step, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
                if done.returncode:
                    return None, done.stdout.strip().splitlines()[-1:]
            part.rename(kept)
    return kept / "bin/python", None
