#!/usr/bin/env python3
"""Checks that the includes of src/ point down the ladder.

    tools/check_layering.py [SRC]       exits 1 and names each include that does not belong
    tools/check_layering.py --self-test
"""

import re
import sys
import tempfile
from pathlib import Path

# What each folder may include, besides itself; lowest first. app may include everything.
MAY_INCLUDE = {
    "core": "",
    "aws": "core",
    "config": "core",
    "metrics": "core",
    "event": "core",
    "stream": "core metrics aws",
    "trail": "core event config aws",
    "baseline": "core event",
    "rules": "core event",
    "ingest": "core event config metrics trail stream aws",
    "detectors": "core event config baseline rules",
    "alerts": "core event config metrics",
    "history": "core event config",
    "archive": "core event config metrics stream ingest trail",
    "pipeline": "core event metrics stream detectors alerts ingest history",
    "http": "core metrics",
    "api": "core event config metrics aws trail http",
    "generate": "core event trail",
    "notify": "core event config aws stream alerts",
}
MAY_INCLUDE["app"] = " ".join(MAY_INCLUDE)

GENERATED = {"core/version.h"}  # written into the build tree by cmake/TrailwardenVersion.cmake

INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]*)"')


def complaints(src):
    """Yields 'file:line: what is wrong' for every include of src that breaks the ladder."""
    for path in sorted(p for p in src.rglob("*") if p.suffix in {".h", ".cc"}):
        file = path.relative_to(src)
        folder = file.parts[0]
        if folder not in MAY_INCLUDE or len(file.parts) == 1:
            yield f"{file}: not in a folder of the ladder; new folders are declared in tools/check_layering.py"
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            found = INCLUDE.match(line)
            problem = found and problem_with(found[1], folder, src)
            if problem:
                yield f"{file}:{number}: {problem}"


def problem_with(target, folder, src):
    """What is wrong with a file of `folder` including `target`, or None."""
    other, slash, _ = target.partition("/")
    if not slash or other not in MAY_INCLUDE:
        return f'"{target}" does not start with a folder of src/'
    if target not in GENERATED and not (src / target).is_file():
        return f'"{target}" does not exist'
    if other != folder and other not in MAY_INCLUDE[folder].split():
        return f'{folder} may not include "{target}"; it may include: {MAY_INCLUDE[folder] or "nothing of ours"}'
    return None


def self_test():
    """Each sample is a tree of files and the words its only complaint must have (None: no complaint)."""
    samples = [
        ({"core/a.h": "", "event/b.h": '#include "core/a.h"\n#include <vector>\n'}, None),
        ({"core/a.cc": '#include "core/version.h"'}, None),
        ({"event/b.h": "", "core/a.h": '\n#include "event/b.h"'}, "core/a.h:2: core may not include"),
        ({"alerts/a.h": "", "detectors/b.cc": ' # include "alerts/a.h"'}, "detectors may not include"),
        ({"core/a.cc": '#include "core/gone.h"'}, "does not exist"),
        ({"core/a.h": "", "core/b.cc": '#include "a.h"'}, "does not start with a folder"),
        ({"core/a.h": "", "event/b.cc": '#include "../core/a.h"'}, "does not start with a folder"),
        ({"utils/a.h": ""}, "not in a folder of the ladder"),
        ({"main.cc": ""}, "not in a folder of the ladder"),
    ]
    for files, expected in samples:
        with tempfile.TemporaryDirectory() as folder:
            for name, text in files.items():
                path = Path(folder, name)
                path.parent.mkdir(exist_ok=True)
                path.write_text(text, encoding="utf-8")
            found = list(complaints(Path(folder)))
        fits = found == [] if expected is None else len(found) == 1 and expected in found[0]
        if not fits:
            return f"self-test: {files} gave {found}, expected {expected!r}"
    return ""


def main(arguments):
    if arguments == ["--self-test"]:
        return self_test()
    src = Path(arguments[0]) if arguments else Path(__file__).resolve().parent.parent / "src"
    if not src.is_dir():
        return f"{src}: no such folder"
    return "\n".join(complaints(src))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]) or 0)
