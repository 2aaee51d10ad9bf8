#!/usr/bin/env python3
"""The steps of the Dockerfile, run in bare systems; then what it starts, as its user, on a read-only root: a record judged, the health check asked, ended by SIGTERM.

The build uses the compiler cache of this machine, as `RUN --mount=type=cache` has it. What tests/packaging/dockerfile.py does not do is not seen here.
"""

import json
import subprocess
import tempfile
from pathlib import Path

from deb_install import RECORD, check, told_alerts
from dockerfile import Builder, Context, read
from room import CACHE, ROOT, need_room, packages_folder, the_one, wait_for

STATE = "/var/lib/trailwarden"


def git(*words):
    return subprocess.run(["git", "-C", ROOT, *words], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def check_reading():
    """The runner itself, on small cases."""
    steps = read("ARG A=1\nFROM x AS y\n# no\nRUN --mount=type=cache,target=/c a && \\\n    b\nCMD [\"c\"]\n")
    check("a Dockerfile is read", [(s.line, s.word, s.rest) for s in steps] == [(1, "ARG", "A=1"), (2, "FROM", "x AS y"), (4, "RUN", "a &&      b"), (6, "CMD", '["c"]')], steps)
    context = Context(ROOT)
    left_out = {path: context.leaves_out(path) for path in ("src/app/main.cc", "tests/CMakeLists.txt", "build/x", "docs/config.example.yaml", "docs/kafka.md", "packaging/__pycache__/a.pyc", ".git/HEAD")}
    check(".dockerignore is understood", [path for path, out in left_out.items() if not out] == ["src/app/main.cc", "docs/config.example.yaml"], left_out)


def check_image(image):
    user = image.user.split(":")[0]
    check("it is not root's", user.isdigit() and int(user) > 0, image.user)
    check("no compiler is in it", not image.room.path("/usr/bin/g++").exists() and not image.room.path("/usr/bin/cmake").exists())
    check("nothing of the build is in it", not image.room.path("/src").exists() and not image.room.path("/packages").exists())
    suid = image.room.run("find", "/", "-xdev", "-perm", "/6000", "-type", "f", "-newer", "/etc/trailwarden/trailwarden.yaml").split()
    check("it adds no program that changes who runs it", not suid, suid)
    writable = image.room.run("find", "/etc/trailwarden", "/usr/bin/trailwarden", "/usr/share/trailwarden", "-user", user).split()
    check("its user owns neither program nor configuration", not writable, writable)


def run_image(image, scratch):
    words = {word: json.loads(image.says[word][0]) for word in ("ENTRYPOINT", "CMD", "VOLUME")}
    health = json.loads(image.says["HEALTHCHECK"][0].removeprefix("CMD"))
    log = Path(scratch) / "service.log"
    with log.open("w") as out:
        # A name without a path is looked for in PATH, as a runtime does.
        service = image.room.start(*words["ENTRYPOINT"], *words["CMD"], log=out, user=image.user, folder=image.folder, environment=image.variables, writable=words["VOLUME"], lonely=True)
        try:
            wait_for("the health check to pass", lambda: service.run_beside("/usr/bin/env", *health).returncode == 0, process=service)
            check("the health check passes", True)
            inbox = image.room.path(f"{STATE}/inbox")
            (inbox / "record.json.tmp").write_bytes(RECORD.read_bytes())
            (inbox / "record.json.tmp").rename(inbox / "record.json")
            wait_for("an alert", lambda: told_alerts(image.room), process=service)
            asked = service.run_beside("/usr/bin/touch", "/etc/made")
            check("its root is read-only", asked.returncode != 0 and "Read-only" in asked.stdout, asked.stdout)
            code = service.terminate()
        finally:
            service.kill()
    check("SIGTERM ends it with 0", code == 0, log.read_text())
    check("the root user's call is among the alerts", any(alert["detail"].get("detector") == "root_use" for alert in told_alerts(image.room)))
    done = image.room.run(*health, check=False, lonely=True)
    check("the health check fails without it", done.returncode == 1, done.stdout)


def program(packages, scratch):
    unpacked = Path(scratch) / "deb"
    subprocess.run(["dpkg-deb", "-x", the_one(packages, "trailwarden_*.deb"), unpacked], check=True)
    return (unpacked / "usr/bin/trailwarden").read_bytes()


def main():
    need_room()
    packages = packages_folder()
    check_reading()
    with tempfile.TemporaryDirectory(prefix="trailwarden-room-", dir="/var/tmp", ignore_cleanup_errors=True) as scratch:
        stamp = git("log", "-1", "--format=%ct")
        builder = Builder(ROOT, scratch, {"TRAILWARDEN_REVISION": git("rev-parse", "--short=12", "HEAD"), "SOURCE_DATE_EPOCH": stamp}, {"/root/.cache/trailwarden": CACHE})
        image = builder.build((ROOT / "Dockerfile").read_text())
        check_image(image)
        run_image(image, scratch)
        # With the compiler cache between them, and perhaps other packages of Debian, this is no proof that compiling is repeatable, so nothing is asked of it.
        same = program(packages, scratch) == image.room.path("/usr/bin/trailwarden").read_bytes()
        print(f"note: the program built in the container is {'' if same else 'not '}byte for byte the one built here")


if __name__ == "__main__":
    main()
