#!/usr/bin/env python3
"""manual.py PROGRAM: its manual page trailwarden.1, made of what --help says, on standard output."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

FILES = [
    ("/etc/trailwarden/trailwarden.yaml", "Configuration of the service."),
    ("/usr/share/doc/trailwarden/config.example.yaml", "Every key of a configuration, with its default."),
    ("/usr/share/trailwarden/rules", "The rule packs that ship. TRAILWARDEN_PACKS names another folder."),
    ("/usr/share/trailwarden/schemas", "JSON Schemas of the configuration and of all that is written."),
    ("/var/lib/trailwarden", "State, alerts and the watched folder of the service."),
]


def run(program, *words):
    return subprocess.run([program, *words], check=True, stdout=subprocess.PIPE, text=True).stdout


def commands_below(program, path=()):
    """Every command as the words that call it, in the program's order."""
    for line in run(program, "complete", "--", *path, "").splitlines():
        command = (*path, line.split("\t")[0])
        yield command
        yield from commands_below(program, command)


def escape(text):
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga").replace("^", "\\(ha").replace("~", "\\(ti")
    return "\\&" + text if text.startswith((".", "'")) else text


def read_help(text):
    """What `--help` prints: (claim, usage, [(section, [(name, claim)])], the lines after these)."""
    lines = text.rstrip().splitlines()
    claim, usage = lines[0], lines[1].split(None, 2)[-1]
    sections, at = [], 3
    while at < len(lines) and re.fullmatch(r"[A-Z]\w+:", lines[at]) and lines[at] != "Example:":
        items, at = [], at + 1
        sections.append((lines[at - 1][:-1], items))
        while at < len(lines) and lines[at].startswith("  "):
            line = lines[at]
            if line.startswith(" " * 30):
                items[-1] = (items[-1][0], line.strip())
            elif len(line) > 30 and line[29] == " ":
                items.append((line[:30].strip(), line[30:].strip()))
            else:
                items.append((line.strip(), ""))
            at += 1
        at += 1
    return claim, usage, sections, lines[at:]


def items_text(items):
    return "".join(f".TP\n\\fB{escape(name)}\\fR\n{escape(claim)}\n" for name, claim in items)


def verbatim(lines):
    return ".PP\n.nf\n" + "".join(f"{escape(line)}\n" for line in lines) + ".fi\n" if lines else ""


def command_text(program, command):
    claim, usage, sections, rest = read_help(run(program, *command, "--help"))
    words = usage[usage.index("["):] if "[" in usage else ""
    out = f".SS trailwarden {escape(' '.join(command))}\n{escape(claim)}\n.PP\n\\fBtrailwarden {escape(' '.join(command))}\\fR {escape(words)}\n"
    for _, items in sections:
        out += items_text(items)
    return out + verbatim(rest)


def page(program):
    version = run(program, "--version").split()[1]
    claim, _, sections, _ = read_help(run(program, "--help"))
    day = time.strftime("%Y-%m-%d", time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))))
    out = f'.TH TRAILWARDEN 1 "{day}" "trailwarden {version}" "User Commands"\n'
    out += f".SH NAME\ntrailwarden \\- {escape(claim.split(': ', 1)[1].rstrip('.'))}\n"
    out += ".SH SYNOPSIS\n.B trailwarden\nCOMMAND [OPTIONS]\n.SH OPTIONS\n" + items_text(dict(sections)["Options"])
    out += ".SH COMMANDS\n" + "".join(command_text(program, command) for command in commands_below(program))
    out += ".SH FILES\n" + items_text(FILES)
    return out + ".SH EXIT STATUS\n0 fine, 1 the work failed, 2 wrong usage or configuration. Where a command has others, it says so.\n"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: manual.py PROGRAM")
    sys.stdout.write(page(str(Path(sys.argv[1]).resolve())))
