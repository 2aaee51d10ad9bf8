#!/usr/bin/env python3
"""The documentation becomes a site: mkdocs takes every page and link (`--strict`), nothing in it needs another site, and its reference has every command, option and key.

    site.py BINARY

Exit code 77 where mkdocs cannot be had from PyPI."""

import html
import json
import os
import re
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools/docs"))
from pages import TOP  # noqa: E402

SITE = TOP / "build/site"


def build(binary):
    done = subprocess.run([TOP / "scripts/docs"], env=os.environ | {"TRAILWARDEN_BIN": str(binary)}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    print(done.stdout)
    if done.returncode:
        sys.exit(done.returncode)


def text_of(page):
    """What a reader sees."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", "", (SITE / page).read_text())))


def commands_of(binary, path=()):
    """(command, its options) by --help alone: another reading of it than the one that made the page."""
    said = subprocess.run([binary, *path, "--help"], capture_output=True, text=True, check=True).stdout
    yield " ".join(("trailwarden", *path)), re.findall(r"^  (?:-\w,)?(--[a-z-]+)", said, re.M)
    below = re.search(r"^Subcommands:\n((?:  .*\n)+)", said, re.M)
    for name in re.findall(r"^  (\w\S*)", below[1], re.M) if below else []:
        yield from commands_of(binary, (*path, name))


def keys_of(schema):
    for name, value in schema.get("properties", {}).items():
        yield name
        yield from keys_of(value)
    for inner in [schema.get("items"), *schema.get("oneOf", [])]:
        if isinstance(inner, dict):
            yield from keys_of(inner)


def missing(binary):
    commands, configuration = text_of("reference/commands.html"), text_of("reference/configuration.html")
    count = 0
    for command, options in commands_of(binary):
        count += 1
        section = commands.rpartition(f" {command}¶")[2].split("¶")[0]
        if f"{command}¶" not in commands:
            yield command
        for option in options:
            if option not in section:
                yield f"{command} {option}"
    if count < 20:
        yield f"commands: only {count} were found"
    for key in set(keys_of(json.loads((TOP / "models/schemas/config.schema.json").read_text()))):
        if not re.search(rf"\b{key}\b", configuration):
            yield f"configuration: {key}"
    detectors = text_of("reference/detectors.html")
    for detector in json.loads(subprocess.run([binary, "detectors", "list", "--json"], capture_output=True, check=True).stdout):
        for words in (detector["claim"], *detector["blindSpots"]):
            if " ".join(words.split()) not in detectors:
                yield f"detectors: {detector['name']}: {words}"


def foreign():
    """Scripts, styles, fonts and pictures that a reader's browser would fetch from elsewhere."""
    for page in SITE.rglob("*.html"):
        for tag in re.findall(r"<(?:script|link|img)\s[^>]*(?:src|href)=\"?(https?://[^\"\s>]+)", page.read_text()):
            yield f"{page.relative_to(SITE)} fetches {tag}"


def main():
    binary = Path(sys.argv[1]).resolve()
    build(binary)
    wrong = [*missing(binary), *foreign()]
    for line in wrong:
        print(f"missing in the site: {line}" if "fetches" not in line else line)
    for page in ("index.html", "tutorial.html", "reference/rules.html", "reference/finding.html"):
        if not (SITE / page).exists():
            wrong.append(page)
    print(f"{len(list(SITE.rglob('*.html')))} pages, {len(wrong)} wrong")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
