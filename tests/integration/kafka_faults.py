#!/usr/bin/env python3
"""One fault after the other on a real Kafka; after each the auditor has the word.

    tests/integration/kafka_faults.py list
    tests/integration/kafka_faults.py run --stack FOLDER [--binary FILE] [--seed N] [--events N] [NAME...]

FOLDER is one of `scripts/stack up --data FOLDER`; without a NAME every scenario runs that is for so many brokers. Each has topics of its own. It prints one
line: how long it took and what was measured. Of one that fails, the processes' logs stay, and a line says how to repeat it.

A scenario is a function. The first words of its docstring name the rows of tests/FAULTS.md.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from cluster import ROOT, Failed, Stack, Traffic, Worker, audit, check, crash_points, drained, fail_here, owned, run, say, stable, wait_for

PARTITIONS = 8
KILLED = 137  # how a failpoint ends the process
GRACE = 11.0  # seconds that a SIGTERM may take: 9.5 by design, and a busy machine
SCENARIOS = {}


def scenario(brokers=1):
    """`brokers`: how many the stack must have."""

    def add(function):
        SCENARIOS[function.__name__] = (function, brokers)
        return function

    return add


class Scene:
    """Topics, workers and traffic of one scenario."""

    def __init__(self, binary, stack, traffic, folder, name):
        self.binary, self.stack, self.traffic, self.folder = binary, stack, traffic, folder
        self.values = {"bootstrap": stack.bootstrap, "group": f"fault-{name}", "topic": f"cloudtrail-{name}-{int(time.time())}"}
        self.topic, self.group = self.values["topic"], self.values["group"]
        self.partitions = PARTITIONS
        self.workers, self.senders, self.figures = [], [], []
        self.config = self.worker("setup").config
        self.make_topics()

    def make_topics(self):
        # One set of output topics is for one group, and their names are fixed.
        if any(t["topic"].startswith("trailwarden.") for t in json.loads(
                run("kcat", "-b", self.stack.bootstrap, "-L", "-J", capture_output=True, text=True).stdout)["topics"]):
            self.stack.topics("--delete", "--topic", r"trailwarden\..*")
        # Brokers hear of a deletion one after the other.
        wait_for("topics made", lambda: subprocess.run([self.binary, "topics", "create", "-c", self.config, "--partitions", str(PARTITIONS)],
                                                       capture_output=True, check=False).returncode == 0, 30)

    def worker(self, instance, **values):
        made = Worker(self.binary, self.folder, instance, **{**self.values, **values})
        self.workers.append(made)
        return made

    def pair(self, **values):
        """Two workers that share the partitions."""
        both = [self.worker(instance, **values).start() for instance in ("a", "b")]
        self.stable(both)
        return both

    def send(self, seconds=None):
        self.senders.append(self.traffic.forward(self.config, self.folder / "forward.log", seconds))

    def sent(self):
        for sender in self.senders:
            check(sender.wait(timeout=300) == 0, f"forward: exit code {sender.returncode}: {(self.folder / 'forward.log').read_text()[-500:]}")

    def stable(self, workers, seconds=60):
        return wait_for("a stable group", lambda: stable(workers, self.partitions), seconds)

    def drained(self, workers, seconds=60):
        return wait_for("everything judged", lambda: drained(workers, self.partitions), seconds)

    def measured(self, name, value, unit="s", most=None):
        self.figures.append(f"{name} {value:.1f} {unit}" if isinstance(value, float) else f"{name} {value} {unit}".strip())
        check(most is None or value <= most, f"{name}: {value}, more than {most} {unit}")

    def healed(self, workers, seconds):
        """From here on the fault is over: the service must be ready again in so many seconds, by itself."""
        self.measured("recovered in", self.stable(workers, seconds))

    def finish(self, workers, recompute=True, also=0, known=None):
        """Everything that was sent is judged; all leave in good order; nothing is lost or there twice. `also`: records sent beside the traffic; `known`: see
        audit."""
        self.sent()
        self.drained(workers)
        codes = [worker.stop() for worker in workers]
        check(codes == [0] * len(workers), f"exit codes {codes}")
        report = audit(self.binary, self.config, recompute, known)
        expected = self.traffic.records * len(self.senders) + also
        check(report["read"] == expected, f"{report['read']} records were read, {expected} sent")
        check(report["alerts"] > 20, "too few alerts to prove anything")
        self.figures.append(f"{report['read']} records, {report['alerts']} alerts")
        return report

    def end(self):
        for process in [w for w in self.workers if w.process] + self.senders:
            process = getattr(process, "process", process)
            if process.poll() is None:
                process.kill()
                process.wait()

    def stopped(self, worker, reasons, seconds=30):
        """Every partition of it stands still, each for one of these reasons, and /readyz says so."""
        wait_for(f"all stopped because of {reasons}", lambda: len(worker.states()) == self.partitions and set(worker.states()) <= set(reasons), seconds)
        check("stopped" in worker.page("readyz"), "/readyz does not say that partitions stopped")
        check(worker.metric("stopped_partitions") == self.partitions, "stopped_partitions")


# ---- processes


@scenario()
def crash_points_kafka(scene):
    """F01: killed at every crash point that the worker has."""
    points = crash_points("pipeline/*.cc")
    a, b = scene.worker("a"), scene.worker("b")
    scene.send(6 * len(points))
    a.start()
    scene.stable([a])
    check(a.stop() == 0, "exit code")  # a saved state
    a.start()
    scene.stable([a])
    consumed = a.metric("records_consumed_total")
    wait_for("more than is saved", lambda: a.metric("records_consumed_total") > consumed + 200, 60)
    a.kill()
    for point in points:
        hit = random.randint(1, 3) if point.startswith("after_") else 1
        fail = f"{point}:{hit}:abort"
        if point.startswith("abort_"):
            fail = f"before_commit:{random.randint(5, 9)}:stop,{fail}"
        a.start(fail=fail)
        if point.startswith("revoke_"):
            wait_for("ready", a.is_ready, 60)
            b.start()
        elif point.startswith("snapshot_"):
            wait_for("ready", a.is_ready, 60)
            a.signal(signal.SIGTERM)  # state is saved on leaving
        elif point.startswith("abort_"):
            # Its transaction is open and its place in the group gone: nothing is left but to undo.
            wait_for("frozen", a.is_stopped, 60)
            b.start()
            wait_for("taken over", lambda: stable([b], PARTITIONS), 60)
            a.signal(signal.SIGCONT)
        code = a.wait(60, f"died at {fail}")
        check(code == KILLED, f"{point}: exit code {code}")
        if b.runs():
            b.kill()
    a.start()
    scene.figures.append(f"{len(points)} points")
    scene.healed([a], 30)
    scene.finish([a])


@scenario()
def killed_while_restoring(scene):
    """F04: kill -9 in five restores, one after the other; the sixth replays no more than the first would have."""
    a = scene.worker("a").start()
    scene.stable([a])
    check(a.stop() == 0, "exit code")  # saves the state
    a.start()
    scene.send(3)
    scene.sent()
    scene.drained([a])
    held = {p["partition"]: (p["snapshot"], p["committed"]) for p in a.partitions()}
    a.kill()
    for n in range(1, 6):
        a.start(fail=f"restore_replaying:{n}:abort")
        check(a.wait(60) == KILLED, f"exit code {a.process.returncode}")
    a.start()
    scene.healed([a], 30)
    replayed, behind = int(a.metric("restore_records_total")), sum(committed - max(snapshot, 0) for snapshot, committed in held.values())
    scene.measured("replayed", replayed, "records", most=behind)
    check(replayed > 0, "nothing was replayed: no restore was killed in its replay")
    scene.finish([a])


@scenario()
def sigterm_under_load(scene):
    """F05: SIGTERM under load: exit 0 in time, and the next start has nothing to judge again."""
    a = scene.worker("a").start()
    scene.send(8)
    scene.stable([a])
    wait_for("load", lambda: a.metric("records_consumed_total") > 1000, 30)
    began = time.monotonic()
    check(a.stop() == 0, f"exit code {a.process.returncode}")
    scene.measured("ended in", time.monotonic() - began, most=GRACE)
    a.start()
    scene.healed([a], 30)
    check(a.metric("restore_records_total") == 0, "records were judged again")
    scene.finish([a])


@scenario()
def sigterm_without_brokers(scene):
    """F06: SIGTERM while brokers are gone, and in the middle of a restore: it ends in time, and nothing half is visible."""
    a = scene.worker("a").start()
    scene.send(2)
    scene.sent()
    scene.drained([a])
    scene.stack.do("kill", 1)
    wait_for("it hears of it", lambda: "brokers" in a.page("readyz"), 30)
    began = time.monotonic()
    code = a.stop()
    scene.measured(f"without brokers: exit {code} in", time.monotonic() - began, most=GRACE)
    scene.stack.do("start", 1)
    a.start(fail="restore_replaying:2:stop")
    wait_for("frozen in the replay", a.is_stopped, 60)
    began = time.monotonic()
    a.signal(signal.SIGTERM)
    a.signal(signal.SIGCONT)
    check(a.wait(30) == 0, f"exit code {a.process.returncode}")
    scene.measured("in a restore: ended in", time.monotonic() - began, most=GRACE)
    a.start()
    scene.finish([a])


@scenario()
def frozen_shortly(scene):
    """F07: frozen 5 s, which the group tolerates: no rebalance."""
    a, b = scene.pair(session="15s")
    before = [w.metric("rebalances_total") for w in (a, b)]
    scene.send(10)
    a.signal(signal.SIGSTOP)
    time.sleep(5)  # the fault itself
    a.signal(signal.SIGCONT)
    scene.healed([a, b], 5)
    scene.sent()
    scene.measured("all judged after", scene.drained([a, b], 30))
    check([w.metric("rebalances_total") for w in (a, b)] == before, "the group rebalanced")
    scene.finish([a, b])


@scenario()
def frozen_for_long(scene):
    """F08: frozen inside a commit for longer than the group and the transaction wait; then it wakes and must say nothing."""
    a, b = scene.worker("a").start(fail="before_commit:12:stop"), scene.worker("b").start()
    scene.send(20)
    wait_for("frozen", a.is_stopped, 60)
    began = time.monotonic()
    scene.measured("taken over in", wait_for("taken over", lambda: stable([b], PARTITIONS), 60))
    time.sleep(max(0.0, 20 - (time.monotonic() - began)))  # the fault itself: longer than the transaction may be open, 10 s
    a.signal(signal.SIGCONT)
    scene.healed([a, b], 30)
    check(a.metric("transactions_total", result="rolled_back") >= 1, "the sleeper's commit went through")
    scene.finish([a, b])


@scenario()
def same_id(scene):
    """F09: two processes with the same transactional id: the older one ends with the reason, the newer one works."""
    a = scene.worker("a").start()
    scene.stable([a])
    scene.send(8)
    twin = Worker(scene.binary, scene.folder, "a", file="twin", **scene.values)
    scene.workers.append(twin)
    twin.start()
    check(a.wait(60) == 1, f"exit code {a.process.returncode}")
    check(a.said("transactional id"), "it does not say why it ended")
    scene.healed([twin], 30)
    scene.finish([twin])


@scenario()
def starved(scene):
    """F13: one of two has 5 % of a processor for 15 s: slower, no storm of rebalances."""
    a, b = scene.pair(session="15s")
    before = b.metric("rebalances_total")
    scene.send(15)
    end = time.monotonic() + 15
    while time.monotonic() < end:  # the duty cycle is the fault
        a.signal(signal.SIGSTOP)
        time.sleep(0.19)
        a.signal(signal.SIGCONT)
        time.sleep(0.01)
    scene.healed([a, b], 30)
    scene.measured("rebalances", int(b.metric("rebalances_total") - before), "", most=4)
    scene.finish([a, b])


@scenario()
def stuck_worker(scene):
    """F12, F55: a worker stands still for longer than the poll interval: the page says so, its partitions go, and it commits nothing of them."""
    a = scene.worker("a").start(fail="after_state_change:40:sleep=75")
    b = scene.worker("b").start()
    scene.send(20)
    wait_for("stuck", lambda: a.metric("worker_heartbeat_age_seconds") > 5, 60)
    scene.measured("taken over in", wait_for("taken over", lambda: stable([b], PARTITIONS), 90))
    wait_for("unhealthy", lambda: "stuck" in a.page("healthz"), 90)
    scene.healed([a, b], 60)
    scene.finish([a, b])


# ---- brokers


def gone_for(scene, seconds, workers, leave, come_back):
    """Brokers are gone so long: the page names it and memory stays where it was."""
    memory = [w.resident() for w in workers]
    leave()
    began = time.monotonic()
    for worker in workers:
        wait_for("/readyz names the brokers", lambda worker=worker: "brokers" in worker.page("readyz"), 30)
    time.sleep(max(0.0, seconds - (time.monotonic() - began)))  # the outage itself
    for worker, before in zip(workers, memory):
        scene.measured("memory grew by", (worker.resident() - before) / 2**20, "MiB", most=64)
    come_back()


@scenario()
def brokers_killed(scene):
    """F20: kill -9 of the only broker under load, gone 30 s."""
    both = scene.pair()
    scene.send(12)
    wait_for("load", lambda: both[0].metric("records_consumed_total") > 500, 30)
    gone_for(scene, 30, both, lambda: scene.stack.do("kill", 1), lambda: scene.stack.do("start", 1))
    scene.healed(both, 120)
    scene.finish(both)


@scenario()
def broker_restarted(scene):
    """F20: the only broker stops in good order under load and comes again."""
    both = scene.pair()
    scene.send(10)
    wait_for("load", lambda: both[0].metric("records_consumed_total") > 500, 30)
    scene.stack.do("stop", 1)
    scene.stack.do("start", 1)
    scene.healed(both, 30)
    scene.finish(both)


@scenario()
def broker_frozen(scene):
    """F22: the broker stands still for 20 s, and is not dead."""
    both = scene.pair()
    scene.send(10)
    wait_for("load", lambda: both[0].metric("records_consumed_total") > 500, 30)
    scene.stack.do("freeze", 1)
    try:
        time.sleep(20)  # the fault itself
    finally:
        scene.stack.do("thaw", 1)
    scene.healed(both, 30)
    scene.finish(both)


def coordinator_partition(name):
    """Of the four partitions that scripts/stack gives to transactions and offsets: Java's String.hashCode."""
    code = 0
    for char in name:
        code = (31 * code + ord(char)) & 0xFFFFFFFF
    return (code & 0x7FFFFFFF) % 4


def kill_under_load(scene, brokers_of):
    """kill -9 of the brokers that this names, one at a time, each back before the next."""
    both = scene.pair()
    scene.send(25)
    wait_for("load", lambda: both[0].metric("records_consumed_total") > 500, 30)
    for what, topic, partition in brokers_of:
        broker = scene.stack.leader(topic, partition)
        scene.stack.do("kill", broker)
        scene.measured(f"{what} {broker} gone, ready after", wait_for("ready again", lambda: stable(both, PARTITIONS), 60), most=30)
        scene.stack.do("start", broker)
    scene.stable(both)
    scene.finish(both)


@scenario(brokers=3)
def leader_killed(scene):
    """F17: kill -9 of the leader of an input partition."""
    kill_under_load(scene, [("leader", scene.topic, 0), ("leader", scene.topic, 1)])


@scenario(brokers=3)
def transaction_coordinator_killed(scene):
    """F18: kill -9 of the coordinator of each worker's transactions."""
    kill_under_load(scene, [("coordinator", "__transaction_state", coordinator_partition(f"{scene.group}-{instance}-0")) for instance in ("a", "b")])


@scenario(brokers=3)
def group_coordinator_killed(scene):
    """F19: kill -9 of the group's coordinator, twice."""
    kill_under_load(scene, [("coordinator", "__consumer_offsets", coordinator_partition(scene.group))] * 2)


@scenario(brokers=3)
def rolling_restart(scene):
    """F21: every broker in turn stops in good order and comes again: few transactions are undone."""
    both = scene.pair()
    scene.send(30)
    wait_for("load", lambda: both[0].metric("records_consumed_total") > 500, 30)
    for broker in (1, 2, 3):
        scene.stack.do("stop", broker)
        scene.stack.do("start", broker)
    scene.healed(both, 30)
    undone, done = (sum(w.metric("transactions_total", result=result) for w in both) for result in ("rolled_back", "committed"))
    scene.measured("undone", 100 * undone / max(1, undone + done), "%", most=5)
    scene.finish(both)


@scenario(brokers=3)
def too_few_in_sync(scene):
    """F23: two of three brokers are gone for 15 s: nothing that was acknowledged is lost."""
    both = scene.pair()
    scene.send(15)
    wait_for("load", lambda: both[0].metric("records_consumed_total") > 500, 30)
    for broker in (1, 2):
        scene.stack.do("kill", broker)
    time.sleep(15)  # the fault itself
    scene.stack.do("up")
    scene.healed(both, 120)
    scene.finish(both)


# ---- the group


@scenario()
def join_and_leave(scene):
    """F49: a third worker joins and leaves, over and over; who keeps a partition restores nothing."""
    a = scene.worker("a").start()
    scene.stable([a])
    guest = scene.worker("guest")
    scene.send(20)
    rounds = 0
    while scene.senders[0].poll() is None or rounds < 3:
        guest.start()
        scene.stable([a, guest])
        check(guest.stop() == 0, f"exit code {guest.process.returncode}")
        scene.stable([a])
        rounds += 1
    scene.figures.append(f"{rounds} rounds")
    check(a.metric("restore_records_total") == 0, "what came back was judged again")
    scene.finish([a])


@scenario()
def one_three_one(scene):
    """F50: one worker, three, and one again, under load."""
    a, b, c = (scene.worker(instance) for instance in "abc")
    a.start()
    scene.send(15)
    scene.stable([a])
    b.start()
    c.start()
    scene.measured("three after", scene.stable([a, b, c]))
    for worker in (b, c):
        check(worker.stop() == 0, f"exit code {worker.process.returncode}")
    scene.measured("one after", scene.stable([a]), most=5)
    scene.finish([a])


@scenario()
def join_while_restoring(scene):
    """F52: a second worker joins while the first one restores."""
    a, b = scene.worker("a").start(), scene.worker("b")
    scene.send(3)
    scene.sent()
    scene.drained([a])
    a.kill()
    a.start(fail="restore_replaying:3:sleep=3")
    wait_for("restoring", lambda: "restoring" in a.states(), 60)
    b.start()
    scene.healed([a, b], 60)
    scene.finish([a, b])


# ---- the state topic, the input, the offsets


def two_snapshots(scene, a):
    """Traffic, and every partition's state saved twice; then more, which no saved state has."""
    for _ in range(2):
        a.start()
        scene.send(2)
        scene.sent()
        scene.drained([a])
        check(a.stop() == 0, "exit code")
    a.start()
    scene.send(2)
    scene.sent()
    scene.drained([a])
    a.kill()


def saved(scene):
    """The keys in the state topic that have a value: {partition: [(offset, chunk or None, key)]}, oldest first."""
    newest = {}
    for line in scene.stack.records("trailwarden.state", "%p %S %k"):
        partition, size, key = line.split(" ", 2)
        newest[(int(partition), key)] = int(size)
    found = {}
    for (partition, key), size in newest.items():
        words = key.split("/")
        if size > 0:
            found.setdefault(partition, []).append((int(words[2]), words[3:], key))
    return {partition: sorted(keys) for partition, keys in found.items()}


def spoil(scene, newest_chunk):
    """Garbage over the newest saved state of every partition, or its manifest gone."""
    for partition, keys in saved(scene).items():
        offset = keys[-1][0]
        for at, rest, key in keys:
            if at == offset and (rest[0].isdigit() == newest_chunk):
                scene.stack.put("trailwarden.state", [b"garbage" if newest_chunk else None], key=key, partition=partition)
                break
        else:
            raise Failed(f"no such key of partition {partition}: {keys}")


def falls_back(scene, newest_chunk):
    a = scene.worker("a")
    two_snapshots(scene, a)
    spoil(scene, newest_chunk)
    a.start()
    # What is damaged is passed over at once; what is missing may not be visible yet, and is waited for.
    scene.healed([a], 30 if newest_chunk else 120)
    scene.measured("replayed", int(a.metric("restore_records_total")), "records")
    check(a.said("state.snapshot_passed_over"), "nobody noticed")
    check(a.metric("restore_records_total") > scene.traffic.records, "the older state was not used")
    scene.finish([a])


@scenario()
def chunk_damaged(scene):
    """F38: the newest saved state is garbage: the older one and a longer replay, the same result."""
    falls_back(scene, True)


@scenario()
def manifest_lost(scene):
    """F38: the newest manifest is gone: the older one and a longer replay, the same result."""
    falls_back(scene, False)


@scenario()
def state_compacted(scene):
    """F37: the state topic is compacted for real, tombstones taken at once."""
    scene.stack.tool("kafka.admin.ConfigCommand", "--alter", "--entity-type", "topics", "--entity-name", "trailwarden.state", "--add-config",
                     "segment.ms=500,min.cleanable.dirty.ratio=0.001,delete.retention.ms=1,min.compaction.lag.ms=0")
    a = scene.worker("a")
    for _ in range(4):
        a.start()
        scene.send(2)
        scene.sent()
        scene.drained([a])
        check(a.stop() == 0, "exit code")

    def held():
        return sum(not key.startswith("test/") for key in scene.stack.records("trailwarden.state", "%k"))

    def is_compacted():
        # The newest segment is never compacted, and a next one is begun by a write only.
        for partition in range(PARTITIONS):
            scene.stack.put("trailwarden.state", [b"x"], key="test/0/0/x", partition=partition)
        return held() < written * 0.6

    written = held()
    wait_for("compacted", is_compacted, 90)
    scene.figures.append(f"{written} records in the state topic, then {held()}")
    a.start()
    scene.healed([a], 30)
    check(a.metric("restore_records_total") == 0, "saved state was not found")
    scene.finish([a])


@scenario()
def retention_overtook(scene):
    """F26: retention takes what was not judged: every partition stops and says so; it goes on where an operator says, and the ledger has the hole."""
    a = scene.worker("a").start()
    scene.send(2)
    scene.sent()
    scene.drained([a])
    a.kill()
    scene.send()
    scene.sent()
    ends = {int(p): int(o) for p, o in (line.split() for line in scene.stack.records(scene.topic, "%p %o"))}
    plan = scene.folder / "delete.json"
    plan.write_text(json.dumps({"version": 1, "partitions": [{"topic": scene.topic, "partition": p, "offset": o} for p, o in ends.items()]}))
    scene.stack.tool("org.apache.kafka.tools.DeleteRecordsCommand", "--offset-json-file", plan)
    a.start()
    scene.stopped(a, ["offset_out_of_range", "input_gone"])
    a.kill()
    wait_for("the dead member is forgotten", lambda: "no active members" in subprocess.run(
        [ROOT / "scripts/stack", "--data", scene.stack.data, "tool", "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand", "--describe",
         "--group", scene.group], capture_output=True, text=True, check=False).stderr, 60)
    for partition, offset in ends.items():
        run(scene.binary, "offsets", "accept-gap", "-c", a.config, "--topic", scene.topic, "--partition", partition, "--to", offset, capture_output=True)
    a.start(begin=None)
    scene.healed([a], 30)
    scene.drained([a])
    check(a.stop() == 0, "exit code")
    report = audit(scene.binary, scene.config, recompute=False)
    holes = sum(p["acceptedGaps"] for p in report["partitions"])
    check(holes == len(ends), f"{holes} holes in the ledger, {len(ends)} were accepted")
    scene.figures.append(f"{holes} holes accepted")


@scenario()
def offsets_deleted(scene):
    """F27: committed offsets are deleted: nothing is guessed; set to where the ledger ends, it goes on."""
    a = scene.worker("a").start()
    scene.send(2)
    scene.sent()
    scene.drained([a])
    check(a.stop() == 0, "exit code")
    scene.stack.groups("--delete-offsets", "--group", scene.group, "--topic", scene.topic)
    a.start(begin=None)
    scene.stopped(a, ["no_committed_offset"])
    check(a.stop() == 0, "exit code")
    for p in audit(scene.binary, scene.config, recompute=False)["partitions"]:
        scene.stack.groups("--reset-offsets", "--execute", "--group", scene.group, "--topic", f"{scene.topic}:{p['partition']}", "--to-offset", p["to"])
    a.start(begin=None)
    scene.healed([a], 30)
    scene.send(2)
    # Baselines begin anew, and the watermark with them; the ledger has no word for that yet.
    scene.finish([a], recompute=False, known="its watermark is before the one of the commit before")


@scenario()
def input_made_anew(scene):
    """F28: the input is deleted and made anew, once under a running worker, once while none runs: old state never meets new records."""
    a = scene.worker("a").start()
    scene.send(2)
    scene.sent()
    scene.drained([a])
    scene.stack.topics("--delete", "--topic", scene.topic)
    scene.stopped(a, ["topic_deleted"], 60)
    read = a.metric("records_consumed_total")
    wait_for("made anew", lambda: subprocess.run([scene.binary, "topics", "create", "-c", scene.config, "--partitions", str(PARTITIONS)],
                                                 capture_output=True, check=False).returncode == 0, 30)
    scene.send()
    scene.sent()
    scene.stopped(a, ["topic_deleted"])
    check(a.metric("records_consumed_total") == read, "records of the new topic were judged")
    check(a.stop() == 0, "exit code")
    a.start(begin=None)
    scene.stopped(a, ["offset_out_of_range", "input_gone", "no_committed_offset", "not_restored"])
    check(a.metric("records_consumed_total") == 0, "records of the new topic were judged")
    scene.figures.append("then " + ", ".join(sorted(set(a.states()))))


@scenario()
def partitions_added(scene):
    """F29: four partitions more: they stop, the others go on."""
    a = scene.worker("a", properties="topic.metadata.refresh.interval.ms: 5000").start()  # by itself the client looks every 5 min
    scene.send(2)
    scene.sent()
    scene.drained([a])
    check(a.stop() == 0, "exit code")
    audit(scene.binary, scene.config)
    a.start(begin=None)
    scene.stable([a])
    scene.stack.topics("--alter", "--topic", scene.topic, "--partitions", PARTITIONS + 4)
    seen = wait_for("they are seen and stopped", lambda: sorted(a.states()) == ["no_committed_offset"] * 4 + ["running"] * PARTITIONS, 60)
    scene.measured("seen after", seen)
    check("no_committed_offset" in a.page("readyz"), "/readyz does not say so")
    check(a.stop() == 0, "exit code")
    # Not recomputed: whether a record is in the partition of its key is counted by the number of partitions, and that is another one now.
    audit(scene.binary, scene.config, recompute=False)


# ---- the host


def spoken(scene):
    """Every visible alert, byte for byte."""
    return sorted(scene.stack.records("trailwarden.alerts", "%k %s"))


def same_bytes(scene, strange):
    """What `strange` does to a run changes no byte of the alerts: it is made twice over the same input."""
    a = scene.worker("a", ticks="0s")
    scene.send()
    scene.sent()
    strange(a)
    scene.stable([a])
    scene.finish([a])
    said = spoken(scene)
    scene.make_topics()
    again = scene.worker("again", ticks="0s", group=scene.group + "-again").start()
    scene.drained([again])
    check(again.stop() == 0, "exit code")
    check(spoken(scene) == said, "other alerts than of an undisturbed run")


@scenario()
def clock_jumps(scene):
    """F78: the wall clock jumps an hour ahead and two back under load: the same alerts, byte for byte."""
    library, clock = scene.folder / "shifted_clock.so", scene.folder / "clock"
    run(os.environ.get("CC", "cc"), "-O1", "-shared", "-fPIC", "-w", "-o", library, Path(__file__).with_name("shifted_clock.c"))

    def jumps(a):
        clock.write_text("0")
        a.start(fail="after_poll:25:stop,after_poll:60:stop", env={"LD_PRELOAD": str(library), "SHIFTED_CLOCK": str(clock)})
        for jump in ("3600", "-3600"):
            wait_for("a place to jump", a.is_stopped, 60)
            clock.write_text(jump)
            a.signal(signal.SIGCONT)
            wait_for("it goes on", lambda: not a.is_stopped(), 10)

    same_bytes(scene, jumps)


@scenario()
def elsewhere(scene):
    """F80: another time zone and locale: the same alerts, byte for byte."""
    same_bytes(scene, lambda a: a.start(env={"TZ": "Pacific/Chatham", "LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"}))


@scenario()
def log_unread(scene):
    """F81: nobody reads what it logs: it judges and ends all the same."""
    a = scene.worker("a", properties="debug: all")  # the client library has much to say when it is asked to
    reading, writing = os.pipe()
    a.log.close()
    a.log = os.fdopen(writing, "wb")
    a.config.write_text(a.config.read_text().replace("level: info", "level: debug"))
    # Full from the beginning.
    os.set_blocking(writing, False)
    try:
        while os.write(writing, b"x" * 4096):
            pass
    except BlockingIOError:
        os.set_blocking(writing, True)
    a.start()
    scene.send(4)
    scene.sent()
    scene.drained([a])
    scene.measured("dropped", int(a.metric("log_lines_dropped_total")), "lines")
    check(a.metric("log_lines_dropped_total") > 0, "no line was dropped: the pipe was not full")
    scene.finish([a])
    os.close(reading)


@scenario()
def no_descriptors(scene):
    """F14: no file descriptor is left while the broker restarts; with some again it goes on."""
    import resource

    a = scene.worker("a").start()
    scene.send(8)
    scene.stable([a])
    pid = a.process.pid
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (len(os.listdir(f"/proc/{pid}/fd")) - 2, before[1]))
    scene.stack.do("stop", 1)
    scene.stack.do("start", 1)
    time.sleep(5)  # the fault itself
    check(a.runs(), f"it ended: exit code {a.process.returncode}")
    resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
    scene.healed([a], 30)
    scene.finish([a])


# ---- what is in the messages

MALFORMED = [b"not JSON", b"{", b"42", b'{"eventVersion":"1.08"', b'{"eventVersion":"1.08","eventTime":"yesterday"}', b'{"eventVersion":1,"eventTime":2}',
             b'{"eventName":"\xff\xfe"}', b"\x1f\x8b\x08truncated", b"[" * 100_000, b'{"eventTime":"2026-01-05T00:00:00Z"}', b"x" * 900_000]


@scenario()
def malformed(scene):
    """F82: what is no record goes to the dead letters with its reason and place, once; a null value is counted and skipped; all others are judged."""
    a = scene.worker("a").start()
    scene.send(5)
    scene.stable([a])
    scene.stack.put(scene.topic, MALFORMED, partition=0)
    scene.stack.put(scene.topic, [None], key="nothing", partition=0)
    a.kill()  # in the middle: what is refused is refused once
    a.start()
    scene.sent()
    scene.drained([a])
    report = scene.finish([a], also=len(MALFORMED) + 1)
    refused, skipped = (sum(p[what] for p in report["partitions"]) for what in ("refused", "skipped"))
    check(skipped == 1, f"{skipped} skipped, one message has no value")
    letters = scene.stack.records("trailwarden.dlq", "%S %h")
    check(refused == len(MALFORMED) and len(letters) == refused, f"{refused} refused, {len(letters)} dead letters, {len(MALFORMED)} were bad")
    found = [(int(line.split(" ")[0]), dict(pair.split("=") for pair in line.split(" ")[1].split(","))) for line in letters]
    check(all({"reason", "partition", "offset", "byteOffset"} <= set(headers) for _, headers in found), f"a dead letter does not say why or where: {letters[0]}")
    # Brackets around it are taken for a wrapping; the place says how many.
    check(sorted(size + int(headers["byteOffset"]) for size, headers in found) == sorted(map(len, MALFORMED)), "dead letters are not what came")
    scene.figures.append(f"{len(letters)} dead letters")


# ---- the command


def go(arguments, traffic, stack, name):
    function, brokers = SCENARIOS[name]
    check(stack.brokers() == brokers, f"{name} is for {brokers} brokers; this stack has {stack.brokers()}")
    random.seed(arguments.seed)
    folder = Path(tempfile.mkdtemp(prefix=f"trailwarden-{name}-"))
    began = time.monotonic()
    scene = None
    try:
        scene = Scene(arguments.binary, stack, traffic, folder, name)
        function(scene)
        say(f"ok      {name:32} {time.monotonic() - began:6.1f} s  {'; '.join(scene.figures)}")
        shutil.rmtree(folder, ignore_errors=True)
        return True
    except (Failed, ValueError, LookupError, subprocess.SubprocessError, OSError) as error:
        say(f"FAILED  {name:32} {time.monotonic() - began:6.1f} s  {error}\n        {'; '.join(scene.figures) if scene else ''}\n        logs: {folder}\n"
            f"        repeat it: {sys.argv[0]} run --binary {arguments.binary} --stack {stack.data} --events {arguments.events} --seed {arguments.seed} {name}")
        return False
    finally:
        if scene:
            scene.end()
        stack.do("up")  # whatever the fault did to brokers is over


def main():
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list")
    running = commands.add_parser("run")
    running.add_argument("--binary", type=lambda p: str(Path(p).resolve()), default=str(ROOT / "build/test/bin/trailwarden"))
    running.add_argument("--stack", required=True, help="folder of scripts/stack")
    running.add_argument("--seed", type=int, default=1)
    running.add_argument("--events", type=int, default=20_000)
    running.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    if arguments.command == "list":
        for name, (function, brokers) in SCENARIOS.items():
            say(f"{name:32} {brokers}  {function.__doc__.strip()}")
        return
    unknown = set(arguments.names) - set(SCENARIOS)
    if unknown:
        sys.exit(f"no such scenario: {', '.join(sorted(unknown))}")
    stack = Stack(arguments.stack)
    names = arguments.names or [name for name, (_, brokers) in SCENARIOS.items() if brokers == stack.brokers()]
    with tempfile.TemporaryDirectory(prefix="trailwarden-traffic-") as folder:
        traffic = Traffic(arguments.binary, Path(folder) / "traffic", arguments.events)
        failed = [name for name in names if not go(arguments, traffic, stack, name)]
    say(f"{len(names) - len(failed)} passed, {len(failed)} failed{': ' + ' '.join(failed) if failed else ''}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
