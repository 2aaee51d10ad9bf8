"""Hooks of mkdocs: what docs/ alone does not have.

- README.md is the first page, and the reference is made from the program (TRAILWARDEN_BIN).
- Pages are written for a git host, with links to files beside docs/: these become pages or files of the site, or the page that is made from them.
- `FOLDER/*` in the navigation, and pages that it forgot."""

import os
import posixpath
import re
import sys
from pathlib import Path

from mkdocs.structure.files import File

sys.path.insert(0, str(Path(__file__).resolve().parent))
import reference  # noqa: E402
from pages import PENDING, TOP, links, split  # noqa: E402

# What a page of the site says better than the file it is made from.
MADE_FROM = {
    "models/rules": "reference/rules.md",
    "models/rules/aws": "reference/rules.md",
    "models/rules/cis": "reference/rules.md",
    "models/schemas/config.schema.json": "reference/configuration.md",
    **{f"models/schemas/{name}.schema.json": f"reference/{name}.md" for name in ("finding", "insight", "summary", "trail_problem")},
}
SOURCE = "source"  # where files beside docs/ are in the site
places = {}        # path in the repository -> path in the site


def site_path(path):
    if path == "README.md":
        return "index.md"
    return path.removeprefix("docs/") if path.startswith("docs/") else f"{SOURCE}/{path}"


def target_of(link, page):
    """The path in the repository that a link of a page leads to, and its anchor; None for other sites."""
    if re.match(r"[a-z]+:|#", link):
        return None, ""
    path, _, anchor = link.partition("#")
    return posixpath.normpath(posixpath.join(posixpath.dirname(page), path)), anchor


def listing(folder):
    """A page for a folder that has no README."""
    rows = []
    for file in sorted((TOP / folder).iterdir()):
        if file.is_file():
            title = next((line[2:] for line in file.read_text(errors="replace").splitlines() if line.startswith("# ")), "") if file.suffix == ".md" else ""
            rows.append((f"[{file.name}]({file.name})", reference.cell(title)))
    heading = folder.removeprefix("docs/").capitalize() if folder.startswith("docs/") else folder
    return f"# {heading}\n\n" + reference.table(("file", ""), rows)


def add(files, config, path):
    """Adds a file or folder of the repository to the site, once, and what it links to."""
    if path in places or path in PENDING or not (TOP / path).exists():
        return
    if path in MADE_FROM:
        places[path] = MADE_FROM[path]
        return
    if (TOP / path).is_dir():
        add_folder(files, config, path)
        return
    places[path] = site_path(path)
    if not path.startswith("docs/"):
        files.append(File.generated(config, places[path], content=(TOP / path).read_bytes()))
    if path.endswith(".md"):
        for _, link in links((TOP / path).read_text()):
            linked, _ = target_of(link, path)
            if linked:
                add(files, config, linked)


def add_folder(files, config, path):
    inside = f"{path}/README.md"
    if (TOP / inside).exists():
        add(files, config, inside)
        places[path] = places[inside]
        return
    places[path] = f"{site_path(path)}/index.md"
    files.append(File.generated(config, places[path], content=listing(path)))
    for file in sorted((TOP / path).iterdir()):
        if file.is_file():
            add(files, config, str(file.relative_to(TOP)))


def on_files(files, config):
    for path, text in reference.pages(os.environ["TRAILWARDEN_BIN"]).items():
        files.append(File.generated(config, path, content=text))
        places[f"docs/{path}"] = path
    files.append(File.generated(config, "style.css", content=(Path(__file__).parent / "style.css").read_text()))
    add(files, config, "README.md")
    for file in list(files):
        if file.src_uri.endswith(".md") and not file.generated_by:
            add(files, config, f"docs/{file.src_uri}")
    config.nav = navigation(config.nav, sorted(f.src_uri for f in files.documentation_pages()))
    return files


def named(entries):
    for entry in entries:
        inner = next(iter(entry.values())) if isinstance(entry, dict) else entry
        yield from [inner] if isinstance(inner, str) else named(inner)


def expand(entries, pages, taken):
    out = []
    for entry in entries:
        if isinstance(entry, dict):
            (title, inner), = entry.items()
            out.append(entry if isinstance(inner, str) else {title: expand(inner, pages, taken)})
        elif entry.endswith("/*"):
            folder = entry[:-1]
            inside = [p for p in pages if p.startswith(folder) and p not in taken]
            out += sorted(inside, key=lambda p: (posixpath.basename(p) not in ("README.md", "index.md"), p))
            taken.update(inside)
        elif entry in pages or f"docs/{entry}" not in PENDING:
            out.append(entry)
    return out


def navigation(nav, pages):
    """The navigation with its patterns filled in, and what it does not name."""
    taken = set(named(nav))
    out = expand(nav, pages, taken)
    forgotten = [p for p in pages if p not in taken and not p.startswith(f"{SOURCE}/")]
    sources = [p for p in pages if p.startswith(f"{SOURCE}/")]
    if forgotten:
        print(f"not in the navigation of tools/docs/mkdocs.yml, so put last: {' '.join(forgotten)}")
        out.append({"More": forgotten})
    return out + [{"In the source": sources}]


def repository_path(page):
    """Where a page of the site is in the repository."""
    for path, place in places.items():
        if place == page and path not in MADE_FROM and path.endswith(".md"):
            return path
    return f"docs/{page}"


def on_page_markdown(markdown, page, config, files):
    here = repository_path(page.file.src_uri)
    base = posixpath.dirname(page.file.src_uri)

    def moved(link):
        path, anchor = target_of(link, here)
        if path is None:
            return link
        if path in PENDING and path not in places:
            return ""
        place = places.get(path) or site_path(path)
        return posixpath.relpath(place, base or ".") + (f"#{anchor}" if anchor else "")

    lines = markdown.split("\n")
    for number, _ in split(markdown)[0]:
        lines[number - 1] = relinked(lines[number - 1], moved)
    return "\n".join(lines)


def relinked(line, moved):
    parts = re.split(r"(`[^`]*`)", line)
    joined = "".join(parts[i] if i % 2 == 0 else f"\0{i}\0" for i in range(len(parts)))

    def replace(match):
        link = moved(match[3])
        return f"{match[1]}[{match[2]}]({link}{match[4]})" if link else match[2]

    joined = re.sub(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)((?:\s+\"[^\"]*\")?)\)", replace, joined)
    return re.sub(r"\0(\d+)\0", lambda m: parts[int(m[1])], joined)
