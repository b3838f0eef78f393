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
    """`ws_new` and `ws_new()` in backticks, and ws_new() without, become links, unless they stand in one already."""
    name = re.compile(r"`((?:ws|WS)_\w+)(?:\(\))?`|(?<![`\w])(ws_\w+)\(\)(?!`)")

    def change(line):
        parts = re.split(r"(\[[^\]]*\]\([^)]*\))", line)
        return "".join(part if part.startswith("[") else name.sub(link, part) for part in parts)

    def link(match):
        known = match[1] or match[2]
        return links.to(known, match[0].strip("`"), folder) if known in links.places else match[0]

    return outside_of_code(text, change)


def without_ways_out(text, folder):
    """Links to files of the tree that are not in docs/ become plain words: a site does not have them."""

    def link(match):
        path = match[2].partition("#")[0]
        outside = not re.match(r"[a-z]+:", path) and path and not (folder / path).resolve().is_relative_to(ROOT / "docs")
        return match[1] if outside else match[0]

    return re.sub(r"(?<!!)\[([^\]]*)\]\(([^)]*)\)", link, text)


def with_breaks(text):
    """In tables long names may be broken behind an underscore, so that the tables fit."""

    def code(match):
        if len(match[1]) <= 15:
            return match[0]
        # Inside of HTML Markdown still reads its own signs.
        shown = re.sub(r"[^\w \n]", lambda sign: f"&#{ord(sign[0])};", match[1].replace("\\|", "|"))
        return f"<code>{re.sub(r'_', '&#95;<wbr>', shown)}</code>"

    rows = re.compile(r"^\|.*_.*\|$", flags=re.MULTILINE)
    return rows.sub(lambda row: re.sub(r"(?<!`)`([^`]+)`(?!`)", code, row[0]), text)


def with_setters(text, links, cells=r"^\| [^|]*"):
    """In a table of options each option becomes a link to its setter."""

    def link(match):
        setter = f"ws_options_set_{match[1]}"
        return links.to(setter, match[1], "../reference/") if setter in links.places else match[0]

    rows = re.compile(cells, flags=re.MULTILINE)
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
    shutil.copytree(ROOT / "docs", source, ignore=shutil.ignore_patterns("words.txt", "examples"))
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
        text = without_ways_out(text, (ROOT / "docs" / page.relative_to(source)).parent)
        if page.name == "options.md":
            text = with_setters(text, made.links)
        if page.name == "features.md":
            text = with_setters(text, made.links, r"^\| .*")
        page.write_text(with_links(text, made.links, f"{up}reference/"), encoding="utf-8")
    for page in source.rglob("*.md"):
        page.write_text(with_breaks(page.read_text(encoding="utf-8")), encoding="utf-8")


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        raise SystemExit(__doc__.strip())
    try:
        write(pathlib.Path(sys.argv[1]))
    except man.ManError as error:
        raise SystemExit(f"guide: {error}") from error


if __name__ == "__main__":
    main()
