#!/usr/bin/env python3
"""Kills the service over and over while it reads a bucket through queues; nothing may be lost or doubled, and the queues must be empty in the end.

    tests/integration/sqs_kill.py TRAILWARDEN RECORDS [--files N] [--kills N]

RECORDS: a folder of recorded logs; in it real/sans504_2021/awslogs.tar, the objects of a real bucket. Without it, traffic is made up. S3 and SQS are moto's, from PyPI, kept in the cache.

1. Objects come into the bucket, which tells a queue of them; some are told of once more through another queue, as SNS and EventBridge do it. The service is killed at every
   crash point of the queues and at random. In the end the ledger holds, one undisturbed pass over the journal says the same, every record was read once, and only messages
   of objects that are gone are left, in the dead-letter queue.
2. The same objects in one undisturbed run: the alerts are those of `replay` over them.

Exits with 77 where moto cannot be had.
"""

import argparse
import contextlib
import gzip
import json
import os
import random
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.request
from pathlib import Path

from pypi_tool import go_on_with

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "testing"))
from ports import free_port  # noqa: E402

VERSION = "5.2.5"
REGION, BUCKET = "eu-west-1", "trail-logs"
CRASH_POINTS = ["queue_received:2", "queue_received:4", "embedded_before_commit:2", "embedded_in_transaction:2", "embedded_after_commit:1", "queue_before_remove:1", "queue_after_remove:1"]
KILLED = {137, -signal.SIGKILL}
HIDDEN = 5  # seconds
FIRST = 250  # object of the recorded ones; from there on there is more to be alarmed about


@contextlib.contextmanager
def moto(python):
    port = free_port()
    process = subprocess.Popen([python, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(200):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(url + "/moto-api/", timeout=1).close()
                break
            assert process.poll() is None, "moto does not start"
            time.sleep(0.1)
        yield url
    finally:
        process.kill()
        process.wait()


class Cloud:
    """A bucket that tells a queue of its objects, and another queue."""

    def __init__(self, url, name):
        import boto3
        self.url, self.bucket = url, f"{BUCKET}-{name}"
        self.s3, self.sqs = (boto3.client(service, endpoint_url=url, region_name=REGION) for service in ("s3", "sqs"))
        self.s3.create_bucket(Bucket=self.bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        self.dead = self.queue(f"dead-{name}")
        redrive = json.dumps({"deadLetterTargetArn": self.arn(self.dead), "maxReceiveCount": 30})
        self.objects, self.others = (self.queue(f"{kind}-{name}", RedrivePolicy=redrive) for kind in ("objects", "others"))
        target = {"QueueArn": self.arn(self.objects), "Events": ["s3:ObjectCreated:*"]}
        self.s3.put_bucket_notification_configuration(Bucket=self.bucket, NotificationConfiguration={"QueueConfigurations": [target]})

    def queue(self, name, **attributes):
        return self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]

    def arn(self, queue):
        return self.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    def size(self, queue):
        counts = self.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"])["Attributes"]
        return sum(int(count) for count in counts.values())

    def put(self, key, content):
        return self.s3.put_object(Bucket=self.bucket, Key=key, Body=content)["ETag"].strip('"')

    def tell(self, message):
        self.sqs.send_message(QueueUrl=self.others, MessageBody=message if isinstance(message, str) else json.dumps(message))

    def tell_as_cloudtrail(self, key):
        self.tell({"Type": "Notification", "MessageId": "1", "TopicArn": "arn:aws:sns:eu-west-1:111122223333:trail", "Message": json.dumps({"s3Bucket": self.bucket, "s3ObjectKey": [key]})})

    def tell_as_event_bridge(self, key, etag):
        detail = {"version": "0", "bucket": {"name": self.bucket}, "object": {"key": key, "etag": etag}, "reason": "PutObject"}
        self.tell({"version": "0", "detail-type": "Object Created", "source": "aws.s3", "region": REGION, "detail": detail})


class Service:
    def __init__(self, binary, folder, cloud, order="event_time"):
        self.binary, self.folder, self.cloud = binary, folder, cloud
        folder.mkdir()
        queues = "".join(f'\n    - {{queue_url: "{url}", region: {REGION}, visibility: {HIDDEN}s, buckets: [{cloud.bucket}]}}' for url in (cloud.objects, cloud.others))
        (folder / "config.yaml").write_text('version: 1\nhttp: {listen: ""}\nlog: {level: warn}\ninsights: {warm_up: 12h, false_insights_per_week: 1000}\n'
                                            f"time: {{order: {order}}}\nembedded:\n  keep_input: true\n  sqs:{queues}\n")

    def environment(self, **variables):
        return os.environ | {"AWS_ENDPOINT_URL_S3": self.cloud.url} | variables

    def start(self, **variables):
        return subprocess.Popen([self.binary, "run", "--drain", "-c", "config.yaml"], cwd=self.folder, env=self.environment(**variables))

    def drain(self):
        assert self.start().wait(timeout=60) == 0, "the service does not end well"

    def run(self, *words):
        return subprocess.run([self.binary, *words, "-c", "config.yaml"], cwd=self.folder, capture_output=True, text=True, timeout=60)

    def audit(self):
        done = self.run("audit", "--json", "--recompute")
        assert done.returncode in (0, 1), done.stderr
        return json.loads(done.stdout)

    def alerts(self):
        return [json.loads(line) for line in (self.folder / "trailwarden-data" / "alerts.jsonl").read_text().splitlines()]


def objects_of(binary, records, folder, count):
    """Keys and contents, in order of delivery."""
    archive = records / "real/sans504_2021/awslogs.tar"
    if archive.is_file():
        with tarfile.open(archive) as tar:
            found = [(member.name, tar.extractfile(member).read()) for member in tar if member.name.endswith(".json.gz")]
    else:
        print(f"{archive} is not there: made-up traffic is taken instead")
        subprocess.run([binary, "generate", "--out", str(folder / "traffic"), "--days", "3", "--accounts", "2", "--rate", "4"], check=True, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        found = [(str(path.relative_to(folder / "traffic")), path.read_bytes()) for path in (folder / "traffic" / "AWSLogs").rglob("*.json.gz")]
    found.sort(key=lambda object: object[0].rpartition("/")[2].split("_")[3])
    first = min(FIRST, max(0, len(found) - count))
    return found[first:first + count]


def records_in(objects):
    return sum(len(json.loads(gzip.decompress(content)).get("Records", [])) for _, content in objects)


def killed(binary, folder, cloud, objects, kills):
    service = Service(binary, folder, cloud)
    plans = [{"TRAILWARDEN_FAIL": f"{point}:abort"} for point in CRASH_POINTS] + [{}] * kills
    rounds, done = len(plans), 0
    for number, plan in enumerate(plans):
        for i in range(len(objects) * number // rounds, len(objects) * (number + 1) // rounds):
            key, content = objects[i]
            etag = cloud.put(key, content)
            if i % 10 == 0:
                cloud.tell_as_cloudtrail(key)
            if i % 7 == 0:
                cloud.tell_as_event_bridge(key, etag)
        if number == 0:
            cloud.put("AWSLogs/1/CloudTrail-Digest/x/1_CloudTrail-Digest_eu-west-1_main_eu-west-1_20200930T220000Z.json.gz", b"nobody reads this")
            cloud.tell("nobody understands this")
            cloud.tell_as_cloudtrail("AWSLogs/gone.json.gz")
        process = service.start(**plan)
        if plan:
            code = process.wait(timeout=60)
        else:
            time.sleep(random.uniform(0.3, 2.0))
            process.kill()
            code = process.wait()
        assert code in KILLED or (code == 0 and not plan), f"{plan}: exit {code}"
        done += code in KILLED
    time.sleep(HIDDEN + 0.5)  # until what the killed had taken comes again
    service.drain()
    report = service.audit()
    assert report["problems"] == 0, report["firstProblems"]
    assert report["recomputed"]["problems"] == 0, report["recomputed"]["firstProblems"]
    read, sent = sum(p["read"] for p in report["partitions"]), records_in(objects)
    assert read == sent + 1, f"{read} records were read, {sent} sent, and a message that nobody understands"
    assert cloud.size(cloud.objects) == 0, "the bucket's queue is not empty"
    assert cloud.size(cloud.others) + cloud.size(cloud.dead) == 1, "the message of the object that is gone, and no other, stays"
    ids = [alert["id"] for alert in service.alerts()]
    assert len(ids) == len(set(ids)) == report["alerts"], "every alert once"
    assert "nobody understands this" in service.run("deadletters", "--json").stdout or "sqs://others" in service.run("deadletters").stdout
    print(f"{done} kills; {len(objects)} objects, {read} records, {len(ids)} alerts: nothing lost, nothing twice, the queues empty")


def undisturbed(binary, folder, cloud, objects):
    service = Service(binary, folder, cloud, order="arrival")
    for i in random.sample(range(len(objects)), len(objects)):  # they come in any order, and are read in order of their stamps
        cloud.put(*objects[i])
    service.drain()
    assert cloud.size(cloud.objects) == 0, "the queue is not empty"
    for key, content in objects:
        path = folder / "objects" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    done = service.run("replay", "objects", "--alerts", "replayed.jsonl", "--no-progress")
    assert done.returncode == 0, done.stderr
    replayed = [json.loads(line)["id"] for line in (folder / "replayed.jsonl").read_text().splitlines()]
    live = [alert["id"] for alert in service.alerts()]
    assert live or not replayed, "these objects give alerts"
    # A replay ends its input, and with it what is open; a service does not.
    missing = [id for id in live if id not in replayed]
    assert not missing, f"{len(missing)} of {len(live)} alerts are none of the replay's {len(replayed)}"
    print(f"undisturbed: {len(live)} alerts, all of them among the {len(replayed)} of the replay")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary", type=lambda p: str(Path(p).resolve()))
    parser.add_argument("records", type=Path)
    parser.add_argument("--files", type=int, default=150)
    parser.add_argument("--kills", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    python = go_on_with(f"moto[server]=={VERSION}")
    random.seed(arguments.seed)
    for name in [name for name in os.environ if name.startswith("AWS_") or name == "TRAILWARDEN_FAIL"]:
        del os.environ[name]
    os.environ |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "no_proxy": "127.0.0.1"}
    with tempfile.TemporaryDirectory(prefix="trailwarden-sqs-") as name, moto(python) as url:
        folder = Path(name)
        objects = objects_of(arguments.binary, arguments.records, folder, arguments.files)
        killed(arguments.binary, folder / "killed", Cloud(url, "killed"), objects, arguments.kills)
        undisturbed(arguments.binary, folder / "undisturbed", Cloud(url, "undisturbed"), objects)


if __name__ == "__main__":
    main()
