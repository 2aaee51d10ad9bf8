#!/usr/bin/env python3
"""`trailwarden validate` over a trail in AWS's own form, which none of our writers made.

    tests/integration/validate_aws_form.py TRAILWARDEN SHARED_DATA

A digest and a log that CloudTrail delivered are in the shared data, without the digest's signature (which was its object's metadata) and the public key of that time. So the digest is taken as it is, byte for byte but
for what has to differ: hashes of its logs, all of which have the text of the delivered one, the key's fingerprint, and in a digest before and one after it the hour. Signatures and the answer of ListPublicKeys are made by
openssl, as the CloudTrail user guide says ("Custom implementations of CloudTrail log file integrity validation"). Exits with 77 without the shared data.
"""

import argparse
import base64
import gzip
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from cluster import Failed, check, fail_here, say

FORM = "formats/s3_delivery"


def openssl(*words, given=None):
    return subprocess.run(["openssl", *map(str, words)], input=given, capture_output=True, check=True).stdout


class SigningKey:
    def __init__(self, file):
        self.file = file
        openssl("genrsa", "-out", file, 2048)
        self.der = openssl("rsa", "-in", file, "-RSAPublicKey_out", "-outform", "DER")
        self.fingerprint = hashlib.md5(self.der).hexdigest()

    def sign(self, text):
        return openssl("dgst", "-sha256", "-sign", self.file, given=text.encode()).hex()

    def listed(self):
        """As `aws cloudtrail list-public-keys` prints it."""
        return {"Value": base64.b64encode(self.der).decode(), "ValidityStartTime": "2019-11-01T00:00:00+00:00", "ValidityEndTime": "2019-12-01T00:00:00+00:00", "Fingerprint": self.fingerprint}


class Trail:
    """A bucket as a folder."""

    def __init__(self, folder, data, key):
        self.folder, self.key = folder, key
        delivered = [path for path in (data / FORM).glob("*.json.gz")]
        self.genuine = gzip.decompress(next(path for path in delivered if "CloudTrail-Digest" in path.name).read_bytes()).decode()
        self.log = next(path for path in delivered if "CloudTrail-Digest" not in path.name).read_bytes()
        check(self.text_of(json.loads(self.genuine)) == self.genuine, "CloudTrail's digests have no white space, and their members in this order")

    @staticmethod
    def text_of(digest):
        return json.dumps(digest, separators=(",", ":"))

    def put(self, key, content, metadata=None):
        file = self.folder / key
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        if metadata is not None:
            file = self.folder / ".trailwarden" / "metadata" / key
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(metadata))
        return self.folder / key

    def put_digest(self, hour, logs, previous):
        """The delivered digest, with another hour and these of its logs."""
        digest = json.loads(self.genuine)
        for member in ("digestStartTime", "digestEndTime", "digestS3Object", "previousDigestS3Object"):
            digest[member] = re.sub(r"T(\d\d)(?=:?49)", lambda found: f"T{int(found[1]) + hour - 16}", digest[member])
        digest["digestPublicKeyFingerprint"] = self.key.fingerprint
        digest["logFiles"] = [{**log, "hashValue": hashlib.sha256(gzip.decompress(self.log)).hexdigest()} for log in digest["logFiles"][logs]]
        for log in digest["logFiles"]:
            self.put(log["s3Object"], self.log)
        if previous:
            digest.update(previousDigestHashValue=previous[0], previousDigestSignature=previous[1])
        else:
            digest.update(dict.fromkeys((member for member in digest if member.startswith("previous")), None))
        text = self.text_of(digest)
        sha256 = hashlib.sha256(text.encode()).hexdigest()
        signed = f"{digest['digestEndTime']}\n{digest['digestS3Bucket']}/{digest['digestS3Object']}\n{sha256}\n{digest['previousDigestSignature'] or 'null'}"
        signature = self.key.sign(signed)
        path = self.put(digest["digestS3Object"], gzip.compress(text.encode()), {"signature": signature, "signature-algorithm": "SHA256withRSA"})
        return path, (sha256, signature)

    def put_three(self):
        paths, previous = [], None
        for hour, logs in ((15, slice(0, 10)), (16, slice(10, 20)), (17, slice(20, None))):
            path, previous = self.put_digest(hour, logs, previous)
            paths.append(path)
        return paths


def validate(binary, trail, keys, *words):
    done = subprocess.run([binary, "validate", trail, "--keys", keys, *words], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary", type=lambda p: str(Path(p).resolve()))
    parser.add_argument("data", type=Path)
    arguments = parser.parse_args()
    if not arguments.data.is_dir():
        print(f"{arguments.data} is not there: nothing that CloudTrail delivered to go by")
        sys.exit(77)
    folder = Path(tempfile.mkdtemp(prefix="trailwarden-aws-form-"))
    try:
        key, other = SigningKey(folder / "key.pem"), SigningKey(folder / "other.pem")
        keys, others = folder / "keys.json", folder / "others.json"
        keys.write_text(json.dumps({"PublicKeyList": [other.listed(), key.listed()]}))
        others.write_text(json.dumps({"PublicKeyList": [other.listed()]}))
        trail = Trail(folder / "trail", arguments.data, key)
        digests = trail.put_three()
        logs = sorted(path for path in (folder / "trail" / "AWSLogs").rglob("*.json.gz") if "CloudTrail-Digest" not in path.parts)
        home = "trail cloudtrail-log-analytics-CloudTrail-1KU5PJNR4T9HG of us-east-1"

        code, said = validate(arguments.binary, trail.folder, keys)
        check(code == 0 and "3/3 digest files valid" in said and f"{len(logs)}/{len(logs)} log files valid" in said and home in said, f"as it was signed: {code}\n{said}")
        code, said = validate(arguments.binary, trail.folder, keys, "--start-time", "2019-11-08T15:49:11Z", "--end-time", "2019-11-08T16:49:11Z", "--region", "us-east-1", "--account-id", "112280397275")
        check(code == 0 and "digest files valid" in said, f"a part of it: {code}\n{said}")
        code, said = validate(arguments.binary, trail.folder, others)
        check(code == 1 and said.count(f"INVALID: public key not found in region us-east-1 for fingerprint {key.fingerprint}") == 3, f"with other keys: {code}\n{said}")

        def tampered(what, change, *wanted):
            copy = folder / "copy"
            shutil.copytree(trail.folder, copy)
            change(lambda path: copy / path.relative_to(trail.folder))
            code, said = validate(arguments.binary, copy, keys)
            check(code == 1 and all(text in said for text in wanted), f"{what}: {code}\n{said}")
            shutil.rmtree(copy)

        tampered("a changed log", lambda at: at(logs[3]).write_bytes(gzip.compress(b'{"Records":[]}')), f"{logs[3].name}\tINVALID: hash value doesn't match", "3/3 digest files valid")
        tampered("a removed log", lambda at: at(logs[3]).unlink(), f"{logs[3].name}\tINVALID: not found")
        tampered("a removed digest", lambda at: at(digests[1]).unlink(), f"{digests[1].name}\tINVALID: not found", "digests are missing")
        tampered("a moved digest", lambda at: at(digests[0]).write_bytes(digests[1].read_bytes()), f"{digests[0].name}\tINVALID: has been moved from its original location")
        # The one that CloudTrail delivered, as it was: another key signed it, and here nobody has that.
        tampered("the delivered digest", lambda at: at(digests[1]).write_bytes(gzip.compress(trail.genuine.encode())), f"{digests[1].name}\tINVALID: public key not found in region us-east-1 for fingerprint 797c895fcb81f896b1cb9573fb07f269")
        say(f"{len(digests)} digests of CloudTrail's form with {len(logs)} logs: valid; every way of tampering told")
    except Failed as error:
        fail_here(error, " ".join(sys.argv), folder)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
