"""What no schema says of rendered resources: they fit together, and pods are hardened."""

import itertools


def pods_of(resources):
    """Name, labels and specification of each pod, or of what makes pods."""
    for one in resources:
        if one["kind"] == "StatefulSet":
            yield one["metadata"]["name"], one["spec"]["template"]["metadata"]["labels"], one["spec"]["template"]["spec"], [claim["metadata"]["name"] for claim in one["spec"].get("volumeClaimTemplates", [])]
        elif one["kind"] == "Pod":
            yield one["metadata"]["name"], one["metadata"]["labels"], one["spec"], []


def hardened(name, pod):
    if pod.get("automountServiceAccountToken") is not False:
        yield f"{name}: has a token of the service account"
    around = pod["securityContext"]
    if around.get("runAsNonRoot") is not True or around.get("seccompProfile") != {"type": "RuntimeDefault"} or not around.get("runAsUser"):
        yield f"{name}: may run as root, or without seccomp"
    for container in pod["containers"] + pod.get("initContainers", []):
        inside = container["securityContext"]
        if inside.get("readOnlyRootFilesystem") is not True or inside.get("allowPrivilegeEscalation") is not False or inside.get("capabilities") != {"drop": ["ALL"]}:
            yield f"{name}: {container['name']} is not hardened"
    for danger in ("hostNetwork", "hostPID", "hostIPC"):
        if danger in pod:
            yield f"{name}: {danger}"


def mounted(name, pod, claims):
    volumes = [volume["name"] for volume in pod["volumes"]] + claims
    if len(volumes) != len(set(volumes)):
        yield f"{name}: two volumes have one name"
    for container in pod["containers"] + pod.get("initContainers", []):
        for mount in container["volumeMounts"]:
            if mount["name"] not in volumes:
                yield f"{name}: mounts {mount['name']}, which is no volume of it"


def probed(name, pod):
    """A restart must not follow from what Kafka, S3 or a long restore do: only readiness asks for these."""
    container = pod["containers"][0]
    paths = {probe: container[probe]["httpGet"]["path"] for probe in ("startupProbe", "readinessProbe", "livenessProbe")}
    if paths != {"startupProbe": "/healthz", "readinessProbe": "/readyz", "livenessProbe": "/healthz"}:
        yield f"{name}: asks {paths}"
    if pod["terminationGracePeriodSeconds"] < 15:
        yield f"{name}: is killed while it saves its state"
    if not any(variable["name"] == "POD_NAME" for variable in container["env"]):
        yield f"{name}: without POD_NAME its transactional id would not be its own"


def selects(selector, labels):
    return all(labels.get(key) == value for key, value in selector.items())


def fitting(resources):
    """Whatever names pods by labels, or something else by name, means something that is there."""
    pods, names = list(pods_of(resources)), {(one["kind"], one["metadata"]["name"]) for one in resources}
    for one in resources:
        name, spec = f"{one['kind']} {one['metadata']['name']}", one.get("spec", {})
        selector = {"Service": lambda: spec["selector"], "PodDisruptionBudget": lambda: spec["selector"]["matchLabels"], "NetworkPolicy": lambda: spec["podSelector"]["matchLabels"],
                    "StatefulSet": lambda: spec["selector"]["matchLabels"]}.get(one["kind"])
        if selector and len([labels for _, labels, _, _ in pods if selects(selector(), labels)]) != 1:
            yield f"{name}: selects other pods than those of one role"
        if one["kind"] == "StatefulSet" and ("Service", spec["serviceName"]) not in names:
            yield f"{name}: its Service is not there"
        target = spec.get("scaleTargetRef")
        if target and (target["kind"], target["name"]) not in names:
            yield f"{name}: scales what is not there"
        if target and "replicas" in next(s for s in resources if s["kind"] == target["kind"] and s["metadata"]["name"] == target["name"])["spec"]:
            yield f"{name}: each upgrade would set the replicas back"
    for first, second in itertools.combinations(resources, 2):
        if (first["kind"], first["metadata"]["name"]) == (second["kind"], second["metadata"]["name"]):
            yield f"{first['kind']} {first['metadata']['name']} is there twice"


def watched(resources):
    """A monitor finds the Services, or pods, of every role, as one job."""
    services = [one["metadata"]["labels"] for one in resources if one["kind"] == "Service"]
    for one in resources:
        if one["kind"] == "ServiceMonitor" and not all(selects(one["spec"]["selector"]["matchLabels"], labels) for labels in services):
            yield "the ServiceMonitor misses a Service"
        if one["kind"] == "PodMonitor" and not all(selects(one["spec"]["selector"]["matchLabels"], labels) for _, labels, _, _ in pods_of(resources)):
            yield "the PodMonitor misses pods"
        if one["kind"] in ("ServiceMonitor", "PodMonitor") and one["spec"]["jobLabel"] != "app.kubernetes.io/instance":
            yield f"{one['kind']}: TrailwardenNoRecords would hear of archivers as a job that reads nothing"


def faults(resources, values):
    made = {one["metadata"]["name"] for one in resources if one["kind"] == "ServiceAccount"}
    for name, _, pod, claims in pods_of(resources):
        yield from hardened(name, pod)
        yield from mounted(name, pod, claims)
        if pod.get("restartPolicy") != "Never":
            yield from probed(name, pod)
        if values.get("serviceAccount", {}).get("create", True) and pod["serviceAccountName"] not in made:
            yield f"{name}: its ServiceAccount is not there"
    yield from fitting(resources)
    yield from watched(resources)
