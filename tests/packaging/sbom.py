#!/usr/bin/env python3
"""The bill of materials is CycloneDX 1.5 by its JSON schema, and names what the program really loads and was compiled with; skipped where PyPI cannot be reached."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/integration"))
from pypi_tool import go_on_with  # noqa: E402
from room import packages_folder, the_one  # noqa: E402

packages = packages_folder()
go_on_with("cyclonedx-python-lib[json-validation]==8.9.0")
from cyclonedx.schema import SchemaVersion  # noqa: E402
from cyclonedx.validation.json import JsonStrictValidator  # noqa: E402


def uses(component):
    return {p["value"] for p in component["properties"] if p["name"] == "trailwarden:use"}


def depended_on():
    """What dpkg-shlibdeps found for the Debian package."""
    fields = subprocess.run(["dpkg-deb", "-f", the_one(packages, "trailwarden_*.deb"), "Depends"], check=True, stdout=subprocess.PIPE, text=True).stdout
    return {part.split()[0] for part in fields.split(",")} - {"adduser", "ca-certificates"}


def provided_by(names):
    """The names that these packages also go by."""
    listed = subprocess.run(["dpkg-query", "-W", "-f", "${Provides}, ", *names], check=True, stdout=subprocess.PIPE, text=True).stdout
    return {part.split()[0] for part in listed.split(",") if part.strip()}


def main():
    text = (packages / "sbom.cdx.json").read_text()
    validator = JsonStrictValidator(SchemaVersion.V1_5)
    wrong = []
    complaint = validator.validate_str(text)
    if complaint:
        wrong.append(f"the schema: {complaint}")
    if not validator.validate_str(text.replace('"library"', '"libary"', 1)):
        wrong.append("the schema accepts a component of no known type, so this test says nothing")
    bill = json.loads(text)
    components = {component["name"]: component for component in bill["components"]}
    linked = {name for name, component in components.items() if "linked" in uses(component)}
    compiled = {name for name, component in components.items() if "compiled in" in uses(component)}
    wrong += [f"{name} is linked and not in it" for name in sorted(depended_on() - linked - provided_by(linked))]
    wrong += [f"{name} is compiled in and not in it" for name in ("libeigen3-dev", "libcli11-dev", "nlohmann-json3-dev", "libexpected-dev", "libboost1.74-dev") if name not in compiled]
    wrong += [f"{name} is for tests and in it" for name in ("libgtest-dev", "libgmock-dev", "librapidcheck-dev") if name in components]
    for name, component in components.items():
        installed = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", name], check=True, stdout=subprocess.PIPE, text=True).stdout
        if component["version"] != installed:
            wrong.append(f"{name} is {component['version']}, and {installed} is installed")
    licensed = sum("licenses" in component for component in components.values())
    if wrong:
        sys.exit("FAIL:\n" + "\n".join(wrong))
    print(f"ok: {len(linked)} packages linked, {len(compiled)} compiled in, {licensed} of {len(components)} with a license")


if __name__ == "__main__":
    main()
