#!/usr/bin/env python3
"""The tarball, after its checksum, in a system of nothing but the C library: from another folder than it was made in, it finds its libraries, rules and event names."""

import json
import subprocess
import tempfile
from pathlib import Path

from deb_install import check
from room import ROOT, Room, need_room, packages_folder, the_one

RECORD = ROOT / "tests/data/records/sentry/root_account_used.json"


def c_library(system):
    """Puts the files of the C library there, with its loader; no shell, nothing else."""
    listed = subprocess.run(["dpkg-query", "-L", "libc6"], check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    for name in listed:
        file = Path(name)
        if ".so" in file.name and file.is_file() and "gconv" not in name:
            inside = system / str(file.resolve()).lstrip("/") if file.is_symlink() else system / name.lstrip("/")
            inside.parent.mkdir(parents=True, exist_ok=True)
            inside.write_bytes(file.read_bytes())
            inside.chmod(0o755)
    loader = Path("/lib64/ld-linux-x86-64.so.2")
    for folder in ("lib", "lib64"):
        if not (system / folder).exists() and (system / "usr" / folder).exists():
            (system / folder).symlink_to(f"usr/{folder}")
    if loader.exists() and not (system / "lib64" / loader.name).exists():
        (system / "lib64").mkdir(exist_ok=True)
        (system / "lib64" / loader.name).write_bytes(loader.read_bytes())
        (system / "lib64" / loader.name).chmod(0o755)


def main():
    need_room()
    packages = packages_folder()
    archive = the_one(packages, "trailwarden-*.tar.gz")
    done = subprocess.run(["sha256sum", "-c", f"{archive.name}.sha256"], cwd=packages, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    check("the checksum fits", done.returncode == 0, done.stdout)
    with tempfile.TemporaryDirectory(prefix="trailwarden-room-", dir="/var/tmp") as scratch:
        system = Path(scratch)
        (system / "opt").mkdir()
        (system / "tmp").mkdir()
        (system / "proc").mkdir()
        c_library(system)
        subprocess.run(["tar", "-xzf", archive, "-C", system / "opt"], check=True)
        home = the_one(system / "opt", "trailwarden-*")
        home = home.rename(system / "opt/some other name")
        names = [path.relative_to(system) for path in system.rglob("*") if path.is_file() and not path.is_relative_to(home)]
        check("there is nothing else but the C library", 5 < len(names) < 40 and all(".so" in name.name for name in names), names)
        room = Room(system)
        program = "/opt/some other name/bin/trailwarden"
        version = json.loads(room.run(program, "--version", "--json", bare=True))
        own = [file for file in version["files"] if file.startswith("/opt/some other name/lib/")]
        check(f"{len(own)} libraries are its own", len(own) > 30 and len(version["files"]) - len(own) <= 8, version["files"])
        (system / "tmp/record.json").write_bytes(RECORD.read_bytes())
        said = room.run(program, "replay", "/tmp/record.json", "--alerts", "/tmp/alerts.jsonl", "--no-progress", bare=True)
        found = [json.loads(line) for line in (system / "tmp/alerts.jsonl").read_text().splitlines()]
        check("the root user's call is an alert", any(alert["detail"].get("detector") == "root_use" for alert in found), said)
        rules = json.loads(room.run(program, "rules", "list", "--json", bare=True))
        check("the rule packs are found", len(rules) > 200, rules)
        # A library of the same name in the working folder, which is / here, must not be taken.
        (system / "libz.so.1").write_text("no library")
        done = room.run(program, "--version", check=False, bare=True)
        check("libraries of the working folder are not", done.returncode == 0, done.stdout)


if __name__ == "__main__":
    main()
