"""The reference pages, as Markdown: made from the program and its schemas, never written by hand."""

import json
import os
import re
import subprocess
import tempfile

from pages import TOP

GENERATED = "*Made by `scripts/docs` from the program.*\n\n"


class Program:
    """The program that is described."""

    def __init__(self, binary):
        self.binary = os.path.realpath(binary)

    def says(self, *arguments):
        done = subprocess.run(["trailwarden", *arguments], executable=self.binary, cwd=TOP, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"trailwarden {' '.join(arguments)}: exit code {done.returncode}: {done.stderr}")
        return done.stdout


def cell(text):
    """Text as it may stand in a table."""
    return " ".join(str(text).split()).replace("|", "\\|").replace("<", "&lt;")


def code(text):
    return f"`{str(text).replace('|', chr(92) + '|')}`"


def table(head, rows):
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return "\n".join(lines + [f"| {' | '.join(row)} |" for row in rows]) + "\n\n"


# ---- Commands


def sections_of(text):
    """Of a --help: what it says first, its lists as (name, [(left, right)]), and what stands below them."""
    lines = text.splitlines()
    about, lists, rest, i = lines[0], [], [], 2
    while i < len(lines):
        if re.fullmatch(r"(Positionals|Options|Subcommands):", lines[i]):
            entries, name = [], lines[i][:-1]
            i += 1
            while i < len(lines) and lines[i].startswith("  "):
                begins = re.match(r"  (\S.*?)(?:\s{2,}(\S.*))?$", lines[i]) if not lines[i].startswith("   ") else None
                if begins:
                    entries.append([begins[1], begins[2] or ""])
                else:
                    entries[-1][1] = f"{entries[-1][1]} {lines[i].strip()}".strip()
                i += 1
            lists.append((name, entries))
        else:
            rest.append(lines[i])
            i += 1
    return about, lists, "\n".join(rest).strip()


def commands(program, path=()):
    """(words of the command, its --help) of every command, parents first."""
    text = program.says(*path, "--help")
    yield path, text
    for name, entries in sections_of(text)[1]:
        if name == "Subcommands":
            for left, _ in entries:
                yield from commands(program, (*path, left))


def command_page(program):
    out = "# Commands\n\n" + GENERATED + "What every command's `--help` says. Exit codes: 0 fine, 1 the work failed, 2 wrong usage or configuration.\n\n"
    for path, text in commands(program):
        about, lists, rest = sections_of(text)
        usage = next(line for line in text.splitlines() if line.startswith("Usage:")).removeprefix("Usage: ")
        out += f"## {' '.join(('trailwarden', *path))}\n\n{about.replace('<', '&lt;')}\n\n```text\n{usage}\n```\n\n"
        for name, entries in lists:
            if name == "Subcommands":
                rows = [(f"[{left}](#{'-'.join(('trailwarden', *path, left))})", cell(right)) for left, right in entries]
                out += table(("command", ""), rows)
            else:
                out += table((name[:-1].lower(), ""), [(code(left.replace('{false}', '')), cell(right)) for left, right in entries])
        if rest:
            out += f"```text\n{rest}\n```\n\n"
    return out


# ---- Schemas


def resolve(node, definitions):
    if "$ref" not in node:
        return node
    name = node["$ref"].rsplit("/", 1)[1]
    return {**definitions[name], **{k: v for k, v in node.items() if k != "$ref"}, "x-name": name}


def type_of(node, definitions):
    """A value's type in words, with its bounds."""
    if "x-name" in node and node["x-name"] in ("duration", "size"):
        return node["x-name"]
    if "const" in node:
        return code(json.dumps(node["const"]))
    if "enum" in node:
        return " or ".join(code(v) for v in node["enum"])
    types = node.get("type", "any")
    types = [t for t in ([types] if isinstance(types, str) else types) if t != "null"]
    if types == ["array"]:
        items = resolve(node["items"], definitions) if isinstance(node.get("items"), dict) else {}
        return "list" if not items else f"list of {'sections' if 'properties' in items or 'oneOf' in items else type_of(items, definitions)}"
    if node.get("x-name") == "text":
        return "text"
    words = " or ".join({"object": "section", "string": "text"}.get(t, t) for t in types)
    if "minimum" in node or "maximum" in node:
        words += f", {node.get('minimum', '')} to {node.get('maximum', '')}".rstrip()
    return words


def unit_of(node):
    if "x-unit" in node:
        return node["x-unit"]
    if node.get("x-name") == "duration":
        return "s, m, h or d"
    if node.get("x-name") == "size":
        return "B, KiB, MiB or GiB"
    in_brackets = re.search(r"\[([^\]]+)\]$", node.get("description", ""))
    return in_brackets[1] if in_brackets else ""


def default_of(node, required):
    if "default" in node:
        value = node["default"]
        return code(value if isinstance(value, str) and value else json.dumps(value))
    return "must be there" if required else node.get("x-default", "")


def sections(node, definitions, path=""):
    """(path, section) of every object in a schema, its own first."""
    node = resolve(node, definitions)
    if "properties" in node:
        yield path, node
        for name, value in node["properties"].items():
            yield from sections(value, definitions, f"{path}.{name}" if path else name)
    elif isinstance(node.get("items"), dict):
        yield from sections(node["items"], definitions, f"{path}[]")
    else:
        for form in node.get("oneOf", []):
            if "properties" in form:
                yield from sections(form, definitions, f"{path} {kind_of(form)}")


def kind_of(node):
    """The name of one of several forms of a section: its `type`."""
    return node["properties"].get("type", {}).get("const", "")


def configuration_page(program):
    schema = json.loads((TOP / "models/schemas/config.schema.json").read_text())
    definitions = schema["definitions"]
    out = "# Configuration\n\n" + GENERATED
    out += ("One YAML file, `-c FILE`. Every key may be left out but `version`; a misspelt one is an error with its line, and `trailwarden config check FILE` says all of them at once. "
            "[config.example.yaml](../config.example.yaml) has the same with more words. A section behind `[]` is one entry of a list. Durations (90s, 15m, 2h, 7d) and sizes (64KiB, 256MiB) have their unit in the value. "
            "For editors: `models/schemas/config.schema.json`.\n\n")
    for path, section in sections(schema, definitions):
        rows = []
        for name, value in section["properties"].items():
            key = resolve(value, definitions)
            here = f"{path}.{name}" if path else name
            inner = next((path for path, _ in sections(key, definitions, here)), None)
            link = f"[{name}](#{anchor(inner)})" if inner else code(name)
            rows.append((link, type_of(key, definitions), cell(default_of(key, name in section.get("required", []))), cell(unit_of(key)), cell(key.get("description", ""))))
        out += f"## {path or 'The file'} {{#{anchor(path)}}}\n\n" + (f"{cell(section['description'])}\n\n" if path and "description" in section else "") + table(("key", "type", "default", "unit", "what"), rows)
    return out + "## All defaults\n\nWhat `trailwarden config show` prints:\n\n```yaml\n" + program.says("config", "show") + "```\n"


def anchor(path):
    return re.sub(r"[^a-z0-9_]+", "-", f"key-{path}".lower()).strip("-")


def schema_page(name, title, intro):
    schema = json.loads((TOP / f"models/schemas/{name}.schema.json").read_text())
    definitions = schema.get("definitions", {})
    out = f"# {title}\n\n{GENERATED}{intro} {schema.get('description', '')}\n\nThe schema: `models/schemas/{name}.schema.json`.\n\n"
    for path, section in sections(schema, definitions):
        rows = []
        for key, value in section["properties"].items():
            value = resolve(value, definitions)
            rows.append((code(key), type_of(value, definitions), "always" if key in section.get("required", []) else "", cell(value.get("description", ""))))
        out += f"## {path or 'The line'} {{#{anchor(path)}}}\n\n" + (f"{cell(section['description'])}\n\n" if path and "description" in section else "") + table(("member", "type", "there", "what"), rows)
    return out


# ---- Detectors and rules


def detector_page(program):
    out = "# Detectors\n\n" + GENERATED + "What `trailwarden detectors list` says. Insights have a page of their own: [how trailwarden decides](../model.md).\n\n"
    for info in json.loads(program.says("detectors", "list", "--json")):
        out += f"## {info['name']}\n\n{info['claim']}\n\nNeeds: {info['needs']}\n\n"
        out += table(("option", "type", "default", "unit", "what"), [(code(o["name"]), cell(o["type"]), code(o["default"]), cell(o["unit"]), cell(o["claim"])) for o in info["options"]])
        out += "Does not see:\n\n" + "".join(f"- {spot}\n" for spot in info["blindSpots"]) + f"\nSource: {info['source']}\n\n"
    return out


def duration(seconds):
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds and seconds % length == 0:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"


def rules_of(program, pack):
    """The rules of a pack, as a configuration that asks for it has them."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(f"version: 1\nrules: {{packs: [{pack}]}}\n")
        file.flush()
        return json.loads(program.says("rules", "list", "--json", "-c", file.name))


def rule_page(program):
    out = "# Rules\n\n" + GENERATED + "The packs that ship, as `trailwarden rules list` knows them; [rules.md](../rules.md) says how they are written and changed.\n\n"
    for pack in ("aws", "cis"):
        rules = rules_of(program, pack)
        off = "; of those that are off a detector says the same, or they are experimental" if not all(r["enabled"] for r in rules) else ""
        out += f"## Pack {pack}\n\n`packs: [{pack}]`: {len(rules)} rules, {sum(r['enabled'] for r in rules)} of them on{off}.\n\n"
        for service in sorted({r["id"].split(".")[1] for r in rules}):
            rows = [(code(r["id"]), cell(r["title"]), r["severity"], "on" if r["enabled"] else "off", " ".join(r["attack"] + [f"CIS {c}" for c in r["cis"]]), duration(r["quietSeconds"]),
                     cell(" ".join(r["falsePositives"]))) for r in rules if r["id"].split(".")[1] == service]
            out += f"### {pack}.{service}\n\n" + table(("rule", "what", "severity", "on", "ATT&CK, CIS", "quiet for", "false alarms"), rows)
    return out + "## Coverage of ATT&CK\n\nWhat `trailwarden rules coverage` says of the rules that are on:\n\n```text\n" + program.says("rules", "coverage") + "```\n"


def pages(binary):
    """Path below docs -> Markdown."""
    program = Program(binary)
    alert = "One line of JSON on the alerts topic, or in the alerts file."
    return {
        "reference/commands.md": command_page(program),
        "reference/configuration.md": configuration_page(program),
        "reference/detectors.md": detector_page(program),
        "reference/rules.md": rule_page(program),
        "reference/finding.md": schema_page("finding", "Alert: finding", alert),
        "reference/insight.md": schema_page("insight", "Alert: Insight", alert),
        "reference/trail_problem.md": schema_page("trail_problem", "Alert: trail problem", alert),
        "reference/summary.md": schema_page("summary", "Summary of a replay", "What `trailwarden replay --summary FILE` writes."),
    }
