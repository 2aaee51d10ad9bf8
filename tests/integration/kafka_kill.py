#!/usr/bin/env python3
"""Two workers on a real Kafka, killed over and over while traffic arrives; nothing may be lost or doubled.

    tests/integration/kafka_kill.py BINARY --bootstrap HOST:PORT [--seconds N] [--kills N] [--events N] [--seed N]

Each worker is a process of its own. One of them is killed with SIGKILL up to two seconds after the group is stable again, until the time is over and
enough kills were made. Then everything is judged to the end, both leave in good order, and the auditor has the word: ranges tile, counts add up, no alert
is there twice, and one undisturbed pass over the same input gives the same alerts and saved states (audit --recompute).
"""

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

from cluster import Failed, Traffic, Worker, audit, check, drained, fail_here, run, say, stable, wait_for

PARTITIONS = 8


def kill_and_audit(arguments, folder):
    name = f"{os.getpid()}-{int(time.time())}"
    values = {"bootstrap": arguments.bootstrap, "group": f"kill-{name}", "topic": f"cloudtrail-{name}"}
    workers = [Worker(arguments.binary, folder, instance, **values) for instance in ("a", "b")]
    try:
        config = workers[0].config
        run(arguments.binary, "topics", "create", "-c", config, "--partitions", PARTITIONS, "--replication", 1)
        sender = Traffic(arguments.binary, folder / "traffic", arguments.events).forward(config, folder / "forward.log", arguments.seconds)
        for worker in workers:
            worker.start()
        kills, end = 0, time.monotonic() + arguments.seconds
        while time.monotonic() < end or kills < arguments.kills:
            wait_for("a stable group", lambda: stable(workers, PARTITIONS), 120)
            time.sleep(random.uniform(0, 2))
            victim = random.choice(workers)
            victim.kill()
            victim.start()
            kills += 1
        check(sender.wait() == 0, "forward failed")
        said = (folder / "forward.log").read_text().strip()
        say(said)
        wait_for("a stable group", lambda: stable(workers, PARTITIONS), 120)
        wait_for("everything judged", lambda: drained(workers, PARTITIONS), 120)
        codes = [worker.stop() for worker in workers]
        check(codes == [0, 0], f"exit codes {codes}")
    finally:
        for worker in workers:
            if worker.runs():
                worker.kill()
    report = audit(arguments.binary, config)
    again = report["recomputed"]
    say(f"{kills} kills; {report['read']} records read, {report['alerts']} alerts, {again['commits']} commits, {again['states']} saved states")
    check(report["alerts"] > 20, "too few alerts to prove anything")
    check(f"{report['read']:,}" in said, "not every forwarded record was read")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary", type=lambda p: str(Path(p).resolve()))
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--seconds", type=float, default=45)
    parser.add_argument("--kills", type=int, default=3, help="at least so many")
    parser.add_argument("--events", type=int, default=150_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    random.seed(arguments.seed)
    folder = Path(tempfile.mkdtemp(prefix="trailwarden-kafka-kill-"))
    try:
        kill_and_audit(arguments, folder)
    except Failed as error:
        fail_here(error, " ".join(sys.argv), folder)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
