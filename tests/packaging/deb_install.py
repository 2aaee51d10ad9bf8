#!/usr/bin/env python3
"""The Debian package in a bare Debian 12: installed by apt, its unit's ExecStart run as the unit's user, a record judged, ended by SIGTERM, and removed.

What systemd would do is done here by hand: user, folders, working directory, NOTIFY_SOCKET, no privileges, all but the state folder read-only. What the unit's filters
for system calls and address families do is not seen here.
"""

import json
import shutil
import socket
import tempfile
import threading
from pathlib import Path

from room import ROOT, bare_debian, packages_folder, skip, the_one, wait_for
from unit_file import Unit

RECORD = ROOT / "tests/data/records/sentry/root_account_used.json"
STATE = "/var/lib/trailwarden"


def check(claim, holds, seen=""):
    if not holds:
        raise SystemExit(f"FAIL: {claim}\n{seen}")
    print(f"ok: {claim}")


def install(room, package):
    (room.folder / "tmp" / package.name).write_bytes(package.read_bytes())
    lists = room.apt("update", "-o", "APT::Update::Error-Mode=any", check=False)
    if lists.returncode:
        skip(f"Debian's packages cannot be reached: {lists.stdout[-1000:]}")
    return room.apt("install", "--no-install-recommends", f"/tmp/{package.name}")


def check_contents(room):
    for path in ("/usr/bin/trailwarden", "/etc/trailwarden/trailwarden.yaml", "/lib/systemd/system/trailwarden.service", "/usr/share/man/man1/trailwarden.1.gz",
                 "/usr/share/bash-completion/completions/trailwarden", "/usr/share/zsh/vendor-completions/_trailwarden", "/usr/share/fish/vendor_completions.d/trailwarden.fish",
                 "/usr/share/trailwarden/rules/aws/root.yaml", "/usr/share/trailwarden/api_names/names.txt", "/usr/share/trailwarden/schemas/config.schema.json",
                 "/usr/share/doc/trailwarden/copyright", "/usr/share/doc/trailwarden/sbom.cdx.json", "/usr/share/doc/trailwarden/config.example.yaml"):
        check(f"{path} is there", room.path(path).is_file())
    conffiles = room.run("dpkg-query", "-W", "-f", "${Conffiles}", "trailwarden")
    check("the configuration is a conffile", conffiles.split()[0] == "/etc/trailwarden/trailwarden.yaml", conffiles)
    who = room.run("getent", "passwd", "trailwarden")
    check("the system user is there and cannot log in", who.split(":")[5] == STATE and who.strip().endswith("/nologin") and int(who.split(":")[2]) < 1000, who)
    own = room.run("find", "/usr", "/etc/trailwarden", "-newer", "/etc/hostname", "-perm", "/o+w", "-not", "-type", "l")
    check("nobody else may write to it", "trailwarden" not in own, own)


def check_program(room):
    said = room.run("trailwarden", "config", "check", "/etc/trailwarden/trailwarden.yaml")
    check("the configuration is accepted", "error" not in said, said)
    rules = room.run("trailwarden", "rules", "list", "--json")
    check("the rule packs are found", len(json.loads(rules)) > 200, rules[:500])
    said = room.run("trailwarden", "rules", "check", "/usr/share/trailwarden/rules")
    check("the rules are sound where they are", "warning" not in said, said[-500:])
    version = json.loads(room.run("trailwarden", "--version", "--json"))
    for package, library in (("librdkafka1", "librdkafka"), ("libsqlite3-0", "sqlite"), ("libcurl4", "libcurl"), ("zlib1g", "zlib"), ("libssl3", "openssl"), ("libicu72", "icu")):
        installed = room.run("dpkg-query", "-W", "-f", "${source:Upstream-Version}", package)
        said = version["loaded"][library]
        check(f"--version --json says {library} {said}", installed.startswith(said) or said.startswith(installed.split("+")[0].removesuffix(".dfsg")), installed)
    check("no library is missing", all(file.startswith("/") for file in version["files"]) and len(version["files"]) > 15, version["files"])


class Listener:
    """What systemd is to `Type=notify`: reads whatever the service says, at once. The kernel keeps ten messages, and a service that nobody listens to waits."""

    def __init__(self, room):
        self.path = room.path("/run/notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.path))
        self.path.chmod(0o777)
        self.said = []
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        while True:
            self.said += self.socket.recv(4096).decode().splitlines()


def told_alerts(room):
    file = room.path(f"{STATE}/trailwarden-data/alerts.jsonl")
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def prepare_state(room, unit):
    for folder in unit.words("StateDirectory"):
        room.run("install", "-d", "-o", unit.the("User"), "-g", unit.the("Group"), "-m", unit.the("StateDirectoryMode"), f"/var/lib/{folder}")


def deliver(room):
    inbox = room.path(f"{STATE}/inbox")
    shutil.copy(RECORD, inbox / "record.json.tmp")
    (inbox / "record.json.tmp").chmod(0o644)
    (inbox / "record.json.tmp").rename(inbox / "record.json")


def run_service(room, unit, scratch):
    prepare_state(room, unit)
    owner = f"{unit.the('User')}:{unit.the('Group')}"
    log = Path(scratch) / "service.log"
    listener = Listener(room)
    with log.open("w") as out:
        service = room.start(*unit.words("ExecStart"), log=out, user=owner, folder=unit.the("WorkingDirectory"), environment={"NOTIFY_SOCKET": "/run/notify"},
                             writable=[STATE, "/tmp"], lonely=True, mask=unit.the("UMask"))
        try:
            wait_for("READY=1", lambda: "READY=1" in listener.said, process=service)
            check("it tells systemd that it is up", True)
            config = unit.words("ExecStart")[-1]
            asked = wait_for("ready", lambda: (lambda done: done if done.returncode == 0 else None)(service.run_beside("/usr/bin/trailwarden", "health", "-c", config)), process=service)
            check("`trailwarden health` says that it is ready", asked.returncode == 0, asked.stdout)
            deliver(room)
            wait_for("an alert", lambda: told_alerts(room), process=service)
            status = Path(f"/proc/{service.inner()}/status").read_text()
            check("it has no capability and no way to any", "CapEff:\t0000000000000000" in status and "CapBnd:\t0000000000000000" in status and "NoNewPrivs:\t1" in status, status)
            code = service.terminate()
        finally:
            service.kill()
    check("SIGTERM ends it with 0", code == 0, log.read_text())
    check("it tells systemd that it ends", "STOPPING=1" in listener.said, listener.said)
    found = told_alerts(room)
    check("the root user's call is among the alerts", any(alert["detail"].get("detector") == "root_use" for alert in found), found)
    file = room.path(f"{STATE}/trailwarden-data/alerts.jsonl").stat()
    check("what it writes is nobody else's to read", file.st_mode & 0o007 == 0 and file.st_uid != 0, oct(file.st_mode))
    asked = room.run("trailwarden", "health", "-c", unit.words("ExecStart")[-1], check=False, lonely=True)
    check("`trailwarden health` says that it is gone", asked.returncode == 1, asked.stdout)


def check_upgrade_and_removal(room, package):
    config = room.path("/etc/trailwarden/trailwarden.yaml")
    config.write_text(config.read_text() + "\nshards: 32\n")
    room.apt("install", "--reinstall", "--no-install-recommends", f"/tmp/{package.name}")
    check("a changed configuration survives an upgrade", "shards: 32" in config.read_text())
    room.apt("remove", "trailwarden")
    check("removing leaves the configuration and the state", config.exists() and told_alerts(room) and not room.path("/usr/bin/trailwarden").exists())
    said = room.apt("purge", "trailwarden")
    check("purging removes the configuration, leaves the state and says so", not config.exists() and told_alerts(room) and f"{STATE} and the user trailwarden are left" in said, said)
    left = room.run("find", "/usr", "/etc", "/lib/systemd", "-name", "*trailwarden*")
    check("nothing else is left", not left.strip(), left)


def main():
    package = the_one(packages_folder(), "trailwarden_*.deb")
    with bare_debian() as room, tempfile.TemporaryDirectory() as scratch:
        install(room, package)
        check_contents(room)
        check_program(room)
        run_service(room, Unit(room.path("/lib/systemd/system/trailwarden.service")), scratch)
        check_upgrade_and_removal(room, package)


if __name__ == "__main__":
    main()
