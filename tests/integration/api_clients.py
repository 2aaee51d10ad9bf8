#!/usr/bin/env python3
"""CloudTrail's API of a running service, asked by the AWS CLI and boto3 as they come from PyPI; and validate-logs, which finds trail and keys there.

    tests/integration/api_clients.py TRAILWARDEN TRAIL_DAY

The trail's objects are served by the small server of trail_aws_cli.py. Exits with 77 where the clients cannot be had.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

import trail_aws_cli
from pypi_tool import python_with

CLI, BOTO3 = f"awscli=={trail_aws_cli.VERSION}", "boto3==1.43.55"
ACCOUNT, REGION, HOME, ARN, RANGE = (getattr(trail_aws_cli, name) for name in ("ACCOUNT", "REGION", "HOME", "ARN", "RANGE"))
KEY, SECRET, OTHER_KEY, OTHER_SECRET = "TRAILWARDENAUDITOR", "kH2/secret+of=auditor", "TRAILWARDENANOTHER", "of another account"
DATA_ARN = f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/data"

CONFIG = """version: 1
embedded: {{input: {folder}/inbox, data: {folder}/data}}
http: {{listen: "127.0.0.1:0", token_file: {folder}/token}}
api:
  keys:
    - {{id: {key}, account: "{account}", secret_file: {folder}/secret}}
    - {{id: {other_key}, account: "444455556666", secret_env: OTHER_SECRET}}
trails:
  - name: main
    home_region: {home}
    account: "{account}"
    s3: {{bucket: trails, endpoint: "http://127.0.0.1:1", region: {home}}}
    digest: {{key_directory: {folder}/keys}}
  - name: data
    home_region: {region}
    account: "{account}"
    directory: {folder}/trail
    insights: false
    digest: {{key_directory: {folder}/no-keys}}
    advanced_event_selectors:
      - name: puts
        field_selectors:
          - {{field: eventCategory, equals: [Data]}}
          - {{field: resources.type, equals: ["AWS::S3::Object"]}}
"""


class Service:
    """trailwarden with an API, and what its clients need to know."""

    def __init__(self, program, folder):
        self.folder = folder
        for name in ("inbox", "keys"):
            (folder / name).mkdir()
        (folder / "secret").write_text(SECRET + "\n")
        (folder / "token").write_text("of the pages\n")
        (folder / "config.yaml").write_text(CONFIG.format(folder=folder, key=KEY, other_key=OTHER_KEY, account=ACCOUNT, home=HOME, region=REGION))
        self.process = subprocess.Popen([program, "run", "-c", folder / "config.yaml"], stderr=subprocess.PIPE, text=True, env={**os.environ, "OTHER_SECRET": OTHER_SECRET})
        self.said = []
        for line in self.process.stderr:
            self.said.append(line)
            if '"service.started"' in line:
                break
        else:
            raise SystemExit("the service did not start: " + "".join(self.said))
        self.url = "http://127.0.0.1:" + json.loads(line)["pages"].removeprefix("port ")

    def page(self, path):
        with urllib.request.urlopen(urllib.request.Request(self.url + path, headers={"Authorization": "Bearer of the pages"})) as answer:
            return answer.read().decode()

    def stop(self):
        self.process.terminate()
        rest = self.process.communicate(timeout=30)[1]
        return self.process.returncode, "".join(self.said) + rest


class Checks:
    def __init__(self):
        self.wrong, self.count = [], 0

    def must(self, condition, what):
        self.count += 1
        if not condition:
            self.wrong.append(what)


def environment(folder, key=KEY, secret=SECRET, **more):
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "NO_PROXY": "127.0.0.1", "AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_PAGER": "", "AWS_MAX_ATTEMPTS": "1", **more}


def cli(python, service, *arguments, region=HOME, env=None):
    command = [python, "-m", "awscli", "cloudtrail", *arguments, "--endpoint-url", service.url, "--region", region, "--output", "json"]
    return subprocess.run([str(part) for part in command], env=env or environment(service.folder), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120)


def check_actions(checks, python, service):
    def answer(*arguments, **options):
        done = cli(python, service, *arguments, **options)
        checks.must(done.returncode == 0, f"{arguments}: {done.stderr}")
        return json.loads(done.stdout or "{}")

    trails = {t["Name"]: t for t in answer("describe-trails")["trailList"]}
    checks.must(list(trails) == ["main", "data"], f"describe-trails lists {list(trails)}")
    main = trails["main"]
    checks.must(main["TrailARN"] == ARN and main["S3BucketName"] == "trails" and main["HomeRegion"] == HOME and main["LogFileValidationEnabled"], f"main is {main}")
    checks.must(trails["data"]["S3BucketName"] == "trail" and trails["data"]["HasCustomEventSelectors"] and not trails["data"]["HasInsightSelectors"], f"data is {trails['data']}")
    checks.must(answer("describe-trails", "--no-include-shadow-trails", region=REGION)["trailList"][0]["Name"] == "data", "the shadow is left out")
    checks.must(answer("get-trail", "--name", "main")["Trail"] == main, "get-trail differs from describe-trails")
    listed = answer("list-trails")["Trails"]
    checks.must(listed == [{"TrailARN": ARN, "Name": "main", "HomeRegion": HOME}, {"TrailARN": DATA_ARN, "Name": "data", "HomeRegion": REGION}], f"list-trails: {listed}")
    checks.must(answer("get-trail-status", "--name", ARN, region=REGION) == {}, "a status without an archiver says nothing")
    checks.must(answer("get-event-selectors", "--trail-name", "main")["EventSelectors"][0]["ReadWriteType"] == "All", "default selectors")
    checks.must(answer("get-event-selectors", "--trail-name", DATA_ARN)["AdvancedEventSelectors"][0]["Name"] == "puts", "advanced selectors")
    insights = answer("get-insight-selectors", "--trail-name", "main")["InsightSelectors"]
    checks.must([i["InsightType"] for i in insights] == ["ApiCallRateInsight", "ApiErrorRateInsight"], f"insight selectors: {insights}")
    published = json.loads((service.folder / "keys/public-keys.json").read_text())["PublicKeyList"]
    keys = answer("list-public-keys", "--start-time", RANGE[0], "--end-time", RANGE[1])["PublicKeyList"]
    checks.must([k["Fingerprint"] for k in keys] == [k["Fingerprint"] for k in published], f"keys: {keys}")
    checks.must(answer("list-public-keys", "--start-time", "2020-01-01", "--end-time", "2020-01-02")["PublicKeyList"] == [], "no key of 2020")
    other = answer("describe-trails", env=environment(service.folder, OTHER_KEY, OTHER_SECRET))
    checks.must(other["trailList"] == [], f"another account sees {other}")


def check_refusals(checks, python, service):
    def refused(expected, *arguments, **options):
        done = cli(python, service, *arguments, **options)
        checks.must(done.returncode != 0 and f"({expected})" in done.stderr, f"{arguments}: expected {expected}, not {done.stderr.strip()!r}")

    refused("InvalidSignatureException", "list-trails", env=environment(service.folder, secret="guessed"))
    refused("UnrecognizedClientException", "list-trails", env=environment(service.folder, key="AKIAIOSFODNN7EXAMPLE"))
    refused("UnrecognizedClientException", "list-trails", env=environment(service.folder, AWS_SESSION_TOKEN="temporary"))
    refused("MissingAuthenticationTokenException", "list-trails", "--no-sign-request")
    refused("TrailNotFoundException", "get-trail", "--name", "absent")
    refused("TrailNotFoundException", "get-trail", "--name", "main", region=REGION)
    refused("InsightNotEnabledException", "get-insight-selectors", "--trail-name", DATA_ARN)
    refused("InvalidTimeRangeException", "list-public-keys", "--start-time", "2026-03-02", "--end-time", "2026-03-01")
    refused("UnsupportedOperationException", "stop-logging", "--name", "main")

    library, clock = service.folder / "shifted_clock.so", service.folder / "clock"
    subprocess.run([os.environ.get("CC", "cc"), "-O1", "-shared", "-fPIC", "-w", "-o", library, Path(__file__).with_name("shifted_clock.c")], check=True)
    for seconds, expected in ((600, None), (-600, None), (1200, "InvalidSignatureException"), (-1200, "InvalidSignatureException")):
        clock.write_text(str(seconds))
        done = cli(python, service, "list-trails", env=environment(service.folder, LD_PRELOAD=str(library), SHIFTED_CLOCK=str(clock)))
        fits = done.returncode == 0 if expected is None else f"({expected})" in done.stderr
        checks.must(fits, f"a clock {seconds} s off: {done.stderr.strip()!r}")


# Runs where boto3 is: the endpoint is its argument, the answers are what it prints.
BOTO3_PROGRAM = """
import json, sys
import boto3
client = boto3.client("cloudtrail", endpoint_url=sys.argv[1], region_name=sys.argv[2])
main = sys.argv[3]
def strip(answer):
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200 and len(answer["ResponseMetadata"]["RequestId"]) == 36
    return {k: v for k, v in answer.items() if k != "ResponseMetadata"}
out = {
    "describe": strip(client.describe_trails(trailNameList=[main, "absent"])),
    "get": strip(client.get_trail(Name=main)),
    "list": [t["Name"] for page in client.get_paginator("list_trails").paginate() for t in page["Trails"]],
    "status": strip(client.get_trail_status(Name=main)),
    "selectors": strip(client.get_event_selectors(TrailName=main)),
    "insights": strip(client.get_insight_selectors(TrailName=main)),
    "keys": [k["Fingerprint"] for page in client.get_paginator("list_public_keys").paginate(StartTime=1772323200, EndTime=1772409600.5) for k in page["PublicKeyList"]],
}
try:
    client.get_trail(Name="absent")
except client.exceptions.TrailNotFoundException as e:
    out["absent"] = [e.response["ResponseMetadata"]["HTTPStatusCode"], "absent" in str(e)]
try:
    client.lookup_events()
except client.exceptions.UnsupportedOperationException as e:
    out["lookup"] = e.response["ResponseMetadata"]["HTTPStatusCode"]
print(json.dumps(out, default=str))
"""


def check_boto3(checks, python, service):
    done = subprocess.run([python, "-c", BOTO3_PROGRAM, service.url, REGION, ARN], env=environment(service.folder), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120)
    checks.must(done.returncode == 0, f"boto3: {done.stderr}")
    if done.returncode:
        return
    said = json.loads(done.stdout)
    published = json.loads((service.folder / "keys/public-keys.json").read_text())["PublicKeyList"]
    checks.must([t["TrailARN"] for t in said["describe"]["trailList"]] == [ARN], f"boto3 describes {said['describe']}")
    checks.must(said["get"]["Trail"] == said["describe"]["trailList"][0], "boto3 gets another trail than it describes")
    checks.must(said["list"] == ["main", "data"] and said["status"] == {}, f"boto3 lists {said['list']}, status {said['status']}")
    checks.must(said["selectors"]["TrailARN"] == ARN and len(said["insights"]["InsightSelectors"]) == 2, f"boto3 selectors {said['selectors']}")
    checks.must(said["keys"] == [k["Fingerprint"] for k in published], f"boto3 keys {said['keys']}")
    checks.must(said.get("absent") == [404, True] and said.get("lookup") == 400, f"boto3 errors {said.get('absent')} {said.get('lookup')}")


def check_validate_logs(checks, python, service, trail):
    serving = trail_aws_cli.server(trail)
    env = environment(service.folder, AWS_ENDPOINT_URL_S3=f"http://127.0.0.1:{serving.server_address[1]}")
    arguments = ("validate-logs", "--trail-arn", ARN, "--start-time", RANGE[0], "--end-time", RANGE[1])
    done = cli(python, service, *arguments, region=REGION, env=env)
    for text in ("24/24 digest files valid", "2/2 backfill digest files valid", "42/42 log files valid"):
        checks.must(text in done.stdout, f"validate-logs does not say {text!r}: {done.stdout} {done.stderr}")
    checks.must(done.returncode == 0, f"validate-logs exits with {done.returncode}")

    log = trail.remove(trail.log(1, 35))
    done = cli(python, service, *arguments, region=REGION, env=env)
    checks.must(done.returncode == 1 and trail_aws_cli.log_line(log, "INVALID: not found") in done.stderr, f"validate-logs of a trail without one log: {done.stdout} {done.stderr}")

    shutil.copy(trail.folder / "other_public_keys.json", service.folder / "keys/public-keys.json")
    done = cli(python, service, *arguments, region=REGION, env=env)
    checks.must(done.returncode == 1 and "public key not found" in done.stderr, f"validate-logs with other keys: {done.stderr[:300]}")

    (service.folder / "keys/public-keys.json").write_text("{")
    done = cli(python, service, *arguments, region=REGION, env=env)
    checks.must(done.returncode != 0 and "(InternalFailure)" in done.stderr and "public-keys.json" in done.stderr, f"validate-logs with a damaged file of keys: {done.stderr}")
    serving.shutdown()
    serving.server_close()


def check_pages(checks, service):
    checks.must(service.page("/healthz") == "ok\n", "healthy after all that")
    metrics = service.page("/metrics")
    for line in ('trailwarden_api_requests_total{error="",operation="DescribeTrails"}', 'trailwarden_api_requests_total{error="InvalidSignatureException",operation=""} 3'):
        checks.must(line in metrics, f"/metrics lacks {line}")
    checks.must(SECRET not in service.page("/config") and KEY in service.page("/config"), "/config names the key and not its secret")
    try:
        urllib.request.urlopen(urllib.request.Request(service.url + "/", data=b"{}", headers={"Authorization": "Bearer of the pages"}))
        checks.must(False, "the token of the pages is none of the API")
    except urllib.error.HTTPError as e:
        checks.must(e.code == 400 and json.load(e)["__type"] == "IncompleteSignatureException", f"the token of the pages gives {e.code}")


def main():
    program, trail_day = (Path(argument).resolve() for argument in sys.argv[1:])
    (python, why), (boto, boto_why) = python_with(CLI), python_with(BOTO3)
    if python is None or boto is None:
        print(f"skipped: {CLI} or {BOTO3} cannot be had from PyPI: {why or boto_why}")
        return 77
    checks = Checks()
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder, "written")
        subprocess.run([trail_day, "write", written], check=True)
        trail = trail_aws_cli.Trail(written, trail_day)
        Path(folder, "service").mkdir()
        service = Service(program, Path(folder, "service"))
        try:
            shutil.copy(written / "public_keys.json", service.folder / "keys/public-keys.json")
            check_actions(checks, python, service)
            check_boto3(checks, boto, service)
            check_refusals(checks, python, service)
            check_validate_logs(checks, python, service, trail)
            check_pages(checks, service)
        finally:
            status, said = service.stop()
        checks.must(status == 0, f"the service ends with {status}")
        checks.must(SECRET not in said and OTHER_SECRET not in said, "the log has a secret")
    print("\n".join(checks.wrong) or f"{checks.count} checks: {CLI} and {BOTO3} are content")
    return 1 if checks.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
