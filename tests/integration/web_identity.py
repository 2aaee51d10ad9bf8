#!/usr/bin/env python3
"""The archiver with a role by web identity, as a pod of EKS has it (IRSA): STS and S3 are moto's, from PyPI, kept in the cache, which checks every signature.

    tests/integration/web_identity.py TRAILWARDEN

Between them stands a proxy that asks STS for credentials of a few seconds, and refuses those that are over. While the trail is written they are renewed again and again, the token's file is replaced as the
kubelet does it, and STS is away for one renewal. In the end every record is in the trail once; each call of STS carried the token that the file had, and each of S3 a session token that STS gave, with its key.
Exits with 77 where moto cannot be had.
"""

import argparse
import collections
import gzip
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path
from urllib.parse import parse_qs

from cluster import Failed, check, fail_here, say
from pypi_tool import go_on_with
from s3_faults import Proxy, ReadableBucket, Service, error, records_of, records_sent, traffic, trail_of
from sqs_kill import VERSION, moto

ROLE = "arn:aws:iam::123456789012:role/archiver"
LIFETIME = 4  # seconds; AWS gives 15 minutes at least


class Doorkeeper:
    """Lets pass to STS, and to S3 those whom STS knows."""

    def __init__(self, token_file):
        self.token_file, self.lock = token_file, threading.Lock()
        self.given = {}  # until when each session token holds, and its access key
        self.asked, self.wrong, self.used, self.refused, self.failed = [], [], collections.Counter(), 0, 0

    def sts(self, spoiler, handler, body):
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        with self.lock:
            self.asked.append(form["WebIdentityToken"])
            if form["WebIdentityToken"] != self.token_file.read_text().strip() or form["RoleArn"] != ROLE or handler.headers.get("Authorization"):
                self.wrong.append(f"STS was asked with {form}")
            if len(self.asked) == 2:
                self.failed += 1
                handler.answer(*error(503, "ServiceUnavailable"))
                return True
            self.token_file.with_suffix(".new").write_text(f"token-{len(self.asked)}\n")
            self.token_file.with_suffix(".new").rename(self.token_file)
        body += f"&DurationSeconds={LIFETIME}".encode()
        del handler.headers["Content-Length"]
        handler.headers["Content-Length"] = str(len(body))
        with self.lock:
            look_at_signatures(handler.server.target, "inf")  # moto would want one of this call too, which has none
            status, headers, answer = handler.forward(body)
            look_at_signatures(handler.server.target, 0)
            token, key = (re.search(rf"<{name}>([^<]+)</{name}>", answer.decode())[1] for name in ("SessionToken", "AccessKeyId"))
            self.given[token] = (time.time() + LIFETIME, key)
        handler.pass_on(status, headers, answer)
        return True

    def s3(self, spoiler, handler, body):
        token, signed = handler.headers.get("x-amz-security-token"), handler.headers.get("Authorization") or ""
        with self.lock:
            until, key = self.given.get(token, (0, None))
            if key is None or f"Credential={key}/" not in signed or "x-amz-security-token" not in signed:
                self.wrong.append(f"S3 was asked with {token} and {signed}")
            if time.time() >= until:
                self.refused += 1
                handler.answer(*error(403, "ExpiredToken"))
                return True
            self.used[token] += 1
        if handler.command == "PUT":
            time.sleep(0.3)  # or it would be over before they have to be renewed
        return False


class OpenProxy(Proxy):
    """Looks at everything for as long as it lives."""

    def __init__(self, name, spoil):
        super().__init__(name, spoil, 1)
        self.spoiler.active = lambda: True


def allow_the_role(url):
    """A role that may use S3, for moto to check against."""
    import boto3
    iam = boto3.client("iam", endpoint_url=url, region_name="us-east-1", aws_access_key_id="root", aws_secret_access_key="root")
    iam.create_role(RoleName="archiver", AssumeRolePolicyDocument='{"Version":"2012-10-17","Statement":[]}')
    iam.put_role_policy(RoleName="archiver", PolicyName="s3", PolicyDocument='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}')


def look_at_signatures(url, calls):
    """From so many calls on, moto wants each signed by somebody who may."""
    urllib.request.urlopen(urllib.request.Request(url + "/moto-api/reset-auth", data=str(calls).encode(), headers={"Content-Type": "text/plain"})).close()


def live(arguments, folder, url):
    os.environ.update(TRAILWARDEN_S3_MOTO=url, AWS_ACCESS_KEY_ID="root", AWS_SECRET_ACCESS_KEY="root", no_proxy="127.0.0.1")
    sent_from = traffic(arguments.binary, folder / "traffic")
    bucket = ReadableBucket(url, "web-identity")
    allow_the_role(url)
    look_at_signatures(url, 0)
    token_file = folder / "token"
    token_file.write_text("token-0\n")
    door = Doorkeeper(token_file)
    sts, s3 = OpenProxy("moto", door.sts), OpenProxy("moto", door.s3)
    service = Service(arguments.binary, folder, (), bucket=bucket.name, endpoint=f"http://127.0.0.1:{s3.port}", settings="")
    shutil.copytree(sent_from, folder / "inbox" / "AWSLogs")
    given = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    given |= {"AWS_ROLE_ARN": ROLE, "AWS_WEB_IDENTITY_TOKEN_FILE": str(token_file), "AWS_ENDPOINT_URL_STS": f"http://127.0.0.1:{sts.port}", "AWS_REGION": "us-east-1"}
    try:
        with (folder / "service.log").open("ab") as log:
            done = subprocess.run(service.command("run", "--drain"), cwd=folder, env=given, stdout=log, stderr=log, timeout=120, check=False)
        check(done.returncode == 0, f"exit code {done.returncode}: {(folder / 'service.log').read_text()[-2000:]}")
        written = len(door.asked)
        validated = subprocess.run(service.command("validate"), cwd=folder, env=given, capture_output=True, text=True, timeout=120, check=False)
        check(validated.returncode == 0, f"validate exits with {validated.returncode}: {validated.stdout[-1500:]}{validated.stderr}")
        refused = subprocess.run(service.command("validate"), cwd=folder, env=given | {"AWS_ENDPOINT_URL_STS": "http://127.0.0.1:1"}, capture_output=True, text=True, timeout=120, check=False)
        check(refused.returncode == 2 and ROLE in refused.stderr and "127.0.0.1:1" in refused.stderr, f"validate without STS: {refused.returncode} {refused.stderr}")
    finally:
        sts.close()
        s3.close()
    try:
        bucket.read(f"{url}/{bucket.name}?list-type=2")
        check(False, "moto lets in whom it does not know")
    except subprocess.CalledProcessError as denied:
        check(b"403" in denied.stderr or b"InvalidAccessKeyId" in denied.stdout, denied.stdout)
    look_at_signatures(url, "inf")
    sent = records_sent(sent_from)
    kept = collections.Counter()
    for key, text in trail_of(url, bucket).items():
        if "/CloudTrail/" in key:
            kept.update(records_of(gzip.decompress(text).decode()))
    check(kept == sent, f"{sum((sent - kept).values())} records are missing in the trail, {sum((kept - sent).values())} are there too often")
    check(not door.wrong, door.wrong[:2])
    check(written >= 4 and len(door.used) >= 3 and door.failed == 1, f"STS was asked {written} times, {len(door.used)} credentials were used: that proves little")
    check(len(set(door.asked)) >= 3, f"tokens {door.asked}")
    secrets = [token for token in door.given if token in (folder / "service.log").read_text()]
    check(not secrets, "a session token is in the log")
    say(f"{written} credentials while {sum(kept.values())} records were written, {len(door.used)} of them used, in {sum(door.used.values())} calls of S3; {door.refused} of these came too late; {door.failed} renewal failed and was made up for")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary", type=lambda p: str(Path(p).resolve()))
    arguments = parser.parse_args()
    python = go_on_with(f"moto[server]=={VERSION}")
    folder = Path(tempfile.mkdtemp(prefix="trailwarden-web-identity-"))
    try:
        with moto(python) as url:
            live(arguments, folder, url)
    except Failed as problem:
        fail_here(problem, f"{sys.argv[0]} {arguments.binary}", folder)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
