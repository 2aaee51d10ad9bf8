"""What tests and tools read out of the Markdown pages of this repository: headings, links, and blocks between fences."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
# Pages that others are writing: links to them are let pass, and left out of the site, until they are there.
PENDING = set()
FENCE = re.compile(r"^( *)(`{3,}|~{3,})(.*)$")
INFO = re.compile(r"^(?P<language>[\w+-]+)?(?:\s+\{(?P<classes>[^}]*)\})?$")
HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*$")


@dataclass
class Block:
    """What stands between two fences. `classes` are the words of ```language {.class .class}."""

    line: int
    language: str
    classes: list
    text: str


def tracked_pages():
    """Every Markdown file of the repository, below its top folder; also those that are not committed yet."""
    try:
        listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "*.md"], cwd=TOP, capture_output=True, text=True, check=True)
        names = listed.stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):  # no git, or a source tree without its repository
        names = [str(p.relative_to(TOP)) for p in TOP.rglob("*.md") if "build" not in p.relative_to(TOP).parts]
    return [TOP / name for name in sorted(names) if (TOP / name).exists()]


def split(text):
    """The lines outside of fences, as (number, line), and the blocks."""
    lines, blocks, fence, begin, kept, info = [], [], "", 0, [], ""
    for number, line in enumerate(text.splitlines(), 1):
        match = FENCE.match(line)
        if fence and match and match[2].startswith(fence) and not match[3].strip():
            known = INFO.match(info)
            classes = [c.lstrip(".") for c in (known["classes"] or "").split()] if known else [info]
            blocks.append(Block(begin, (known["language"] or "") if known else "", classes, "\n".join(kept) + "\n"))
            fence = ""
        elif fence:
            kept.append(line)
        elif match:
            fence, begin, kept, info = match[2], number, [], match[3].strip()
        else:
            lines.append((number, line))
    if fence:
        raise ValueError(f"line {begin}: a fence that is never closed")
    return lines, blocks


def anchors(text):
    """The anchors that a git host gives to the headings, and those that the page itself has."""
    found, seen = set(), {}
    for _, line in split(text)[0]:
        found.update(re.findall(r"<a (?:id|name)=\"([^\"]+)\"", line))
        match = HEADING.match(line)
        if not match:
            continue
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", match[2]).replace("`", "")
        name = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
        count = seen[name] = seen.get(name, -1) + 1
        found.add(f"{name}-{count}" if count else name)
    return found


def links(text):
    """The targets of links and pictures outside of blocks and code, as (line number, target)."""
    for number, line in split(text)[0]:
        plain = re.sub(r"`[^`]*`", "", line)
        for target in re.findall(r"\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)", plain):
            yield number, target
        for target in re.findall(r"<(?:img|a)\s[^>]*?(?:src|href)=\"([^\"]+)\"", plain):
            yield number, target
        match = re.match(r"^\[[^\]]+\]:\s+(\S+)", plain)
        if match:
            yield number, match[1]
