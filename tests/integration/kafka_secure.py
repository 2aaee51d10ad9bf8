#!/usr/bin/env python3
"""The service on a Kafka that asks who it is: SCRAM and OAUTHBEARER over TLS, and mutual TLS.

    tests/integration/kafka_secure.py BINARY --secure FOLDER/secure     (scripts/stack up --secure --data FOLDER)

Each way makes its topics, sends records, judges them and is audited, with secrets in files. Then each mistake an operator makes has to say what to look at.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CONFIG = """version: 1
kafka:
  brokers: "{brokers}"
  group: {name}
  instance: "0"
  start: earliest
  input: [{{topic: "{name}-input"}}]
  topics: {{prefix: "{name}."}}
  security: {{{security}}}
http: {{listen: ""}}
log: {{level: error}}
"""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary", type=lambda p: str(Path(p).resolve()))
    parser.add_argument("--secure", type=lambda p: Path(p).resolve(), required=True)
    arguments = parser.parse_args()
    secure = arguments.secure
    sasl, mtls = ((secure / f"bootstrap-{way}").read_text().strip() for way in ("sasl", "mtls"))
    ca = f'ca_file: "{secure}/ca.pem"'
    other = f'ca_file: "{secure}/other-ca.pem"'
    user = f'protocol: sasl_ssl, mechanism: SCRAM-SHA-512, username: trailwarden'
    certificate = f'certificate_file: "{secure}/client.pem", key_file: "{secure}/client.key"'

    with tempfile.TemporaryDirectory(prefix="trailwarden-kafka-secure-") as temporary:
        folder = Path(temporary)
        (folder / "wrong").write_text("not the password\n")

        def write(name, brokers, security):
            path = folder / f"{name}.yaml"
            path.write_text(CONFIG.format(name=f"{name}-{int(time.time())}", brokers=brokers, security=security))
            return path

        def run(config, *words, expect=0, seconds=120):
            done = subprocess.run([arguments.binary, *words, "-c", str(config)], cwd=folder, capture_output=True, text=True, timeout=seconds, check=False)
            if done.returncode != expect:
                sys.exit(f"{config.stem}: {' '.join(words)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
            return done.stdout + done.stderr

        subprocess.run([arguments.binary, "generate", "--out", str(folder / "traffic"), "--days", "3", "--rate", "0.2"], check=True, capture_output=True)
        good = {
            "scram": (sasl, f'{user}, password_file: "{secure}/password", {ca}'),
            "oauth": (sasl, f'protocol: sasl_ssl, mechanism: OAUTHBEARER, token_file: "{secure}/token", {ca}'),
            "mtls": (mtls, f"protocol: ssl, {ca}, {certificate}"),
        }
        for name, (brokers, security) in good.items():
            config = write(name, brokers, security)
            run(config, "topics", "create", "--partitions", "2", "--replication", "1")
            run(config, "topics", "check")
            run(config, "forward", str(folder / "traffic" / "AWSLogs"), "--no-progress")
            run(config, "run", "--drain")
            said = run(config, "audit")
            assert "everything holds" in said and f"{name}-" in said, said
            print(f"{name}: {said.strip().splitlines()[-1]}")

        wrong = {
            "wrong-password": (sasl, f'{user}, password_file: "{folder}/wrong", {ca}', "password"),
            "wrong-ca": (sasl, f'{user}, password_file: "{secure}/password", {other}', "ca_file"),
            "no-certificate": (mtls, f"protocol: ssl, {ca}", "certificate_file"),
            "no-such-password": (sasl, f'{user}, password_file: "{folder}/missing", {ca}', "missing"),
            "no-such-ca": (sasl, f'{user}, password_file: "{secure}/password", ca_file: "{folder}/missing.pem"', "missing.pem"),
        }
        for name, (brokers, security, hint) in wrong.items():
            config = write(name, brokers, security)
            for words in (["topics", "check"], ["audit"], ["forward", str(folder / "traffic" / "AWSLogs"), "--no-progress"]):
                began = time.monotonic()
                done = subprocess.run([arguments.binary, *words, "-c", str(config)], cwd=folder, capture_output=True, text=True, timeout=120, check=False)
                said = next(line for line in reversed(done.stderr.splitlines()) if line.startswith("trailwarden: "))
                print(f"{name}: {words[0]}: exit {done.returncode} after {time.monotonic() - began:.0f} s: {said}")
                assert done.returncode in (1, 2) and hint in said, done.stderr
                assert "not the password" not in done.stderr


if __name__ == "__main__":
    main()
