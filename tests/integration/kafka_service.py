#!/usr/bin/env python3
"""The service as an operator meets it, on a real Kafka: topics under a prefix, its metrics, its dead letters, a message taken out of the way, and a twin.

    tests/integration/kafka_service.py BINARY --bootstrap HOST:PORT
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "testing"))
from ports import free_port  # noqa: E402

ROOT_FOLDER = Path(__file__).resolve().parents[2]

CONFIG = """version: 1
kafka:
  brokers: "{bootstrap}"
  group: {name}
  instance: only
  start: earliest
  input: [{{topic: "{name}-input"}}]
  topics: {{prefix: "{name}."}}
  security: {{protocol: plaintext}}
  session_timeout: 6s
  ticks: {{interval: 5s, grace: 0s}}
http: {{listen: "127.0.0.1:{port}"}}
log: {{level: warn}}
"""

RECORD = ('{{"eventVersion":"1.08","userIdentity":{{"type":"Root","accountId":"111122223333"}},"eventTime":"{time}","eventSource":"signin.amazonaws.com",'
          '"eventName":"ConsoleLogin","awsRegion":"eu-west-1","sourceIPAddress":"203.0.113.7","eventID":"00000000-0000-4000-8000-000000000001",'
          '"eventType":"AwsConsoleSignIn","recipientAccountId":"111122223333"}}')

# Spec 5.1 as far as it is built, and shows without an error having happened.
METRICS = """records_consumed_total record_bytes_consumed_total events_accepted_total events_rejected_total events_late_total events_duplicate_total
event_time_clamped_total offset_gap_total offset_rewind_total consumer_lag_records consumer_lag_seconds watermark_delay_seconds watermark_lag_seconds retention_headroom_records
last_commit_timestamp_seconds alert_end_to_end_seconds pipeline_latency_seconds transaction_commit_seconds transactions_total ledger_audit_failures_total
rebalances_total assigned_partitions restore_duration_seconds restore_records_total alerts_total detector_evaluations_total baselines incidents_open
alerts_suppressed_total config_last_reload_successful config_last_reload_success_timestamp_seconds build_info dead_letters_total log_lines_dropped_total
client_broker_up client_broker_rtt_seconds client_queue_messages client_request_errors_total""".split()


class Service:
    def __init__(self, binary, folder, label, **values):
        self.binary, self.port = binary, free_port()
        self.config = folder / f"{label}.yaml"
        self.config.write_text(CONFIG.format(port=self.port, **values))
        self.log = folder / f"{label}.log"
        self.process = None

    def start(self):
        self.process = subprocess.Popen([self.binary, "run", "-c", str(self.config)], stderr=self.log.open("ab"))

    def page(self, name):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{name}", timeout=5) as answer:
                return answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.read().decode()
        except OSError:
            return ""

    def is_ready(self):
        return self.page("readyz").startswith("ready")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)

    def command(self, *words, expect=0):
        done = subprocess.run([self.binary, *words, "-c", str(self.config)], capture_output=True, text=True, timeout=120, check=False)
        if done.returncode != expect:
            sys.exit(f"{' '.join(words)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout


def wait_for(what, condition, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.1)
    sys.exit(f"after {seconds} s still not: {what}")


def produce(bootstrap, topic, text, *options):
    subprocess.run(["kcat", "-b", bootstrap, "-P", "-t", topic, "-p", "0", *options], input=text, text=True, check=True)


def drained(service, offset):
    state = service.page("state")
    parts = [p for w in json.loads(state)["workers"] for p in w["partitions"]] if state else []
    return any(p["partition"] == 0 and p["state"] == "running" and p["caughtUp"] and p["committed"] >= offset for p in parts)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary", type=lambda p: str(Path(p).resolve()))
    parser.add_argument("--bootstrap", required=True)
    arguments = parser.parse_args()
    name = f"service-{os.getpid()}-{int(time.time())}"
    values = {"bootstrap": arguments.bootstrap, "name": name}
    topic = f"{name}-input"
    with tempfile.TemporaryDirectory(prefix="trailwarden-kafka-service-") as temporary:
        folder = Path(temporary)
        a, b = (Service(arguments.binary, folder, label, **values) for label in "ab")

        # Topics under a prefix.
        made = a.command("topics", "create", "--partitions", "2", "--replication", "1")
        assert f"{name}.alerts" in made and f"{name}.ledger" in made and "trailwarden." not in made, made
        a.command("topics", "check")

        # Refused, null, and far too large for a dead letter as it is.
        produce(arguments.bootstrap, topic, "not json")
        produce(arguments.bootstrap, topic, "key:", "-K:", "-Z")
        produce(arguments.bootstrap, topic, "x" * 1_030_000, "-X", "message.max.bytes=2000000")
        produce(arguments.bootstrap, topic, RECORD.format(time=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())))
        a.start()
        wait_for("four messages judged", lambda: drained(a, 4))
        wait_for("statistics of the client", lambda: "trailwarden_client_broker_rtt_seconds{" in a.page("metrics"), 30)
        metrics = a.page("metrics")
        missing = [metric for metric in METRICS if not re.search(rf"^trailwarden_{metric}(_bucket)?[{{ ]", metrics, re.M)]
        assert not missing, f"not on the page: {missing}"
        assert 'trailwarden_events_skipped_total{reason="null_value"} 1' in metrics
        assert 'trailwarden_dead_letters_total{reason="not_json"} 2' in metrics, [line for line in metrics.splitlines() if "dead_letters" in line]
        letters = [json.loads(line) for line in a.command("deadletters", "--json").splitlines()]
        assert sorted(letter["offset"] for letter in letters) == ["0", "2"], letters
        cut = next(letter for letter in letters if letter["offset"] == "2")
        assert cut["fullBytes"] == "1030000" and cut["bytes"] < 1_000_000 and cut["begins"].startswith("xxx"), cut
        assert "not json" in a.command("deadletters")
        print("topics, metrics and dead letters are as they should be")

        # A message taken out of the way.
        assert a.stop() == 0
        produce(arguments.bootstrap, topic, '{"poison":true}')
        a.command("offsets", "skip", "--topic", topic, "--partition", "0", "--offset", "2", expect=2)
        a.command("offsets", "skip", "--topic", topic, "--partition", "0", "--offset", "4")
        a.start()
        wait_for("the fifth message passed", lambda: drained(a, 5))
        skipped = [json.loads(line) for line in a.command("deadletters", "--json", "--reason", "skipped_by_operator").splitlines()]
        assert [letter["offset"] for letter in skipped] == ["4"], skipped
        print("a message is skipped")

        # A twin: the newer one goes on, the older one does nothing for a while and ends with a code of its own.
        wait_for("a is ready", a.is_ready)
        b.start()
        wait_for("a is fenced", lambda: "another process uses our transactional id" in a.page("readyz"), 90)
        wait_for("b is ready", b.is_ready, 90)
        time.sleep(3)
        assert a.process.poll() is None, "it waits before it ends"
        assert b.process.poll() is None and b.is_ready(), "nobody disturbs the newer one"
        code = a.stop()
        assert code == 3, f"exit code {code}: {a.log.read_text()[-2000:]}"
        assert "kafka.instance" in a.log.read_text()
        assert b.stop() == 0, b.log.read_text()[-2000:]
        print("of twins one works and one waits")

        report = json.loads(b.command("audit", "--json"))
        assert report["problems"] == 0 and not report["foreign"], report
        print("the audit holds")


if __name__ == "__main__":
    main()
