#!/usr/bin/env python3
"""The chart in helm/trailwarden: each set of values in its folder `ci` renders to what tests/deploy/helm has, which Kubernetes, the operators, promtool and the program accept; wrong values are refused.

    tests/deploy/helm_chart.py TRAILWARDEN [NAME...]

Of all checks, or of those named. TRAILWARDEN_UPDATE_GOLDEN=1 writes what is rendered. The first run builds Helm (scripts/helm), 4 minutes. Exits with 77 where Helm or kubernetes-validate cannot be had.
"""

import concurrent.futures
import difflib
import functools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from metric_table import ROOT

sys.path.insert(0, str(ROOT / "tests/integration"))
from pypi_tool import go_on_with

go_on_with("kubernetes-validate==1.37.0")

import kubernetes_validate
import kubernetes_validate.utils
import yaml

import custom_resources
import helm_pods

CHART = ROOT / "helm/trailwarden"
HERE = ROOT / "tests/deploy/helm"
RULES = ROOT / "deploy/prometheus/trailwarden.rules.yaml"
BOARDS = ROOT / "deploy/grafana"
KUBERNETES = ["1.29", "1.30", "1.31", "1.32", "1.33"]  # the chart takes 1.25 and newer
RELEASE, NAMESPACE = "release", "watch"
ROLES = ["detector", "archiver", "digest", "notifier"]
PLACEHOLDER = "https://runbooks.example"


class Helm:
    """The program, as scripts/helm has built it, and the schemas beside it."""

    def __init__(self):
        built = subprocess.run([ROOT / "scripts/helm", "build"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
        if built.returncode:
            print(f"Helm cannot be had: {built.stderr.strip()[-500:]}")
            sys.exit(77)
        self.program, self.schemas = (Path(line) for line in built.stdout.split("\n")[:2])

    def run(self, *words):
        """Whether it went well, what it printed, and what it complained of."""
        ran = subprocess.run([self.program, *words], capture_output=True, text=True, check=False)
        complaints = "\n".join(line for line in ran.stderr.splitlines() if "found symbolic link" not in line)
        return ran.returncode == 0, ran.stdout, complaints

    def template(self, values, chart=CHART):
        return self.run("template", RELEASE, chart, "--namespace", NAMESPACE, "--kube-version", f"{KUBERNETES[-1]}.0", *(word for one in values for word in ("-f", one)))

    def render(self, values, chart=CHART):
        good, text, why = self.template([values], chart)
        if not good:
            raise SystemExit(f"{values}: {why}")
        return text


def value_sets():
    return sorted((CHART / "ci").glob("*-values.yaml"))


def resources(text):
    return [one for one in yaml.safe_load_all(text) if one]


def of_kind(found, kind):
    return [one for one in found if one["kind"] == kind]


@functools.lru_cache(maxsize=None)
def rendered(helm, values):
    return helm.render(values)


# ---- The checks: each yields its faults.


def lint(helm, _):
    for values in [CHART / "values.yaml", *value_sets()]:
        good, out, why = helm.run("lint", "--strict", "--kube-version", f"{KUBERNETES[-1]}.0", CHART, "-f", values)
        if not good:
            yield f"{values.name}: {out}{why}"


def golden_form(text):
    """Without the files that stand in it whole, which have tests of their own."""
    out = []
    for document in re.split(r"^---\n", text, flags=re.MULTILINE):
        if "kind: PrometheusRule\n" in document:
            document = document[: document.index("  groups:\n")] + "  groups: ...\n"
        elif "/dashboards.yaml\n" in document:
            document = document[: document.index("data:\n")] + "data: ...\n"
        out.append(document)
    return "---\n".join(out)


def golden(helm, _):
    update = bool(os.environ.get("TRAILWARDEN_UPDATE_GOLDEN"))
    sets = {values.name.replace("-values", ""): values for values in value_sets()}
    for name, values in sets.items():
        kept = HERE / name
        form = golden_form(rendered(helm, values))
        if update:
            kept.write_text(form)
        elif not kept.exists() or kept.read_text() != form:
            was = kept.read_text().splitlines() if kept.exists() else []
            lines = list(difflib.unified_diff(was, form.splitlines(), "kept", "rendered", lineterm=""))
            yield "\n".join([f"{kept.relative_to(ROOT)}: another rendering; if it is meant: TRAILWARDEN_UPDATE_GOLDEN=1", *lines[:40]])
    for kept in HERE.glob("*.yaml"):
        if kept.name not in sets:
            yield f"{kept.relative_to(ROOT)}: of no set of values"


def kubernetes(helm, _):
    """Strictly: no field that the version does not know."""
    kubernetes_validate.utils.schema_contents = functools.lru_cache(maxsize=None)(kubernetes_validate.utils.schema_contents)
    ours = {json.dumps(one, sort_keys=True) for values in value_sets() for one in resources(rendered(helm, values))}
    for one in map(json.loads, sorted(ours)):
        if is_custom(one):
            continue
        for version in KUBERNETES:
            try:
                kubernetes_validate.validate(one, version, strict=True)
            except Exception as why:  # whatever it is: the resource was not found good
                yield f"{one['kind']} {one['metadata']['name']}, Kubernetes {version}: {str(why)[:500]}"


def is_custom(resource):
    return re.match(r"(monitoring\.coreos\.com|keda\.sh)/", resource["apiVersion"])


def operators(helm, _):
    validators, seen = custom_resources.schemas_in(helm.schemas), set()
    for values in value_sets():
        for one in filter(is_custom, resources(rendered(helm, values))):
            seen.add(one["kind"])
            for fault in custom_resources.faults_of(one, validators[one["apiVersion"], one["kind"]]):
                yield f"{values.name}: {one['kind']} {one['metadata']['name']}: {fault}"
    for _, kind in validators:
        if kind not in seen:
            yield f"no set of values has a {kind}"
    # The schemas are closed indeed.
    broken = of_kind(resources(rendered(helm, CHART / "ci/msk-values.yaml")), "ScaledObject")[0]
    broken["spec"]["pollingIntervall"] = 30
    if not any("pollingIntervall" in fault for fault in custom_resources.faults_of(broken, validators[broken["apiVersion"], "ScaledObject"])):
        yield "a misspelt field of a ScaledObject was accepted"


def pods(helm, _):
    for values in value_sets():
        for fault in helm_pods.faults(resources(rendered(helm, values)), yaml.safe_load(values.read_text())):
            yield f"{values.name}: {fault}"


def configuration(helm, trailwarden):
    """The program takes each file that a pod gets."""
    count = 0
    with tempfile.TemporaryDirectory() as folder:
        for values in value_sets():
            maps = [one for one in of_kind(resources(rendered(helm, values)), "ConfigMap") if any(f"{role}.yaml" in one["data"] for role in ROLES)]
            for name, text in (item for one in maps for item in one["data"].items()):
                file = Path(folder) / name
                file.write_text(text)
                ran = subprocess.run([trailwarden, "config", "check", file], capture_output=True, text=True, check=False)
                if ran.returncode:
                    yield f"{values.name}: {name}: {ran.stdout}{ran.stderr}"
                if yaml.safe_load(text)["http"]["listen"] != "0.0.0.0:9464":
                    yield f"{values.name}: {name}: listens elsewhere"
                count += 1
    if count < 9:
        yield f"only {count} configurations were checked"


def one_source(helm, _):
    """Alerts and dashboards are those of deploy/, in a packaged chart too."""
    everything = CHART / "ci/everything-values.yaml"
    address = yaml.safe_load(everything.read_text())["prometheusRule"]["runbooks"]
    found = resources(rendered(helm, everything))
    rule = of_kind(found, "PrometheusRule")[0]
    if rule["spec"]["groups"] != yaml.safe_load(RULES.read_text().replace(PLACEHOLDER, address))["groups"]:
        yield "the rules are not those of deploy/prometheus"
    boards = {name: text for one in of_kind(found, "ConfigMap") if "grafana_dashboard" in one["metadata"].get("labels", {}) for name, text in one["data"].items()}
    files = {path.name: path.read_text() for path in BOARDS.glob("*.json")}
    if {name: json.loads(text) for name, text in boards.items()} != {name: json.loads(text) for name, text in files.items()}:
        yield "the dashboards are not those of deploy/grafana"
    yield from faults_of_rules(rule)
    with tempfile.TemporaryDirectory() as folder:
        good, _, why = helm.run("package", CHART, "--destination", folder)
        if not good or helm.render(everything, next(Path(folder).glob("*.tgz"))) != rendered(helm, everything):
            yield f"the packaged chart renders otherwise {why}"


def notes(helm, _):
    """They speak of what is there. `helm template` keeps them to itself, so a copy of the chart has them as a ConfigMap."""
    with tempfile.TemporaryDirectory() as folder:
        chart = Path(folder) / "trailwarden"
        shutil.copytree(CHART, chart)
        text = chart / "templates/NOTES.txt"
        (chart / "templates/_notes.tpl").write_text('{{- define "notes" }}' + text.read_text() + "{{- end }}")
        text.unlink()
        (chart / "templates/notes.yaml").write_text('{apiVersion: v1, kind: ConfigMap, metadata: {name: notes}, data: {text: {{ include "notes" . | toJson }}}}')
        for values in value_sets():
            found = resources(helm.render(values, chart))
            said = next(one["data"]["text"] for one in found if one["metadata"]["name"] == "notes")
            sets = {one["metadata"]["name"] for one in of_kind(found, "StatefulSet")}
            named = set(re.findall(r"statefulset/(\S+)", said))
            if named != sets:
                yield f"{values.name}: NOTES name {named}, and {sets} are there"
            if ("helm -n watch test" in said) != bool(of_kind(found, "Pod")):
                yield f"{values.name}: NOTES and the test pod do not agree"
            if not all(word in said for word in ("/readyz", "/healthz", "/metrics", f"kubectl -n {NAMESPACE} ")):
                yield f"{values.name}: NOTES do not say how to ask for health"


def long_names(helm, _):
    """With the longest release name that Helm takes, names still fit: Kubernetes makes labels of 63 characters of a StatefulSet's name and eleven more."""
    good, text, why = helm.run("template", "r" * 53, CHART, "--kube-version", f"{KUBERNETES[-1]}.0", "-f", CHART / "ci/trail-values.yaml")
    if not good:
        yield why
    for one in resources(text):
        if len(one["metadata"]["name"]) > 52:
            yield f"{one['kind']} {one['metadata']['name']}: too long a name"


def faults_of_rules(rule):
    if not shutil.which("promtool"):
        print("promtool is not there, so it has not seen the rules; scripts/setup --test fetches it")
        return
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump(rule["spec"], file)
        file.flush()
        ran = subprocess.run(["promtool", "check", "rules", file.name], capture_output=True, text=True, check=False)
    if ran.returncode:
        yield f"promtool: {ran.stdout}{ran.stderr}"


def refusals(helm, _):
    """Each wrong set of values is refused, and the message says why."""
    cases = json.loads((HERE / "refused.json").read_text())
    with tempfile.TemporaryDirectory() as folder:
        for case in cases:
            file = Path(folder) / "values.yaml"
            file.write_text(json.dumps(case["values"]))
            base = [] if case.get("alone") else [CHART / "ci/minimal-values.yaml"]
            good, _, why = helm.template([*base, file])
            if good:
                yield f"accepted: {json.dumps(case['values'])}"
            elif case["says"] not in why:
                yield f"refused, but not with {case['says']!r}: {json.dumps(case['values'])}: {why}"
    if len(cases) < 40:
        yield f"only {len(cases)} wrong sets of values"


def leaves(values, path=()):
    """Paths of values, down to what is no map, or an empty one."""
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key), value


OTHER_TEXT = {"pullPolicy": "Never", "interval": "77s", "scrapeTimeout": "77s", "size": "7Gi", "runbooks": "https://changed.example"}
OTHER_LIST = {"ports": [7777], "topics": ["changed"], "accessModes": ["ReadWriteOncePod"], "extraVolumeMounts": [{"name": "changed", "mountPath": "/changed"}],
              "extraObjects": [{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "changed"}}]}
ONLY_CHECKED = {"digest.archiversElsewhere"}  # says that what looks wrong is meant


def other_value(name, value):
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str):
        return OTHER_TEXT.get(name, "changed")
    if isinstance(value, list):
        return OTHER_LIST.get(name, [{"name": "changed"}])
    return {"changed": "yes"}


def at(path, value):
    for key in reversed(path):
        value = {key: value}
    return value


def value_at(path, values):
    for key in path:
        if not isinstance(values, dict) or key not in values:
            return None
        values = values[key]
    return values


def changes(helm, path, value):
    """Whether another value makes another rendering of some set of values."""
    with tempfile.TemporaryDirectory() as folder:
        for base in sorted(value_sets(), key=lambda values: "everything" not in values.name):
            before = value_at(path, yaml.safe_load(base.read_text()))
            file = Path(folder) / "values.yaml"
            file.write_text(json.dumps(at(path, other_value(path[-1], value if before is None else before))))
            good, text, _ = helm.template([base, file])
            if good and text != rendered(helm, base):
                return True
    return False


def in_use(helm, _):
    """No value is there for nothing."""
    all_leaves = list(leaves(yaml.safe_load((CHART / "values.yaml").read_text())))
    with concurrent.futures.ThreadPoolExecutor(2) as threads:
        for (path, _), used in zip(all_leaves, threads.map(lambda leaf: changes(helm, *leaf), all_leaves)):
            if not used and ".".join(path) not in ONLY_CHECKED:
                yield f"{'.'.join(path)} changes nothing"


def documented(_helm, _):
    """The README names every value, and none that is not there."""
    names = {".".join(path) for path, _ in leaves(yaml.safe_load((CHART / "values.yaml").read_text()))}
    told = set()
    for row in re.findall(r"^\| (`.*?`) \|", (CHART / "README.md").read_text(), flags=re.MULTILINE):
        for name in re.findall(r"`([^`]+)`", row):
            meant = {one for one in names for said in of_roles(name) if one == said or one.startswith(said + ".")}
            if not meant:
                yield f"README.md names {name}, which is no value"
            told |= meant
    yield from (f"README.md does not name {name}" for name in sorted(names - told))


def of_roles(name):
    return [f"{role}.{name[5:]}" for role in ROLES] if name.startswith("ROLE.") else [name]


def examples(helm, _):
    """What the pages show renders, by itself or over one of the sets of values."""
    bases = [[], [CHART / "ci/minimal-values.yaml"], [CHART / "ci/trail-values.yaml"]]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "values.yaml"
        for page in (CHART / "README.md", ROOT / "docs/kubernetes.md"):
            for block in re.findall(r"^```yaml\n(.*?)^```", page.read_text(), flags=re.MULTILINE | re.DOTALL):
                file.write_text(block)
                tried = [helm.template([*base, file]) for base in bases]
                if not any(good for good, _, _ in tried):
                    yield f"{page.relative_to(ROOT)}: {block}{tried[-1][2]}"


CHECKS = [lint, golden, kubernetes, operators, pods, configuration, one_source, notes, long_names, refusals, in_use, documented, examples]


def main():
    trailwarden, wanted = Path(sys.argv[1]).resolve(), sys.argv[2:]
    helm = Helm()
    found = [f"{check.__name__}: {fault}" for check in CHECKS if not wanted or check.__name__ in wanted for fault in check(helm, trailwarden)]
    print("\n".join(found) or f"{len(value_sets())} sets of values, Kubernetes {', '.join(KUBERNETES)}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
