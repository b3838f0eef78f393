#!/usr/bin/env python3
"""Checks links: that each file, and each heading, to which a page leads is there. Addresses on the net are not asked for.

usage: links.py            the Markdown files of the tree
       links.py FOLDER     the HTML files of a site, with the pictures and scripts that they name
"""

import html.parser
import pathlib
import re
import sys
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOREIGN = re.compile(r"[a-z][a-z0-9+.-]*:|//")


class Page(html.parser.HTMLParser):
    """What an HTML page leads to, and the places in it to which others can lead."""

    def __init__(self, text):
        super().__init__()
        self.links, self.anchors = [], set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        named = dict(attributes)
        self.anchors.update(it for it in (named.get("id"), named.get("name") if tag == "a" else None) if it)
        self.links += [named[it] for it in ("href", "src") if named.get(it)]


def without_code(text):
    text = re.sub(r"^( *)```.*?^\1```", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`", "``", text)


def markdown_links(text):
    text = without_code(text)
    found = re.findall(r"\]\(<?([^)\s>]+)>?(?: \"[^\"]*\")?\)", text)
    return found + re.findall(r"^\[[^\]]+\]: (\S+)", text, flags=re.MULTILINE) + re.findall(r"(?:href|src)=\"([^\"]+)\"", text)


def markdown_anchors(text):
    """The headings as GitHub and mdBook name them, and places that are named in HTML."""
    text = re.sub(r"^( *)```.*?^\1```", "", text, flags=re.MULTILINE | re.DOTALL)
    seen, anchors = {}, set(re.findall(r"<a (?:id|name)=\"([^\"]+)\"", text))
    for heading in re.findall(r"^#{1,6} +(.*?) *#*$", text, flags=re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("\\", "")
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        count = seen.get(slug, 0)
        seen[slug] = count + 1
        anchors.add(f"{slug}-{count}" if count else slug)
    return anchors


class Checker:
    def __init__(self, root, links, anchors):
        self.root, self.links, self.anchors = root, links, anchors
        self.wrong, self.count, self.known = [], 0, {}

    def anchors_of(self, file):
        if file not in self.known:
            self.known[file] = self.anchors(file.read_text(encoding="utf-8"))
        return self.known[file]

    def check(self, file):
        for link in self.links(file.read_text(encoding="utf-8")):
            if FOREIGN.match(link):
                continue
            self.count += 1
            path, _, anchor = urllib.parse.unquote(link).partition("#")
            target = file if not path else (file.parent / path.partition("?")[0]).resolve()
            if target.is_dir() and (target / "index.html").exists():
                target /= "index.html"
            where = f"{file.relative_to(self.root)}: {link}"
            if not target.exists():
                self.wrong.append(f"{where}: there is no such file")
            elif anchor and target.suffix == file.suffix and anchor not in self.anchors_of(target):
                self.wrong.append(f"{where}: there is no such heading")


def main():
    if len(sys.argv) > 2 or sys.argv[1:2] and sys.argv[1].startswith("-"):
        raise SystemExit(__doc__.strip())
    if len(sys.argv) == 2:
        root = pathlib.Path(sys.argv[1]).resolve()
        # The page for addresses that are not there is shown under any of them.
        files = [it for it in sorted(root.rglob("*.html")) if it.name not in ("404.html", "toc.html")]
        checker = Checker(root, lambda text: Page(text).links, lambda text: Page(text).anchors)
    else:
        root = ROOT
        files = [*sorted(root.glob("*.md")), *sorted((root / "docs").rglob("*.md")), root / "bindings/python/README.md"]
        checker = Checker(root, markdown_links, markdown_anchors)
    for file in files:
        checker.check(file)
    for wrong in checker.wrong:
        print(f"links: {wrong}", file=sys.stderr)
    print(f"links: {checker.count} links in {len(files)} pages lead somewhere")
    if checker.wrong or checker.count < 50:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
