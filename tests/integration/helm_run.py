#!/usr/bin/env python3
"""What the chart renders, run as processes beside a kfake: the commands, configurations, secrets, variables and probes of its pods, and the command of `helm test`, whose alert a webhook is told of.

    tests/integration/helm_run.py TRAILWARDEN

No containers: paths of volumes become folders here, and each process gets a port of its own. Exits with 77 where Helm, kfake or a YAML reader cannot be had.
"""

import base64
import hashlib
import hmac
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from pypi_tool import go_on_with

go_on_with("kubernetes-validate==1.37.0")

import yaml

from kafka_service import ROOT_FOLDER, free_port, wait_for
from notify_sinks import Receiver
from probe import kfake

PORT = "0.0.0.0:9464"  # of every pod
SECRETS = "/run/secrets/trailwarden"  # likewise, where it has a Secret
KEY = b"what the receiver knows too"
CLUSTER_SECRETS = {"sinks": {"signing": "whsec_" + base64.b64encode(KEY).decode()}}  # the Secrets that are there


def values_for(bootstrap, folder, hook):
    return {
        "config": {
            "kafka": {"brokers": bootstrap, "security": {"protocol": "plaintext"}, "input": [{"topic": "cloudtrail"}], "start": "latest", "ticks": {"interval": "5s", "grace": "0s"}, "session_timeout": "6s"},
            "trails": [{"name": "main", "home_region": "eu-west-1", "directory": f"{folder}/trail", "digest": {"key_directory": "keys"}}],
            "notifications": {"sinks": [{"name": "hook", "type": "webhook", "url": hook, "signing_secret_file": f"{SECRETS}/signing"}]},
        },
        "topics": {"create": True, "partitions": 4, "replication": 1},
        "detector": {"replicas": 2},
        "archiver": {"enabled": True},
        "digest": {"enabled": True},
        "notifier": {"enabled": True, "existingSecret": "sinks"},
    }


def rendered(values):
    built = subprocess.run([ROOT_FOLDER / "scripts/helm", "build"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if built.returncode:
        print(f"Helm cannot be had: {built.stderr.strip()[-300:]}")
        sys.exit(77)
    helm = built.stdout.split("\n")[0]
    text = subprocess.run([helm, "template", "tw", ROOT_FOLDER / "helm/trailwarden", "--kube-version", "1.33.0", "-f", "-"], input=json.dumps(values), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    return [one for one in yaml.safe_load_all(text.stdout) if one]


class Pod:
    """A pod's containers as processes, one after another, and its files in a folder."""

    def __init__(self, name, pod, maps, trailwarden, folder):
        self.name, self.pod, self.trailwarden, self.port, self.process = name, pod, trailwarden, free_port(), None
        self.etc, self.data, self.secrets = (folder / name / part for part in ("etc", "data", "secrets"))
        for part in (self.etc, self.data, self.secrets):
            part.mkdir(parents=True)
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        config = volumes["config"]["configMap"]
        for item in config["items"]:
            (self.etc / item["path"]).write_text(maps[config["name"]][item["key"]].replace(PORT, f"127.0.0.1:{self.port}").replace(SECRETS, str(self.secrets)))
        if "secrets" in volumes:
            assert any(mount == {"name": "secrets", "mountPath": SECRETS, "readOnly": True} for mount in pod["containers"][0]["volumeMounts"]), name
            for key, text in CLUSTER_SECRETS[volumes["secrets"]["secret"]["secretName"]].items():
                (self.secrets / key).write_text(text)
                (self.secrets / key).chmod(volumes["secrets"]["secret"]["defaultMode"])
        self.log = folder / f"{name}.log"

    def begin(self, container):
        command = [word.replace("/etc/trailwarden", str(self.etc)) for word in container["command"]]
        command[0] = self.trailwarden
        env = {one["name"]: self.name for one in container["env"] if one.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath") == "metadata.name"}
        return subprocess.Popen(command, env={"PATH": os.environ["PATH"], **env}, cwd=self.data, stdout=self.log.open("ab"), stderr=subprocess.STDOUT)

    def start(self):
        self.process = self.begin(self.pod["containers"][0])

    def answers(self, probe):
        container = self.pod["containers"][0]
        asked = container[probe]["httpGet"]
        assert next(port["containerPort"] for port in container["ports"] if port["name"] == asked["port"]) == int(PORT.split(":")[1])
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{asked['path']}", timeout=container[probe]["timeoutSeconds"]) as answer:
                return answer.status == 200
        except (urllib.error.HTTPError, OSError):
            return False

    def end(self):
        """As the kubelet does."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=self.pod["terminationGracePeriodSeconds"])
        assert code == 0, f"{self.name} ended with {code}:\n{self.log.read_text()[-2000:]}"
        return time.monotonic() - began


def finished(started, names):
    for process, name in zip(started, names):
        assert process.wait(timeout=120) == 0, f"{name}: exit {process.returncode}"


def is_signed(request):
    """As Standard Webhooks has it."""
    headers = request["headers"]
    said = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{request['body']}"
    return headers["webhook-signature"] == "v1," + base64.b64encode(hmac.digest(KEY, said.encode(), hashlib.sha256)).decode()


def told_of(receiver, alert):
    return [request for request in receiver.told if any(one["id"] == alert for one in json.loads(request["body"])["alerts"])]


def run(pods, test, receiver):
    # All at the same time, as the pods of four StatefulSets start.
    finished([pod.begin(pod.pod["initContainers"][0]) for pod in pods], [f"topics create of {pod.name}" for pod in pods])
    finished([subprocess.Popen([pods[0].trailwarden, "topics", "check", "-c", pods[0].etc / "topics.yaml"])], ["topics check"])
    for pod in pods:
        pod.start()
    for pod in pods:
        wait_for(f"{pod.name} up", lambda one=pod: one.answers("startupProbe"))
        wait_for(f"{pod.name} ready", lambda one=pod: one.answers("readinessProbe"))
        assert pod.answers("livenessProbe"), pod.name
    probing = test.begin(test.pod["containers"][0])
    finished([probing], ["helm test"])
    said = test.log.read_text()
    print(said, end="")
    alert = said.split()[1]
    wait_for(f"the webhook is told of {alert}", lambda: told_of(receiver, alert))
    assert all(map(is_signed, receiver.told)), receiver.told
    return max(pod.end() for pod in pods)


def main():
    broker, bootstrap = kfake()
    pods, receiver = [], Receiver(lambda _: (200, {}, 0))
    try:
        with tempfile.TemporaryDirectory(prefix="trailwarden-helm-run-") as temporary:
            folder, trailwarden = Path(temporary), str(Path(sys.argv[1]).resolve())
            (folder / "trail").mkdir()
            resources = rendered(values_for(bootstrap, folder, f"{receiver.url}/hook"))
            maps = {one["metadata"]["name"]: one["data"] for one in resources if one["kind"] == "ConfigMap"}
            for one in (one for one in resources if one["kind"] == "StatefulSet"):
                pods += [Pod(f"{one['metadata']['name']}-{i}", one["spec"]["template"]["spec"], maps, trailwarden, folder) for i in range(one["spec"]["replicas"])]
            test = next(one for one in resources if one["kind"] == "Pod")
            try:
                longest = run(pods, Pod(test["metadata"]["name"], test["spec"], maps, trailwarden, folder), receiver)
            except BaseException:
                print(*(f"== {log.name}\n{log.read_text()[-2000:]}" for log in folder.glob("*.log")), sep="\n")
                raise
            print(f"{len(pods)} pods' processes were ready, judged a record, told of it and ended in {longest:.1f} s")
    finally:
        for process in filter(None, [broker, *(pod.process for pod in pods)]):
            process.kill()


if __name__ == "__main__":
    main()
