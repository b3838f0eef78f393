#!/usr/bin/env python3
"""Puts the sources of the guide together, as mdBook wants them: the pages of docs/, the API reference, a table of contents with both.
In the pages, names of the header in backticks become links to the reference. Nothing of it is committed.

usage: guide.py FOLDER       writes FOLDER/book.toml and FOLDER/src
"""

import pathlib
import re
import shutil
import sys

import man
import reference

ROOT = man.ROOT
REFERENCE = "<!-- the API reference -->"


def outside_of_code(text, change):
    """Changes what is neither in a fenced block nor in a heading."""
    lines, inside = [], False
    for line in text.split("\n"):
        fence = line.lstrip().startswith("```")
        inside ^= fence
        lines.append(line if fence or inside or line.startswith("#") else change(line))
    return "\n".join(lines)


def with_links(text, links, folder):
    """`ws_new` and `ws_new()` in backticks become links, unless they stand in one already."""

    def change(line):
        parts = re.split(r"(\[[^\]]*\]\([^)]*\))", line)
        return "".join(part if part.startswith("[") else re.sub(r"`((?:ws|WS)_\w+)(\(\))?`", link, part) for part in parts)

    def link(match):
        return links.to(match[1], match[0].strip("`"), folder) if match[1] in links.places else match[0]

    return outside_of_code(text, change)


def with_setters(text, links):
    """In the table of options each option becomes a link to its setter."""

    def link(match):
        setter = f"ws_options_set_{match[1]}"
        return links.to(setter, match[1], "../reference/") if setter in links.places else match[0]

    rows = re.compile(r"^\| (`[^|]*)", flags=re.MULTILINE)
    return rows.sub(lambda row: re.sub(r"`(\w+)`", link, row[0]), text)


def contents(pages):
    """The table of contents with the reference in its place."""
    summary = (ROOT / "docs/SUMMARY.md").read_text(encoding="utf-8")
    if REFERENCE not in summary:
        raise SystemExit(f"guide: docs/SUMMARY.md has no line {REFERENCE}")
    head, *rest = pages
    lines = [f"- [{head[1]}](reference/{head[0]}.md)", *(f"    - [{title}](reference/{name}.md)" for name, title, _ in rest)]
    return summary.replace(REFERENCE, "\n".join(lines))


def write(folder):
    source = folder / "src"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "docs", source)
    (source / "book.toml").rename(folder / "book.toml")
    (source / "reference").mkdir()
    made = reference.Reference()
    pages = list(made.pages())
    for name, _, text in pages:
        (source / "reference" / f"{name}.md").write_text(text, encoding="utf-8")
    (source / "SUMMARY.md").write_text(contents(pages), encoding="utf-8")
    for page in [*source.glob("*.md"), *(source / "guide").rglob("*.md")]:
        if page.name == "SUMMARY.md":
            continue
        up = "../" * (len(page.relative_to(source).parts) - 1)
        text = page.read_text(encoding="utf-8")
        if page.name == "options.md":
            text = with_setters(text, made.links)
        page.write_text(with_links(text, made.links, f"{up}reference/"), encoding="utf-8")


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        raise SystemExit(__doc__.strip())
    try:
        write(pathlib.Path(sys.argv[1]))
    except man.ManError as error:
        raise SystemExit(f"guide: {error}") from error


if __name__ == "__main__":
    main()
