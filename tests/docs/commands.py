#!/usr/bin/env python3
"""Runs the commands of README.md and docs, as a reader would.

    commands.py BINARY [PAGE...]

A block of shell commands says what it is behind its language:

    ```sh {.run}      is run here
    ```sh {.shown}    is not: it needs AWS, Kafka, or what this machine does not have

Blocks of a page run in order, in one shell (`set -e`) and one scratch folder, with the program as `trailwarden` on the PATH and the folders of the repository that
commands name (models, tests, ...) in place. What was left in the background is ended with the page. A block ```text {.output} behind a block that is run is held
against its output: its lines must come in that order; white space does not count, and `...` stands for anything. Where the system allows it each page has a network
of its own with nothing but this machine on it. Blocks of YAML that are a configuration (`version: 1`) must pass `config check`, rules with tests `rules test`."""

import argparse
import ctypes
import fcntl
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools/docs"))
from pages import TOP, split  # noqa: E402

SHELLS = {"sh", "bash", "shell", "console", "zsh"}
PLACES = ("deploy", "docs", "models", "tests")
SECONDS = 900  # a page; under gcov everything takes ten times as long


def pages_of_docs():
    return [TOP / "README.md", TOP / "CONTRIBUTING.md", *sorted((TOP / "docs").rglob("*.md"))]


def mistakes_in(blocks):
    for block in blocks:
        if not block.language:
            yield block.line, "a block without a language; plain text is ```text"
        elif block.language in SHELLS:
            if len({"run", "shown"} & set(block.classes)) != 1:
                yield block.line, f"a block of shell commands without a tag: ```{block.language} {{.run}} or {{.shown}}"
            elif "run" in block.classes and re.search(r"^\$ ", block.text, re.M):
                yield block.line, "a block that is run has a prompt; what it says belongs into a block ```text {.output} behind it"


def own_network():
    """Nothing but this machine, where that may be asked for: ports are then free, and nothing needs the world."""
    new_network, up = 0x40000000, 0x1
    if ctypes.CDLL(None, use_errno=True).unshare(new_network):
        return
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, 0x8914, struct.pack("16sh14x", b"lo", up))  # SIOCSIFFLAGS


def script_of(blocks, notes):
    """One shell for the page. The output of each block goes to a file of its own."""
    parts = ["set -eo pipefail"]
    for i, block in enumerate(blocks):
        parts.append(f"exec >{notes}/{i} 2>&1\n{block.text}")
    parts.append(f"touch {notes}/done\n")
    return "\n".join(parts)


def environment(scratch, binary):
    bin_folder = scratch.parent / "bin"
    bin_folder.mkdir()
    (bin_folder / "trailwarden").symlink_to(binary)
    for place in PLACES:
        (scratch / place).symlink_to(TOP / place)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "TRAILWARDEN_", "KAFKA_"))}
    return kept | {"PATH": f"{bin_folder}:{kept['PATH']}", "HOME": str(scratch), "LC_ALL": "C.UTF-8", "TZ": "UTC", "NO_COLOR": "1"}


def end_group(group):
    """Ends what is left of the page's session, first politely."""
    for sign, patience in ((signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0)):
        try:
            os.killpg(group, sign)
            until = time.monotonic() + patience
            while time.monotonic() < until:
                os.killpg(group, 0)
                time.sleep(0.05)
        except ProcessLookupError:
            return


def run(blocks, binary, folder):
    """What each block wrote, and what went wrong."""
    scratch, notes = folder / "scratch", folder / "notes"
    scratch.mkdir()
    notes.mkdir()
    script = folder / "page.sh"
    script.write_text(script_of(blocks, notes))
    shell = subprocess.Popen(["bash", script], cwd=scratch, env=environment(scratch, binary), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL, start_new_session=True, preexec_fn=own_network)
    problem = ""
    try:
        status = shell.wait(timeout=SECONDS)
        if status or not (notes / "done").exists():
            problem = f"a command failed, exit code {status}"
    except subprocess.TimeoutExpired:
        problem = f"not done after {SECONDS} s"
    finally:
        end_group(shell.pid)
        shell.poll()
    return [(notes / str(i)).read_text(errors="replace") if (notes / str(i)).exists() else None for i in range(len(blocks))], problem


def line_pattern(line):
    return re.compile(r"\s*".join(".*" if word == "..." else re.escape(word).replace(r"\.\.\.", ".*") for word in line.split()))


def missing_line(expected, output):
    """The first line of `expected` that does not come in its order, or None."""
    lines = iter(output.splitlines())
    for wanted in (line for line in expected.splitlines() if line.strip()):
        pattern = line_pattern(wanted)
        if not any(pattern.fullmatch(line.strip()) for line in lines):
            return wanted
    return None


def yaml_mistakes(blocks, binary):
    """What the program says against configurations and rules of a page."""
    for block in blocks:
        whole = block.text.startswith("id: ") and "\ntests:" in block.text
        if block.language != "yaml" or not (whole or block.text.startswith("version: 1\n")):
            continue
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(block.text)
            file.flush()
            done = subprocess.run([binary, *(("rules", "test") if whole else ("config", "check")), file.name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            yield block.line, f"refused:\n{done.stdout}"


def check_page(page, binary):
    """(blocks that ran, blocks that are only shown, mistakes)"""
    blocks = split(page.read_text())[1]
    mistakes = [*mistakes_in(blocks), *yaml_mistakes(blocks, binary)]
    shell = [b for b in blocks if b.language in SHELLS]
    runs = [b for b in shell if "run" in b.classes]
    if runs and not mistakes:
        folder = Path(tempfile.mkdtemp(prefix="trailwarden-docs-"))
        try:
            outputs, problem = run(runs, binary, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        mistakes += compare(blocks, runs, outputs, problem)
    return len(runs), len(shell) - len(runs), mistakes


def compare(blocks, runs, outputs, problem):
    last = max((i for i, o in enumerate(outputs) if o is not None), default=0)
    if problem:
        yield runs[last].line, f"{problem}; the block's output ends:\n" + "\n".join((outputs[last] or "").splitlines()[-15:])
        return
    for block, after in zip(blocks, blocks[1:]):
        if block in runs and "output" in after.classes:
            output = outputs[runs.index(block)]
            line = missing_line(after.text, output)
            if line is not None:
                yield after.line, f"the output has not, or not in this order:\n{line}\nit is:\n" + "\n".join(output.splitlines()[:60])


def wrong_in(text, binary):
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.md"
        page.write_text(text)
        return [line for line, _ in check_page(page, binary)[2]]


def self_test(binary):
    assert missing_line("a ... c\n...\nd", "x\na  b   c\ny\nd\n") is None
    assert missing_line("a\nb", "b\na\n") == "b"
    assert [b.language for b in split("```sh {.run}\nx\n```\n")[1]] == ["sh"]
    assert list(mistakes_in(split("```sh\nx\n```\n")[1])) and list(mistakes_in(split("```\nx\n```\n")[1])) and list(mistakes_in(split("```sh run\nx\n```\n")[1]))
    assert not list(mistakes_in(split("```sh {.shown}\n$ x\n```\n")[1]))
    assert wrong_in("```yaml\nversion: 1\nworkers: 0\n```\n", binary) == [1]
    assert wrong_in("```sh {.run}\na=1\n```\n```sh {.run}\nfalse | true; true\n```\n", binary) == [4]
    assert wrong_in("```sh {.run}\necho a && sleep 600 &\n```\n```text {.output}\nb\n```\n", binary) == [4]
    assert wrong_in("```sh {.run}\na=1\n```\n```sh {.run}\necho $a; trailwarden --version\n```\n```text {.output}\n1\ntrailwarden ...\n```\n", binary) == []


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=Path)
    parser.add_argument("pages", type=Path, nargs="*")
    arguments = parser.parse_args()
    self_test(arguments.binary.resolve())
    ran = shown = failed = 0
    for page in [p.resolve() for p in arguments.pages] or pages_of_docs():
        begun = time.monotonic()
        runs, others, mistakes = check_page(page, arguments.binary.resolve())
        ran, shown, failed = ran + runs, shown + others, failed + len(mistakes)
        name = page.relative_to(TOP) if page.is_relative_to(TOP) else page
        if runs or others:
            print(f"{name}: {runs} run, {others} shown, {time.monotonic() - begun:.1f} s", flush=True)
        for line, what in mistakes:
            print(f"{name}:{line}: {what}", flush=True)
    print(f"{ran} blocks of commands run, {shown} shown, {failed} wrong")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
