#!/usr/bin/env python3
"""Writes the reference page of the metrics, from what the program says of them.

    tools/metrics_page.py TRAILWARDEN > metrics.md
"""

import json
import re
import subprocess
import sys

# The first whose pattern matches has the metric.
GROUPS = [
    ("Intake", r"records_consumed|record_bytes|events_(?!late)|event_time_clamped|offset_|duplicate_keys|dead_letters|misrouted|ticks_applied"),
    ("Lateness and lag", r"events_late|consumer_lag|watermark|retention_headroom|last_commit"),
    ("Latency", r"alert_end_to_end|pipeline_latency|stage_duration|transaction_commit"),
    ("Log and transactions", r"transactions|transaction_aborts|producer_rebuilds|consumer_rebuilds|ledger|client_"),
    ("Group and state", r"rebalances|assigned_partitions|stopped_partitions|restore|snapshot|state_bytes|cells$"),
    ("Findings", r"alerts|detector|findings_hidden|rule"),
    ("Insights and baselines", r"baseline|incidents|insights"),
    ("Notifications", r"notif"),
    ("Trail and digests", r"trail_|digest|s3_"),
    ("Queues", r"sqs_"),
    ("Service", r"api_|http_|log_lines|config_|build_info|worker_heartbeat|credentials|tls_|privileges"),
    ("Process", r"process_"),
]


def group_of(name):
    short = name.removeprefix("trailwarden_")
    for title, pattern in GROUPS:
        if re.match(pattern, short):
            return title
    sys.exit(f"{name} is in no group of {sys.argv[0]}")


def main():
    metrics = json.loads(subprocess.run([sys.argv[1], "metrics", "list", "--json"], check=True, capture_output=True, text=True).stdout)
    print("# Metrics\n\nWhat `/metrics` has, in the Prometheus text format. No account and no principal is in any label. A metric is there as soon as there is something to say of it: "
          "those of a role only where it runs, those of Kafka only with it.\nCounters are of this process, from its start.\n")
    for title, _ in GROUPS:
        of_group = [metric for metric in metrics if group_of(metric["name"]) == title]
        if not of_group:
            continue
        print(f"## {title}\n\n| metric | type | labels | meaning |\n|---|---|---|---|")
        for metric in of_group:
            labels = ", ".join(f"`{label}`" for label in metric["labels"])
            buckets = "" if "buckets" not in metric else f" Buckets up to {metric['buckets'][-1]:g} s."
            print(f"| `{metric['name']}` | {metric['type']} | {labels} | {metric['help']}{buckets} |")
        print()


if __name__ == "__main__":
    main()
