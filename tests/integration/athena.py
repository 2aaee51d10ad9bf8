#!/usr/bin/env python3
"""The tables and queries of docs/athena.md over a trail that is written from recorded events, run by DuckDB.

    tests/integration/athena.py TRAIL_OF_LINES TRAIL_DAY [--glue FILE]

Tables: every column is in the records, of the type that the page says; partitions come from the paths, by the page's templates; every record is there once. Queries: their answers are those of plain Python over the
input. Records are those of tests/data/records, and of ../shared/data where that is. `--glue` writes the first table as Glue takes it. Exits with 77 where DuckDB cannot be had from PyPI.
"""

import calendar
import collections
import gzip
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pypi_tool import go_on_with

DUCKDB = "duckdb==1.4.4"
ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared/data"
ORGANIZATION = "o-a1b2c3d4e5"

# What no recorded event of tests/data has: Insights, and network activity in the form of AWS's documentation, a deletion that worked.
ACCOUNT = "111122223333"
MADE_UP = [
    {"eventVersion": "1.09", "userIdentity": {"type": "AssumedRole", "principalId": "AROAX:s", "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/R/s", "accountId": ACCOUNT, "accessKeyId": "ASIAX", "identityProvider": "idp",
      "userName": "R", "onBehalfOf": {"userId": "u", "identityStoreArn": "arn:aws:identitystore::1:identitystore/d"},
      "sessionContext": {"attributes": {"creationDate": "2026-03-01T09:00:00Z", "mfaAuthenticated": "false"}, "sourceIdentity": "alice", "ec2RoleDelivery": "2.0",
                         "sessionIssuer": {"type": "Role", "principalId": "AROAX", "arn": f"arn:aws:iam::{ACCOUNT}:role/R", "accountId": ACCOUNT, "userName": "R"},
                         "webIdFederationData": {"federatedProvider": "arn:aws:iam::1:oidc-provider/x", "attributes": {"aud": "sts"}}}},
     "eventTime": "2026-03-01T10:00:00Z", "eventSource": "kms.amazonaws.com", "eventName": "Decrypt", "awsRegion": "eu-west-1", "sourceIPAddress": "192.0.2.1", "errorCode": "VpceAccessDenied",
     "errorMessage": "denied", "requestID": "r-1", "eventID": "3f0e8b2c-0001-4000-8000-000000000001", "eventType": "AwsVpceEvent", "apiVersion": "1", "recipientAccountId": ACCOUNT, "sharedEventID": "s-1",
     "vpcEndpointId": "vpce-0a", "vpcEndpointAccountId": ACCOUNT, "eventCategory": "NetworkActivity", "resources": [{"accountId": ACCOUNT, "type": "AWS::KMS::Key", "ARNPrefix": "arn:aws:kms"}],
     "addendum": {"reason": "UPDATED_DATA", "updatedFields": "x", "originalRequestID": "r-0", "originalEventID": "e-0"}, "edgeDeviceDetails": {"type": "snow"}, "serviceEventDetails": {"a": 1},
     "additionalEventData": {"a": 1}, "sessionCredentialFromConsole": "true",
     "tlsDetails": {"tlsVersion": "TLSv1.3", "cipherSuite": "TLS_AES_128_GCM_SHA256", "clientProvidedHostHeader": "kms", "keyExchange": "x25519"}}]
MADE_UP.append({"eventVersion": "1.11", "userIdentity": {"type": "IAMUser", "arn": f"arn:aws:iam::{ACCOUNT}:user/alice", "accountId": ACCOUNT, "invokedBy": "AWS Internal"}, "eventTime": "2026-03-01T23:58:00Z",
                "eventSource": "cloudtrail.amazonaws.com", "eventName": "DeleteTrail", "awsRegion": "us-east-1", "sourceIPAddress": "192.0.2.1", "userAgent": "aws-cli", "requestParameters": {"name": "main"},
                "responseElements": None, "eventID": "3f0e8b2c-0004-4000-8000-000000000000", "readOnly": False, "eventType": "AwsApiCall", "managementEvent": True, "recipientAccountId": ACCOUNT, "eventCategory": "Management"})
for n, (state, average) in enumerate((("Start", 12.5), ("End", 9.0))):
    MADE_UP.append(
        {"eventVersion": "1.07", "eventTime": f"2026-03-01T10:{10 + n}:00Z", "awsRegion": "eu-west-1", "eventID": f"3f0e8b2c-0002-4000-8000-00000000000{n}", "eventType": "AwsCloudTrailInsight", "recipientAccountId": ACCOUNT,
         "sharedEventID": "3f0e8b2c-0003-4000-8000-000000000000", "eventCategory": "Insight",
         "insightDetails": {"state": state, "eventSource": "ec2.amazonaws.com", "eventName": "RunInstances", "insightType": "ApiErrorRateInsight", "errorCode": "Client.InstanceLimitExceeded",
                            "insightContext": {"statistics": {"baseline": {"average": 0.25}, "insight": {"average": average}, "insightDuration": 5, "baselineDuration": 10080},
                                               "attributions": [{"attribute": "userAgent", "insight": [{"value": "x", "average": average}], "baseline": [{"value": "y", "average": 0.25}]}]}}})


# ---- The page

TYPE = re.compile(r"\s*(\w+)\s*")


def parse_type(text, at=0):
    """A Hive type as STRING, ("ARRAY", T), ("MAP", K, V) or ("STRUCT", {name: T}); and where it ends."""
    word = TYPE.match(text, at)
    kind, at = word[1].upper(), word.end()
    if kind not in ("ARRAY", "MAP", "STRUCT"):
        return kind, at
    assert text[at] == "<", text[at:]
    at += 1
    parts = []
    while True:
        name = None
        if kind == "STRUCT":
            named = re.compile(r"\s*(\w+)\s*:\s*").match(text, at)
            name, at = named[1], named.end()
        inner, at = parse_type(text, at)
        parts.append((name, inner))
        at = re.compile(r"\s*").match(text, at).end()
        at += 1
        if text[at - 1] == ">":
            break
        assert text[at - 1] == ",", text[at - 1:]
    return (kind, dict(parts)) if kind == "STRUCT" else (kind, *(inner for _, inner in parts)), at


class Table:
    def __init__(self, sql):
        self.name = re.match(r"CREATE EXTERNAL TABLE (\w+) \(", sql)[1]
        self.columns, at = {}, sql.index("(") + 1
        while True:
            column = re.compile(r"\s*(\w+)\s+").match(sql, at)
            kind, at = parse_type(sql, column.end())
            self.columns[column[1]] = kind
            at = re.compile(r"\s*").match(sql, at).end() + 1
            if sql[at - 1] == ")":
                break
        self.partitions = re.findall(r"(\w+) STRING", re.search(r"PARTITIONED BY \((.*?)\)", sql)[1])
        self.properties = dict(re.findall(r"'([\w.]+)' = '([^']*)'", sql))
        self.serde = re.search(r"SERDE '([^']+)'", sql)[1]
        self.formats = re.findall(r"PUTFORMAT '([^']+)'", sql)
        self.location = re.search(r"LOCATION '([^']+)'", sql)[1]
        self.template = self.properties["storage.location.template"]

    def path_pattern(self, folder):
        """What a file's path is like, for the engine's regexp_extract; a group a partition."""
        tail = self.template.removeprefix("s3://my-trail/")
        groups = {"day": r"(\d{4}/\d{2}/\d{2})", "kind": "(" + "|".join(self.properties.get("projection.kind.values", "").split(",")) + ")"}
        return re.escape(str(folder)) + "/" + re.sub(r"\$\{(\w+)\}", lambda m: groups.get(m[1], "([^/]+)"), tail) + r"/[^/]+\.json\.gz"


def duck_type(kind):
    if isinstance(kind, str):
        return {"STRING": "VARCHAR"}.get(kind, kind)
    if kind[0] == "ARRAY":
        return duck_type(kind[1]) + "[]"
    if kind[0] == "MAP":
        return f"MAP({duck_type(kind[1])}, {duck_type(kind[2])})"
    return "STRUCT(" + ", ".join(f'"{name}" {duck_type(inner)}' for name, inner in kind[1].items()) + ")"


def hive_type(kind):
    if isinstance(kind, str):
        return kind.lower()
    if kind[0] == "STRUCT":
        return "struct<" + ",".join(f"{name.lower()}:{hive_type(inner)}" for name, inner in kind[1].items()) + ">"
    return kind[0].lower() + "<" + ",".join(hive_type(inner) for inner in kind[1:]) + ">"


def glue_input(table):
    return {"Name": table.name, "TableType": "EXTERNAL_TABLE", "Parameters": {"EXTERNAL": "TRUE", **table.properties}, "PartitionKeys": [{"Name": name, "Type": "string"} for name in table.partitions],
            "StorageDescriptor": {"Columns": [{"Name": name.lower(), "Type": hive_type(kind)} for name, kind in table.columns.items()], "Location": table.location, "InputFormat": table.formats[0],
                                  "OutputFormat": table.formats[1], "SerdeInfo": {"SerializationLibrary": table.serde}}}


def read_page():
    text = (ROOT / "docs/athena.md").read_text()
    tables = {t.name: t for t in (Table(sql) for sql in re.findall(r"```sql\n(CREATE .*?)```", text, re.S))}
    queries = dict(re.findall(r"### ([^\n]+)\n\n```sql\n(SELECT .*?)```", text, re.S))
    return tables, queries


# ---- The input


def documents(path):
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    text = raw.decode()
    try:
        found = json.loads(text)
        return found.get("Records", [found]) if isinstance(found, dict) else found
    except json.JSONDecodeError:
        return [record.get("event", record) for record in map(json.loads, text.splitlines())]


def read_records():
    inside = ROOT / "tests/data/records"
    files = [*inside.glob("console_2017/*"), *inside.glob("production_2024/*"), *inside.glob("stratus/*"), *inside.glob("sentry/*"), *inside.glob("flaws_2020/**/*.json*")]
    if SHARED.is_dir():
        files += [SHARED / "real/sans504_2021/events.jsonl.gz", SHARED / "real/production_2024/cloudtrail.json.gz", SHARED / "real/bucket_sweep_2021/events.jsonl.gz",
                  SHARED / "formats/aws_docs/records.jsonl", SHARED / "formats/aws_docs/insights_call_rate.jsonl", *(SHARED / "labelled/stratus").glob("*.json")]
    else:
        print(f"{SHARED} is not there: only the records of tests/data")
    records = [r for file in files for r in documents(file)] + MADE_UP
    return sorted((r for r in records if is_kept(r)), key=lambda r: r["eventTime"])


def is_kept(record):
    """What a trail keeps at a known place, in a form that says when."""
    try:
        time.strptime(record["eventTime"], "%Y-%m-%dT%H:%M:%SZ")
    except (KeyError, TypeError, ValueError):
        return False
    return isinstance(record.get("eventSource", ""), str) and record.get("eventCategory") not in ("ActivityAuditLog", "Aggregated")


def category(record):
    return record.get("eventCategory") if record.get("eventCategory") in ("Insight", "NetworkActivity") else "Log"


def write_trail(program, records, folder, *organization):
    lines = "".join(f"{(calendar.timegm(time.strptime(r['eventTime'], '%Y-%m-%dT%H:%M:%SZ')) + 300) * 1000}\t{json.dumps(r)}\n" for r in records)
    done = subprocess.run([program, folder, *organization], input=lines, stdout=subprocess.PIPE, text=True, check=True)
    return int(done.stdout)


# ---- The engine


class Engine:
    def __init__(self):
        import duckdb

        self.db = duckdb.connect()
        self.db.execute("SET threads = 2")

    def rows(self, sql):
        return [tuple(map(str, row)) for row in self.db.execute(sql).fetchall()]

    def make(self, table, folder, name=None):
        files = [str(f) for f in Path(folder).rglob("*.json.gz") if re.fullmatch(table.path_pattern(folder), str(f))]
        assert files, f"{table.name}: no file is where its template says"
        own = ", ".join(f"'{column}': '{duck_type(kind)}'" for column, kind in table.columns.items())
        of_list = "STRUCT(" + ", ".join(f'"{column}" {duck_type(kind)}' for column, kind in table.columns.items()) + ")[]"
        parts = ", ".join(f"regexp_extract(filename, '{table.path_pattern(folder)}', {i}) AS {p}" for i, p in enumerate(table.partitions, 1))
        columns, each = ("{" + own + "}", "*") if "openx" in table.serde else (f"{{'Records': '{of_list}'}}", "filename, unnest(Records, max_depth := 2)")
        self.db.execute(f"CREATE OR REPLACE TABLE {name or table.name} AS SELECT *, {parts} FROM (SELECT {each} FROM read_json({files!r}, columns = {columns}, format = 'unstructured', "
                        "compression = 'gzip', filename = true, maximum_object_size = 104857600))")

    def ask(self, query, account, region=None):
        """A query of the page, for another account and all days."""
        for theirs, ours in (("json_extract_scalar(", "json_extract_string("), ("cardinality(", "len("), ("'111122223333'", f"'{account}'"), ("'2026/03/01' AND '2026/03/07'", "'2000/01/01' AND '2099/12/31'")):
            query = query.replace(theirs, ours)
        return self.rows(query.replace("'eu-west-1'", f"'{region}'") if region else query)


# ---- What must hold


def paths_of(kind, prefix):
    """Each column and each field of it, as a path; of lists the elements."""
    yield prefix
    while isinstance(kind, tuple) and kind[0] == "ARRAY":
        kind = kind[1]
    if isinstance(kind, tuple) and kind[0] == "STRUCT":
        for name, inner in kind[1].items():
            yield from paths_of(inner, f"{prefix}.{name}")


def members_of(value, prefix, found):
    if isinstance(value, list):
        for one in value:
            members_of(one, prefix, found)
    elif isinstance(value, dict):
        for name, inner in value.items():
            found.add(f"{prefix}{name}")
            members_of(inner, f"{prefix}{name}.", found)


def text(value):
    return "None" if value is None else str(value)


def check_tables(must, engine, tables, records):
    for name, of in (("cloudtrail_logs", ("Log", "NetworkActivity")), ("cloudtrail_insights", ("Insight",))):
        found = set()
        for record in records:
            if category(record) in of:
                members_of(record, "", found)
        for column, kind in tables[name].columns.items():
            for path in paths_of(kind, column):
                must(path in found, f"{name}: no record has {path}")
    placed = collections.Counter()
    for record in records:
        if category(record) != "Insight":
            folder = "CloudTrail-NetworkActivity" if category(record) == "NetworkActivity" else "CloudTrail"
            day = time.strftime("%Y/%m/%d", time.gmtime((calendar.timegm(time.strptime(record["eventTime"], "%Y-%m-%dT%H:%M:%SZ")) + 300) // 3600 * 3600 + 3600))
            placed[(folder, record.get("awsRegion", "unknown"), day)] += 1
    rows = engine.rows("SELECT kind, region, day, count(*) FROM cloudtrail_logs GROUP BY ALL")
    must({row[:3]: int(row[3]) for row in rows} == placed, f"records by folder, Region and day: {len(rows)} groups, expected {len(placed)}")
    ids = collections.Counter(text(r.get("eventID")) for r in records if category(r) != "Insight")
    must(collections.Counter(i for (i,) in engine.rows("SELECT eventid FROM cloudtrail_logs")) == ids, "ids of records")
    elsewhere = engine.rows("SELECT count(*) FROM cloudtrail_logs WHERE account <> 'unknown' AND account NOT IN (coalesce(recipientaccountid, ''), coalesce(useridentity.accountid, ''))")
    must(elsewhere == [("0",)], f"{elsewhere} records are in a folder of another account")
    must(int(engine.rows("SELECT count(*) FROM cloudtrail_insights")[0][0]) == sum(category(r) == "Insight" for r in records), "number of Insights")
    parameters = collections.Counter(json.dumps(r["requestParameters"], sort_keys=True) for r in records if r.get("requestParameters") and category(r) == "Log")
    as_text = collections.Counter(json.dumps(json.loads(p), sort_keys=True) for (p,) in engine.rows("SELECT requestparameters FROM cloudtrail_logs WHERE requestparameters IS NOT NULL AND kind = 'CloudTrail'") if p not in ("null", "{}"))
    must({p: n for p, n in as_text.items()} == {p: n for p, n in parameters.items()}, "requestParameters as JSON text")


def check_queries(must, engine, queries, records):
    accounts = {row[0] for row in engine.rows("SELECT DISTINCT account FROM cloudtrail_logs UNION SELECT DISTINCT account FROM cloudtrail_insights")}
    answered = collections.Counter()
    for account in sorted(accounts):
        here = collections.Counter(i for (i,) in engine.rows(f"SELECT eventid FROM cloudtrail_logs WHERE account = '{account}'"))
        own = []
        for record in records:  # by id, as a record does not say its folder alone
            if here[text(record.get("eventID"))] > 0 and category(record) != "Insight":
                own.append(record)
                here[text(record.get("eventID"))] -= 1
        logs = [r for r in own if category(r) == "Log"]
        arn = lambda r: text((r.get("userIdentity") or {}).get("arn"))
        failed = collections.defaultdict(list)
        for r in logs:
            if r.get("errorCode") is not None:
                failed[(r["eventSource"], r["eventName"], r["errorCode"])].append(arn(r))
        expected = {
            "Who deleted what": [(r["eventTime"], arn(r), r["eventSource"], r["eventName"]) for r in logs if r["eventName"].startswith(("Delete", "Terminate")) and r.get("errorCode") is None],
            "Errors by API": [(*api, str(len(who)), str(len(set(who) - {"None"}))) for api, who in failed.items()],
            "Console sign-ins without MFA": [(r["eventTime"], arn(r), r["sourceIPAddress"]) for r in logs if r["eventName"] == "ConsoleLogin" and (r.get("responseElements") or {}).get("ConsoleLogin") == "Success"
                                             and (r.get("additionalEventData") or {}).get("MFAUsed") == "No"],
            "Denied at a VPC endpoint": [(r["eventTime"], r["vpcEndpointId"], r["eventSource"], r["eventName"], r["errorCode"]) for r in own if category(r) == "NetworkActivity" and r.get("errorCode") == "VpceAccessDenied"],
            "Insights, and how unusual they were": [
                (r["eventTime"], r["awsRegion"], d["state"], d["insightType"], d["eventName"], str(float(c["baseline"]["average"])), str(float(c["insight"]["average"]))) for r in records if category(r) == "Insight"
                and r["recipientAccountId"] == account for d in [r["insightDetails"]] for c in [d["insightContext"]["statistics"]]],
        }
        for name, rows in expected.items():
            said = engine.ask(queries[name], account)
            shown = [row[:4] if name == "Who deleted what" else row for row in said]
            must(sorted(shown) == sorted(rows), f"{name}, {account}: {sorted(set(shown) - set(rows))[:3]} too many, {sorted(set(rows) - set(shown))[:3]} missing")
            answered[name] += len(rows)
    for name, rows in answered.items():
        must(rows > 0, f"{name}: no record of the input is asked for")
    return answered


def check_digests(must, engine, tables, queries, trail_day, folder):
    subprocess.run([trail_day, "write", folder], check=True)
    table = tables["cloudtrail_digests"]
    engine.make(table, folder / "objects")
    found = set()
    digests = []
    for file in (folder / "objects").rglob("*CloudTrail-Digest*/**/*.json.gz"):
        content = gzip.decompress(file.read_bytes()).decode()
        must("\n" not in content.rstrip("\n"), "a digest is one line")
        digests.append(json.loads(content))
        members_of(digests[-1], "", found)
    for column, kind in table.columns.items():
        for path in paths_of(kind, column):
            must(path in found, f"cloudtrail_digests: no digest has {path}")
    rows = [(d["digestEndTime"], str(len(d["logFiles"])), text(d["oldestEventTime"]), text(d["newestEventTime"])) for d in sorted(digests, key=lambda d: d["digestS3Object"])]
    said = engine.ask(queries["How many logs each digest lists"], ACCOUNT)
    must(said == rows and len(rows) == 26, f"digests: {len(said)} rows, expected {len(rows)}")


def main():
    arguments = sys.argv[1:]
    tables, queries = read_page()
    if "--glue" in arguments:
        Path(arguments[arguments.index("--glue") + 1]).write_text(json.dumps(glue_input(tables["cloudtrail_logs"]), indent=2) + "\n")
        return 0
    try:
        import duckdb  # noqa: F401
    except ImportError:
        go_on_with(DUCKDB)
    lines_program, trail_day = (Path(argument).resolve() for argument in arguments)
    wrong = []

    def must(condition, what):
        if not condition:
            wrong.append(what)

    engine, records = Engine(), read_records()
    must(json.loads((ROOT / "docs/athena-glue.json").read_text()) == glue_input(tables["cloudtrail_logs"]), "docs/athena-glue.json is another table than docs/athena.md: athena.py --glue docs/athena-glue.json")
    with tempfile.TemporaryDirectory() as scratch:
        trail, organized = Path(scratch, "trail"), Path(scratch, "organized")
        kept = write_trail(lines_program, records, trail)
        must(kept == len(records), f"{kept} records of {len(records)} are in the trail")
        for name in ("cloudtrail_logs", "cloudtrail_insights"):
            engine.make(tables[name], trail)
        check_tables(must, engine, tables, records)
        answered = check_queries(must, engine, queries, records)
        check_digests(must, engine, tables, queries, trail_day, Path(scratch, "day"))

        # An organization's trail: the same rows, by the template as the page says to change it.
        few = [r for r in records if r["eventTime"] >= "2024"]
        write_trail(lines_program, few, organized, ORGANIZATION)
        table = tables["cloudtrail_logs"]
        table.template = table.template.replace("/AWSLogs/", f"/AWSLogs/{ORGANIZATION}/")
        engine.make(table, organized, "organized")
        must(int(engine.rows("SELECT count(*) FROM organized")[0][0]) == sum(category(r) != "Insight" for r in few), "records of an organization's trail")
    print("\n".join(wrong) or f"{len(records)} records, answers of " + ", ".join(f"{n} rows to \"{name}\"" for name, n in answered.items()))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
