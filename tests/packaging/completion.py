#!/usr/bin/env python3
"""completion.py PROGRAM: the completions of packaging/completion, loaded into bash, zsh and fish, offer commands, options and files."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

FILES = Path(__file__).resolve().parent.parent.parent / "packaging/completion"

# What is typed, what must be offered, what must not.
CASES = (
    ("rep", {"replay"}, {"run"}),
    ("rules t", {"test", "try"}, {"check", "replay"}),
    ("rules ", {"check", "list", "import"}, {"replay"}),
    ("replay --s", {"--summary", "--state", "--since", "--shards"}, {"--threads"}),
    ("run -c ", {"settings.yaml"}, {"--config", "replay"}),
    ("replay rec", {"records.json"}, set()),
    ("state import --rep", {"--replace"}, set()),
    ("comp", set(), {"complete"}),
)

BASH = r"""
source "$1"
shift
words=(trailwarden "$@")
COMP_WORDS=("${words[@]}") COMP_CWORD=$((${#words[@]} - 1)) COMP_LINE="${words[*]}" COMP_POINT=${#COMP_LINE}
_trailwarden trailwarden "${words[-1]}" "${words[-2]}"
printf '%s\n' "${COMPREPLY[@]}"
# What bash does itself, as `complete -o default` asks: files.
if ((!${#COMPREPLY[@]})) && [[ $(complete -p trailwarden) == *'-o default'* ]]; then compgen -f -- "${words[-1]}"; fi
"""

# zsh completes only on a terminal: it gets one, is asked to list, and what it writes is read.
ZSH = r"""
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "PS1= PROMPT_EOL_MARK= fpath=($1 \$fpath) LISTMAX=1000; autoload -Uz compinit; compinit -u -D; zstyle ':completion:*' list-prompt ''; unsetopt LIST_BEEP ZLE_BRACKETED_PASTE; stty cols 400; bindkey '^I' list-choices; echo REA'DY'"
while zpty -r shell line && [[ $line != *READY* ]]; do done
zpty -w -n shell "trailwarden $2"$'\t'
sleep 0.7
zpty -w -n shell $'\C-u'"echo DO''NE"$'\n'
while zpty -r shell line; do print -r -- "$line"; [[ $line == *DONE* ]] && break; done
zpty -d shell
"""


def run(command, **options):
    return subprocess.run([*map(str, command)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, **options).stdout


def words_in(text):
    return set(re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08]", " ", text).split())


def in_bash(typed, environment, folder):
    return set(run(["bash", "--norc", "-c", BASH, "bash", FILES / "trailwarden.bash", *typed.split(" ")], env=environment, cwd=folder).splitlines())


def in_zsh(typed, environment, folder):
    functions = folder / ".functions"
    functions.mkdir(exist_ok=True)
    shutil.copy(FILES / "trailwarden.zsh", functions / "_trailwarden")
    return words_in(run(["zsh", "-f", "-c", ZSH, "zsh", functions, typed], env=environment, cwd=folder))


def in_fish(typed, environment, folder):
    said = run(["fish", "--no-config", "-c", "source $argv[1]; complete -C $argv[2]", FILES / "trailwarden.fish", f"trailwarden {typed}"], env=environment, cwd=folder)
    return {line.split("\t")[0] for line in said.splitlines()}


def main():
    program = Path(sys.argv[1]).resolve()
    failures, shells = [], []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "bin").mkdir()
        (folder / "bin/trailwarden").symlink_to(program)
        for name in ("settings.yaml", "records.json"):
            (folder / name).write_text("")
        environment = {**os.environ, "PATH": f"{folder}/bin:{os.environ['PATH']}", "HOME": scratch, "TERM": "xterm"}
        for shell, ask in (("bash", in_bash), ("zsh", in_zsh), ("fish", in_fish)):
            if not shutil.which(shell):
                print(f"not tried: {shell} is not installed")
                continue
            shells.append(shell)
            for typed, wanted, unwanted in CASES:
                offered = ask(typed, environment, folder)
                if not wanted <= offered or unwanted & offered:
                    failures.append(f"{shell}: {typed!r}: missing {sorted(wanted - offered)}, too many {sorted(unwanted & offered)}: {sorted(offered)[:40]}")
    if failures:
        sys.exit("FAIL:\n" + "\n".join(failures))
    print(f"ok: {len(CASES)} command lines in {', '.join(shells)}")
    sys.exit(0 if len(shells) == 3 else 77)


if __name__ == "__main__":
    main()
