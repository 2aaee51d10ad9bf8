#!/usr/bin/env python3
"""sbom.py BUILD-FOLDER: what the program of a build was made of, as CycloneDX 1.5, on standard output.

Two kinds of components, each a Debian package with its version: those of the shared libraries that the dynamic linker
loads with the program, and those whose headers were compiled into it, which ninja knows by file. Nothing is fetched or
copied into the source tree, so there is no third kind. Licenses are those of the packages' copyright files.
"""

import functools
import hashlib
import json
import os
import re
import subprocess
import sys
import time
import uuid
from pathlib import Path

# Debian's short names that SPDX calls otherwise. What is in neither list is given as a name, not as an id.
SPDX = {"Expat": "MIT", "BSD-2-clause": "BSD-2-Clause", "BSD-3-clause": "BSD-3-Clause", "zlib": "Zlib", "ISC": "ISC", "curl": "curl",
        "Apache-2": "Apache-2.0", "Apache-2.0": "Apache-2.0", "GPL-2+": "GPL-2.0-or-later", "GPL-3+": "GPL-3.0-or-later",
        "LGPL-2.1+": "LGPL-2.1-or-later", "LGPL-2+": "LGPL-2.0-or-later", "LGPL-3+": "LGPL-3.0-or-later", "MPL-2.0": "MPL-2.0", "MPL-2": "MPL-2.0", "X11": "X11",
        "BSL-1.0": "BSL-1.0", "CC0-1.0": "CC0-1.0", "MIT": "MIT", "GPL-2": "GPL-2.0-only", "GPL-3": "GPL-3.0-only"}


def output(*command, **options):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, **options).stdout


def linked_files(binary):
    """Every shared library that is loaded with it, resolved."""
    found = re.findall(r"(?:=> )?(/\S+) \(0x", output("ldd", str(binary)))
    return sorted({os.path.realpath(path) for path in found})


def compiled_files(build):
    """Every file outside of the source tree that was read while compiling what the program consists of."""
    root = Path(__file__).resolve().parent.parent
    inputs = output("ninja", "-C", str(build), "-t", "inputs", "bin/trailwarden").split()
    objects = {name for name in inputs if name.endswith(".o")}
    files, wanted = set(), False
    for line in output("ninja", "-C", str(build), "-t", "deps").splitlines():
        if not line.startswith(" "):
            wanted = line.split(":")[0] in objects
        elif wanted and line.strip().startswith("/"):
            files.add(os.path.realpath(line.strip()))
    return sorted(file for file in files if not Path(file).is_relative_to(root))


def packages_of(files):
    """The Debian packages that these files are in; fails for one that is in none."""
    names, asked = set(), list(files)
    for begin in range(0, len(asked), 500):
        part = asked[begin:begin + 500]
        # Older packages know their files below /lib, which is a link to /usr/lib.
        search = subprocess.run(["dpkg-query", "--search", *part, *(p.removeprefix("/usr") for p in part if p.startswith("/usr/lib"))],
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
        known = {}
        for line in search.splitlines():
            owners, _, path = line.partition(": ")
            known[path] = owners.split(", ")[0]
        for path in part:
            owner = known.get(path) or known.get(path.removeprefix("/usr"))
            if owner is None:
                sys.exit(f"sbom.py: no Debian package has {path}")
            names.add(owner)
    return names


@functools.cache
def about(package):
    fields = output("dpkg-query", "-W", "-f", "${Package}\n${Version}\n${Architecture}\n${source:Package}\n${source:Version}\n${Homepage}", package).split("\n")
    return dict(zip(("name", "version", "architecture", "source", "source_version", "homepage"), fields))


def license_names(package):
    """Of the paragraph for `Files: *`, else the first: the license of most of it. None where the file has no such form."""
    path = Path("/usr/share/doc") / package / "copyright"
    text = path.read_text(errors="replace") if path.exists() else ""
    if not text.startswith("Format:"):
        return []
    paragraphs = re.split(r"\n\s*\n", text)
    for wanted in (r"(?m)^Files:\s*\*", r"(?m)^Files:"):
        for paragraph in paragraphs:
            license = re.search(r"(?m)^License:\s*(\S[^\n]*)", paragraph)
            if re.search(wanted, paragraph) and license:
                return [part.strip() for part in re.split(r"\s+(?:and|or)\s+|,", license[1]) if part.strip()]
    return []


def component(package, how):
    facts = about(package)
    purl = f"pkg:deb/debian/{facts['name']}@{facts['version'].replace(':', '%3A').replace('+', '%2B')}?arch={facts['architecture']}&distro=debian-12"
    out = {
        "type": "library", "bom-ref": purl, "name": facts["name"], "version": facts["version"], "purl": purl,
        "supplier": {"name": "Debian"},
        "properties": [{"name": "debian:source", "value": f"{facts['source']} {facts['source_version']}"},
                       *({"name": "trailwarden:use", "value": use} for use in sorted(how))],
    }
    licenses = [{"license": {"id": SPDX[name]} if name in SPDX else {"name": name}} for name in license_names(facts["name"])]
    if licenses:
        out["licenses"] = licenses
    if facts["homepage"]:
        out["externalReferences"] = [{"type": "website", "url": facts["homepage"]}]
    return out


def bill(build):
    binary = build / "bin/trailwarden"
    facts = json.loads(output(str(binary), "--version", "--json"))
    uses = {}
    for use, files in (("linked", linked_files(binary)), ("compiled in", compiled_files(build))):
        for package in packages_of(files):
            uses.setdefault(package, set()).add(use)
    components = sorted((component(package, how) for package, how in uses.items()), key=lambda c: c["bom-ref"])
    own = {"type": "application", "bom-ref": f"trailwarden@{facts['version']}", "name": "trailwarden", "version": facts["version"],
           "licenses": [{"license": {"id": "Apache-2.0"}}],
           "properties": [{"name": f"trailwarden:{key}", "value": facts[key]} for key in ("revision", "compiler", "architecture")]}
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))))
    # The same contents have the same serial number.
    digest = hashlib.sha256(json.dumps([own, components], sort_keys=True).encode()).digest()
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json", "bomFormat": "CycloneDX", "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.UUID(bytes=digest[:16], version=5)}", "version": 1,
        "metadata": {"timestamp": stamp, "component": own},
        "components": components,
        "dependencies": [{"ref": own["bom-ref"], "dependsOn": [c["bom-ref"] for c in components]}],
    }


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: sbom.py BUILD-FOLDER")
    json.dump(bill(Path(sys.argv[1]).resolve()), sys.stdout, indent=1)
    print()
