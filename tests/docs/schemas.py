#!/usr/bin/env python3
"""Every member of what is written (models/schemas) has a description: the reference is made from them. config_test asks more of the configuration's keys."""

import json
import sys
from pathlib import Path

SCHEMAS = Path(__file__).resolve().parents[2] / "models/schemas"


def members(node, path=""):
    for name, value in node.get("properties", {}).items():
        here = f"{path}.{name}" if path else name
        yield here, value
        yield from members(value, here)
    if isinstance(node.get("items"), dict):
        yield from members(node["items"], f"{path}[]")


def main():
    count = 0
    missing = []
    for file in sorted(SCHEMAS.glob("*.schema.json")):
        if file.name == "config.schema.json":
            continue
        for path, member in members(json.loads(file.read_text())):
            count += 1
            if not member.get("description"):
                missing.append(f"{file.name}: {path} has no description")
    print("\n".join(missing) or f"{count} members, all described")
    sys.exit(1 if missing or count < 100 else 0)


if __name__ == "__main__":
    main()
