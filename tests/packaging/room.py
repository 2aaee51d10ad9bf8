"""A bare Debian 12 in a folder, to install and run packages in: for tests, as root."""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
CACHE = Path(os.environ.get("TRAILWARDEN_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "trailwarden")
PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")

# Runs inside of namespaces of its own: what is mounted here is gone with the process.
ENTER = """
set -e
system=$1; shift
umask "$mask"
if [ "$lonely" ]; then ip link set lo up; fi
mount --bind "$system" "$system"
for pair in $binds; do mkdir -p "$system${pair%%=*}"; mount --bind "${pair#*=}" "$system${pair%%=*}"; done
if [ "$frozen" ]; then
  mount -o remount,bind,ro "$system"
  for folder in $writable; do mount --bind "$system$folder" "$system$folder"; mount -o remount,bind,rw "$system$folder"; done
fi
if [ -d "$system/proc" ]; then mount -t proc proc "$system/proc"; fi
if [ -d "$system/dev" ]; then mount --rbind /dev "$system/dev"; fi
exec env -i /usr/sbin/chroot "$system" "$@"
"""
# Of what runs in a system that has `env`.
VARIABLES = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "HOME": "/root"}


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


def need_room():
    """Skips the test where no other system can be made."""
    if os.geteuid() != 0:
        skip("needs root, to make and enter another system")
    for tool in ("unshare", "nsenter", "ip"):
        if not shutil.which(tool):
            skip(f"{tool} is not installed")


class Room:
    """A folder that is a system. `commands` run in namespaces of their own: mounts, processes and, if they are `lonely`, the network."""

    def __init__(self, folder):
        self.folder = Path(folder)

    def path(self, inside):
        return self.folder / str(inside).lstrip("/")

    def command(self, words, user=None, environment=None, folder="/", binds=None, writable=None, lonely=False, bare=False, mask="022"):
        """The words that run `words` in here. `user`: who, as UID:GID or names, without any privilege. `binds`: folders outside by their place inside. `writable`: all but
        these is read-only. `bare`: nothing is in the system that could set these up."""
        inside = []
        if not bare:
            inside = ["/usr/bin/env", "-i", f"--chdir={folder}", *(f"{k}={v}" for k, v in {**VARIABLES, **(environment or {})}.items())]
        if user:
            uid, gid = user.split(":")
            inside += ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"]
        settings = {"mask": mask, "lonely": "yes" if lonely else "", "frozen": "yes" if writable is not None else "", "writable": " ".join(writable or ()),
                    "binds": " ".join(f"{place}={outside}" for place, outside in (binds or {}).items())}
        spaces = ["--mount", "--pid", "--fork", "--kill-child", *(["--net"] if lonely else [])]
        return ["env", *(f"{k}={v}" for k, v in settings.items()), "unshare", *spaces, "sh", "-c", ENTER, "enter", str(self.folder), *inside, *map(str, words)]

    def run(self, *words, check=True, **options):
        """Runs it to its end; what it printed."""
        done = subprocess.run(self.command(words, **options), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if check and done.returncode:
            raise SystemExit(f"FAIL: {' '.join(map(str, words))} in {self.folder} ended with {done.returncode}:\n{done.stdout[-4000:]}")
        return done.stdout if check else done

    def start(self, *words, log, **options):
        """Starts it; `log` gets what it prints."""
        return Process(subprocess.Popen(self.command(words, **options), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT))

    def apt(self, *words, check=True):
        """apt-get, with the packages that were fetched before."""
        network = {name: os.environ[name] for name in PROXIES if os.environ.get(name)}
        binds = apt_binds()
        with apt_lock():
            return self.run("apt-get", "-q", "-y", "-o", "Acquire::Retries=3", *words, check=check, binds=binds, environment={"DEBIAN_FRONTEND": "noninteractive", **network})


@contextlib.contextmanager
def apt_lock():
    """What apt keeps outside is for one at a time; apt itself would not wait."""
    with open(CACHE / "packages/apt.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def apt_binds():
    """What apt keeps, outside of the room: lists and packages."""
    kept = {"/var/cache/apt/archives": CACHE / "packages/archives", "/var/lib/apt/lists": CACHE / "packages/lists"}
    for folder in kept.values():
        (folder / "partial").mkdir(parents=True, exist_ok=True)
    return kept


class Process:
    """Of a room; the first of its process namespace, so all that it starts ends with it."""

    def __init__(self, popen):
        self.popen = popen

    def inner(self):
        """The pid, from outside, of what runs in the namespace."""
        children = Path(f"/proc/{self.popen.pid}/task/{self.popen.pid}/children").read_text().split()
        return int(children[0]) if children else None

    def terminate(self, within=60):
        """SIGTERM; its exit code. The time is that of a machine that does other things as well."""
        begin = time.monotonic()
        os.kill(self.inner(), signal.SIGTERM)
        try:
            code = self.popen.wait(within)
        except subprocess.TimeoutExpired:
            where = Path(f"/proc/{self.inner()}/task").glob("*/stack")
            stacks = "\n".join(f"{stack.parent.name}: {stack.read_text()}" for stack in where)
            self.kill()
            raise SystemExit(f"FAIL: still there {within} s after SIGTERM, in:\n{stacks}")
        print(f"it ended {time.monotonic() - begin:.1f} s after SIGTERM")
        return code

    def kill(self):
        if self.popen.poll() is None:
            self.popen.kill()
            self.popen.wait()

    def run_beside(self, *words):
        """Runs a command in the same namespaces and root; what it ended with and printed."""
        command = ["nsenter", "--target", str(self.inner()), "--mount", "--pid", "--net", "--root", "--wd", *map(str, words)]
        return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@contextlib.contextmanager
def bare_debian():
    """A fresh one, gone afterwards."""
    need_room()
    with tempfile.TemporaryDirectory(prefix="trailwarden-room-", dir=os.environ.get("TMPDIR", "/var/tmp"), ignore_cleanup_errors=True) as scratch:
        folder = Path(scratch) / "system"
        made = subprocess.run([ROOT / "scripts/bare-debian", folder], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if made.returncode:
            skip(f"no bare Debian: {made.stdout[-2000:]}")
        (folder / "etc/dpkg/dpkg.cfg.d/quick").write_text("force-unsafe-io\n")
        yield Room(folder)


def wait_for(what, condition, within=30, process=None):
    """Until `condition()` is true; fails after `within` seconds."""
    end = time.monotonic() + within
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        if process is not None and process.popen.poll() is not None:
            raise SystemExit(f"FAIL: it ended with {process.popen.returncode} before: {what}")
        time.sleep(0.05)
    raise SystemExit(f"FAIL: not within {within} s: {what}")


def packages_folder():
    """The packages that `scripts/package` made and TRAILWARDEN_PACKAGES names; skips the test without them."""
    named = os.environ.get("TRAILWARDEN_PACKAGES")
    if not named:
        skip("TRAILWARDEN_PACKAGES names no folder of packages (scripts/package, scripts/test)")
    return Path(named).resolve()


def the_one(folder, pattern):
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise SystemExit(f"FAIL: {len(found)} files {pattern} in {folder}, not 1")
    return found[0]
