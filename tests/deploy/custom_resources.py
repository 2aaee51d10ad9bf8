"""Custom resources against the schemas in their operators' definitions, closed: a field that a schema does not have is a fault, as the API server would drop it silently."""

import jsonschema
import yaml


def closed(schema):
    """The schema, refusing properties that it does not name."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    out = {key: {name: closed(one) for name, one in value.items()} if key == "properties" else closed(value) for key, value in schema.items()}
    if "properties" in schema and "additionalProperties" not in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
        out["additionalProperties"] = False
    return out


def schemas_in(folder):
    """A validator for each apiVersion and kind that the folder's definitions have."""
    found = {}
    for path in folder.glob("*.yaml"):
        definition = yaml.safe_load(path.read_text())
        for version in definition["spec"]["versions"]:
            schema = closed(version["schema"]["openAPIV3Schema"])
            found[f"{definition['spec']['group']}/{version['name']}", definition["spec"]["names"]["kind"]] = jsonschema.Draft7Validator(schema)
    return found


def faults_of(resource, validator):
    for error in validator.iter_errors(resource):
        yield f"{'.'.join(map(str, error.absolute_path))}: {error.message[:300]}"
