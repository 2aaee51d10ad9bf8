#!/usr/bin/env python3
"""Packing again, with another umask and time zone, gives the same bytes, and every file in them has the time of SOURCE_DATE_EPOCH. Compiling is not repeated here."""

import hashlib
import io
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from room import ROOT, packages_folder, the_one

FILES = ("trailwarden_*.deb", "trailwarden-*.tar.gz", "sbom.cdx.json")


def digests(folder):
    return {pattern: hashlib.sha256(the_one(folder, pattern).read_bytes()).hexdigest() for pattern in FILES}


def other_times(folder, stamp):
    """Files in the packages that have another time."""
    data = subprocess.run(["dpkg-deb", "--fsys-tarfile", the_one(folder, FILES[0])], check=True, stdout=subprocess.PIPE).stdout
    with tarfile.open(fileobj=io.BytesIO(data)) as deb, tarfile.open(the_one(folder, FILES[1])) as tarball:
        return [member.name for archive in (deb, tarball) for member in archive if member.mtime != stamp]


def main():
    folder = packages_folder()
    stamp = int(subprocess.run(["git", "-C", ROOT, "log", "-1", "--format=%ct"], check=True, stdout=subprocess.PIPE, text=True).stdout)
    with tempfile.TemporaryDirectory() as again:
        environment = {**os.environ, "SOURCE_DATE_EPOCH": str(stamp), "TZ": "Asia/Kolkata", "LC_ALL": "C"}
        done = subprocess.run([ROOT / "scripts/package", "--out", again], env=environment, umask=0o077, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            sys.exit(f"FAIL: scripts/package:\n{done.stdout[-3000:]}")
        first, second = digests(folder), digests(Path(again))
        wrong = [f"{name} is not the same twice" for name in FILES if first[name] != second[name]]
        wrong += [f"{name} has another time than SOURCE_DATE_EPOCH" for name in other_times(Path(again), stamp)[:5]]
    if wrong:
        sys.exit("FAIL: " + "\n".join(wrong))
    print("ok: " + ", ".join(f"{name} {digest[:12]}" for name, digest in first.items()))


if __name__ == "__main__":
    main()
