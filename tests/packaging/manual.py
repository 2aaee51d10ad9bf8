#!/usr/bin/env python3
"""manual.py PROGRAM: the manual page names every command and option that --help names, and is a page that groff reads without a word."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def output(*command, **options):
    return subprocess.run([*map(str, command)], check=True, stdout=subprocess.PIPE, text=True, **options).stdout


def commands_in_help(program, path=()):
    """Read from --help itself, not from where the page has them from."""
    text = output(program, *path, "--help")
    yield path, text
    block = re.search(r"^Subcommands:\n((?:  .*\n)+)", text, re.M)
    for line in block[1].splitlines() if block else []:
        name = re.match(r"  (\S+)", line)
        if name:
            yield from commands_in_help(program, (*path, name[1]))


def main():
    program = Path(sys.argv[1]).resolve()
    source = output(sys.executable, ROOT / "packaging/manual.py", program)
    page = source.replace("\\-", "-")
    missing, commands, options = [], 0, 0
    for path, text in commands_in_help(program):
        commands += 1
        begin = page.find(f".SS trailwarden {' '.join(path)}\n") if path else 0
        if begin < 0:
            missing.append(" ".join(path))
            continue
        section = page[begin:page.find("\n.S", begin + 1)] if path else page[:page.find(".SH COMMANDS")]
        for names in re.findall(r"^  ((?:-{1,2}[\w-]+,?)+)", text, re.M):
            options += 1
            if not re.search(rf"\\fB{re.escape(names)}\b", section):
                missing.append(f"{' '.join(path)} {names}")
    if commands < 30 or options < 100:
        missing.append(f"only {commands} commands and {options} options were found in --help")
    if shutil.which("groff"):
        done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z"], input=source, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode or done.stdout:
            missing.append(f"groff: {done.stdout[:2000]}")
    if missing:
        sys.exit("FAIL: not in the manual page:\n" + "\n".join(missing))
    print(f"ok: {commands} commands, {options} options")


if __name__ == "__main__":
    main()
