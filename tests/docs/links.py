#!/usr/bin/env python3
"""Every relative link of every Markdown page of the repository leads to a file or folder that is there, and to a heading that is there, as a git host would follow it."""

import posixpath
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools/docs"))
from pages import PENDING, TOP, anchors, links, tracked_pages  # noqa: E402


def problem_of(page, link):
    """What is wrong with a link of a page, or None."""
    path, _, anchor = link.partition("#")
    target = posixpath.normpath(posixpath.join(posixpath.dirname(page), path)) if path else page
    if target in PENDING and not (TOP / target).exists():
        return None
    if path.startswith("/") or target.startswith(".."):
        return "leaves the repository"
    if not (TOP / target).exists():
        return "leads nowhere"
    if anchor and target.endswith(".md") and anchor not in anchors((TOP / target).read_text()):
        return f"{target} has no heading #{anchor}"
    return None


def self_test():
    assert problem_of("README.md", "docs/nobody.md") == "leads nowhere"
    assert problem_of("docs/model.md", "../README.md#nobody") and problem_of("docs/model.md", "#nobody") and problem_of("docs/model.md", "../../x")
    assert problem_of("docs/model.md", "#what-it-cannot-see") is None
    assert list(links("a [b](c.md#d) `[x](y)` ![z](p.svg)\n```text\n[e](f)\n```\n")) == [(1, "c.md#d"), (1, "p.svg")]


def main():
    self_test()
    count = failed = 0
    for file in tracked_pages():
        page = str(file.relative_to(TOP))
        for line, link in links(file.read_text()):
            if re.match(r"[a-z]+:", link):
                continue
            count += 1
            problem = problem_of(page, link)
            if problem:
                failed += 1
                print(f"{page}:{line}: {link}: {problem}")
    print(f"{count} links, {failed} wrong")
    sys.exit(1 if failed or count < 100 else 0)


if __name__ == "__main__":
    main()
