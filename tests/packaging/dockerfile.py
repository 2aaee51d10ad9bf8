"""Runs the steps of a Dockerfile in bare systems, where there is no container daemon.

Done: FROM debian:12-slim (as `debootstrap --variant=minbase`, with which it is made as well; what slim leaves out, manuals and the like, is there), ARG, ENV, WORKDIR, COPY with
.dockerignore, RUN with cache and bind mounts, USER. Read and handed on: HEALTHCHECK, ENTRYPOINT, CMD, VOLUME, EXPOSE, STOPSIGNAL. Anything else is an error, not left out.
Not done: layers and their sizes, the image's manifest, other platforms, what a runtime adds (its seccomp filter, its network, tmpfs mounts).
"""

import fnmatch
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from room import CACHE, PROXIES, ROOT, Room, apt_binds, apt_lock

IMAGES = {"debian:12-slim"}
WORDS = {"HEALTHCHECK", "ENTRYPOINT", "CMD", "VOLUME", "EXPOSE", "STOPSIGNAL"}


@dataclass
class Step:
    line: int
    word: str
    rest: str
    flags: dict = field(default_factory=dict)


@dataclass
class Stage:
    name: str
    room: Room
    variables: dict = field(default_factory=dict)  # ENV
    arguments: dict = field(default_factory=dict)  # ARG
    folder: str = "/"
    user: str = ""
    says: dict = field(default_factory=dict)       # HEALTHCHECK and so on
    history: str = ""                              # of all that its files follow from, as long as that is little

    def known(self):
        return {**self.arguments, **self.variables}


class DockerfileError(SystemExit):
    def __init__(self, step, why):
        super().__init__(f"FAIL: Dockerfile:{step.line}: {step.word}: {why}")


def read(text):
    """The steps of a Dockerfile."""
    steps, begin, joined = [], 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("#") or (not line.strip() and not joined):
            continue
        begin = begin if joined else number
        joined += line.rstrip()
        if joined.endswith("\\"):
            joined = joined[:-1] + " "
            continue
        word, _, rest = joined.strip().partition(" ")
        step, joined = Step(begin, word.upper(), rest.strip()), ""
        while match := re.match(r"--([a-z-]+)=(\S+)\s+", step.rest):
            step.flags.setdefault(match[1], []).append(match[2])
            step.rest = step.rest[match.end():]
        steps.append(step)
    return steps


def expand(text, known):
    return re.sub(r"\$(?:\{(\w+)\}|(\w+))", lambda match: known.get(match[1] or match[2], ""), text)


class Context:
    """The folder that is built from, less what .dockerignore leaves out."""

    def __init__(self, root):
        self.root = root
        lines = (root / ".dockerignore").read_text().splitlines()
        self.rules = [(not line.startswith("!"), line.lstrip("!").strip("/")) for line in lines if line.strip() and not line.startswith("#")]

    def leaves_out(self, path):
        """The last rule that is for the path, or for a folder that it is in, decides."""
        parts = path.split("/")
        above = ["/".join(parts[:n]) for n in range(1, len(parts) + 1)]
        out = False
        for leaves, pattern in self.rules:
            if pattern.startswith("**/"):
                hit = any(fnmatch.fnmatchcase(part, pattern[3:]) for part in parts)
            else:
                hit = any(fnmatch.fnmatchcase(one, pattern) and one.count("/") == pattern.count("/") for one in above)
            out = leaves if hit else out
        return out

    def files(self, source):
        """Files below `source`, a file or folder of the context, by their path in it."""
        top = self.root / source
        if top.is_file():
            return [] if self.leaves_out(source) else [(source, top)]
        found = []
        for folder, names, files in os.walk(top):
            inside = os.path.relpath(folder, self.root)
            inside = "" if inside == "." else inside + "/"
            names[:] = sorted(name for name in names if not self.leaves_out(inside + name) or any(not leaves and pattern.startswith(inside + name + "/") for leaves, pattern in self.rules))
            found += [(inside + name, Path(folder) / name) for name in sorted(files) if not self.leaves_out(inside + name)]
        return found


class Builder:
    """`scratch`: where the systems of the stages are made, and left."""

    def __init__(self, root, scratch, arguments, cache_mounts):
        self.context = Context(root)
        self.scratch = Path(scratch)
        self.given = arguments
        self.cache_mounts = cache_mounts  # folders outside for `RUN --mount=type=cache`, by their target
        self.stages = []
        self.globals = {}

    def build(self, text):
        """The last stage."""
        for step in read(text):
            if step.word == "ARG" and not self.stages:
                self.take_argument(step, self.globals, self.globals)
            elif step.word == "FROM":
                self.begin_stage(step)
            elif step.word in WORDS:
                self.stages[-1].says[step.word] = (step.rest, step.flags)
            else:
                getattr(self, f"do_{step.word.lower()}", self.unknown)(step, self.stages[-1])
        return self.stages[-1]

    def unknown(self, step, _):
        raise DockerfileError(step, "this runner does not know it")

    def take_argument(self, step, into, known):
        name, _, default = step.rest.partition("=")
        value = self.given.get(name, expand(default, known))
        into[name] = value or self.globals.get(name, "")

    def begin_stage(self, step):
        words = expand(step.rest, self.globals).split()
        if words[0] not in IMAGES:
            raise DockerfileError(step, f"{words[0]} cannot be had here; known are {sorted(IMAGES)}")
        room = Room(self.scratch / f"stage{len(self.stages)}")
        made = subprocess.run([ROOT / "scripts/bare-debian", room.folder], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if made.returncode:
            raise DockerfileError(step, f"no bare Debian: {made.stdout[-2000:]}")
        # As the image's own packages are installed; it changes no result.
        (room.folder / "etc/dpkg/dpkg.cfg.d/docker-apt-speedup").write_text("force-unsafe-io\n")
        base = (CACHE / "clean-room/bookworm.tar").stat()
        self.stages.append(Stage(words[2] if len(words) == 3 else "", room, history=f"{base.st_mtime_ns} {base.st_size}"))

    def do_arg(self, step, stage):
        self.take_argument(step, stage.arguments, stage.known())

    def do_env(self, step, stage):
        for pair in shlex.split(step.rest):
            name, equals, value = pair.partition("=")
            if not equals:
                raise DockerfileError(step, "only NAME=VALUE is done here")
            stage.variables[name] = expand(value, stage.known())

    def do_workdir(self, step, stage):
        stage.folder = os.path.join(stage.folder, expand(step.rest, stage.known()))
        stage.room.path(stage.folder).mkdir(parents=True, exist_ok=True)

    def do_user(self, step, stage):
        stage.user = expand(step.rest, stage.known())
        if not re.fullmatch(r"\d+:\d+", stage.user):
            raise DockerfileError(step, "only UID:GID is done here")

    def do_copy(self, step, stage):
        if set(step.flags):
            raise DockerfileError(step, f"its flags are not done here: {sorted(step.flags)}")
        *sources, target = (expand(word, stage.known()) for word in step.rest.split())
        to = stage.room.path(os.path.join(stage.folder, target))
        whole = sources == ["."]
        for source in sources:
            files = self.context.files(source)
            if not files:
                raise DockerfileError(step, f"nothing of the context is {source}")
            for name, file in files:
                inside = os.path.relpath(name, source) if (self.context.root / source).is_dir() else os.path.basename(name)
                place = to / inside if whole or target.endswith(("/", ".")) or len(sources) > 1 or inside != os.path.basename(name) else to
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(file, place)
                stage.history = "" if whole or not stage.history else stage.history + name + hashlib.sha256(file.read_bytes()).hexdigest()

    def mounts(self, step):
        binds = {}
        for flag in step.flags.get("mount", []):
            options = dict(part.split("=", 1) for part in flag.split(","))
            if options["type"] == "cache" and options["target"] in self.cache_mounts:
                binds[options["target"]] = self.cache_mounts[options["target"]]
            elif options["type"] == "bind" and "from" in options:
                [source] = [stage for stage in self.stages if stage.name == options["from"]]
                binds[options["target"]] = source.room.path(options["source"])
            else:
                raise DockerfileError(step, f"this mount is not done here: {flag}")
        return binds

    def do_run(self, step, stage):
        key = hashlib.sha256((stage.history + step.rest + json.dumps(stage.known())).encode()).hexdigest() if stage.history else ""
        kept = CACHE / f"packages/layers/{key}.tar"
        stage.history = key
        if key and not step.flags and kept.exists():
            # As a daemon does with a layer that nothing has changed.
            shutil.rmtree(stage.room.folder)
            stage.room.folder.mkdir()
            subprocess.run(["tar", "-C", stage.room.folder, "-xf", kept], check=True)
            print(f"kept: RUN {step.rest[:100]}", flush=True)
            return
        begin = time.monotonic()
        binds = {"/var/cache/apt/archives": apt_binds()["/var/cache/apt/archives"], **self.mounts(step)}
        network = {name: os.environ[name] for name in PROXIES if os.environ.get(name)}
        with apt_lock():
            stage.room.run("/bin/sh", "-c", step.rest, environment={**network, **stage.known()}, folder=stage.folder, user=stage.user or None, binds=binds)
        took = time.monotonic() - begin
        print(f"{took:5.1f} s  RUN {step.rest[:100]}", flush=True)
        for place in self.mounts(step):
            # Made for the mount, and no part of the image.
            if not any(stage.room.path(place).iterdir()):
                stage.room.path(place).rmdir()
        if key and not step.flags and took > 20:
            self.keep(stage, kept)

    def keep(self, stage, kept):
        """For the next run; older ones go."""
        kept.parent.mkdir(parents=True, exist_ok=True)
        for old in sorted(kept.parent.glob("*.tar"), key=lambda path: path.stat().st_mtime)[:-3]:
            old.unlink()
        subprocess.run(["tar", "-C", stage.room.folder, "-cf", f"{kept}.{os.getpid()}", "."], check=True)
        Path(f"{kept}.{os.getpid()}").rename(kept)
