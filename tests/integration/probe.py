#!/usr/bin/env python3
"""`trailwarden probe`, which the pod of `helm test` runs, before a service on kfake: the alert comes, also a second time; without a service it says that none came.

    tests/integration/probe.py BINARY

Exits with 77 where kfake cannot be built.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from kafka_service import ROOT_FOLDER, Service, wait_for


def kfake():
    """A broker, and its address."""
    built = subprocess.run([ROOT_FOLDER / "scripts/kfake", "build"], stderr=subprocess.PIPE, text=True, check=False)
    if built.returncode:
        print(f"kfake cannot be built: {built.stderr.strip()[-300:]}")
        sys.exit(77)
    broker = subprocess.Popen([ROOT_FOLDER / "scripts/kfake"], stdout=subprocess.PIPE, text=True)
    return broker, broker.stdout.readline().removeprefix("ready ").strip()


def main():
    broker, bootstrap = kfake()
    with tempfile.TemporaryDirectory(prefix="trailwarden-probe-") as folder:
        service = Service(str(Path(sys.argv[1]).resolve()), Path(folder), "service", bootstrap=bootstrap, name="probed")
        try:
            service.command("topics", "create", "--partitions", "2", "--replication", "1")
            service.start()
            wait_for("ready", service.is_ready)
            for _ in range(2):
                said = service.command("probe", "--timeout", "30")
                assert re.match(r"alert [0-9a-f-]{36} of record [0-9a-f-]{36}: \d+ ms after the record was in probed-input\n$", said), said
            print(said, end="")
            assert service.stop() == 0
            service.command("probe", "--timeout", "2", expect=1)
        finally:
            for process in filter(None, (service.process, broker)):
                process.kill()


if __name__ == "__main__":
    main()
