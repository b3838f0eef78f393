#!/usr/bin/env python3
"""Looks each word of README.md, the guide and docs/runtimes.md up in a dictionary (pyspellchecker's) and in docs/words.txt, which has
the words that are this library's, or its field's. Code is not looked at. scripts/docs.sh runs it where that package is.

usage: spelling.py
"""

import pathlib
import re
import sys

from spellchecker import SpellChecker

ROOT = pathlib.Path(__file__).resolve().parent.parent


def prose(text):
    text = re.sub(r"^( *)```.*?^\1```", " ", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`|\]\([^)]*\)|<[^>]*>|https?://\S+", " ", text)


def main():
    known = set((ROOT / "docs/words.txt").read_text(encoding="utf-8").split())
    files = [ROOT / "README.md", ROOT / "docs/index.md", ROOT / "docs/runtimes.md", *sorted((ROOT / "docs/guide").rglob("*.md"))]
    places = {}
    for file in files:
        for word in re.findall(r"\b[A-Za-z][a-z]+(?:'[a-z]+)?\b", prose(file.read_text(encoding="utf-8"))):
            places.setdefault(word.lower().removesuffix("'s"), set()).add(str(file.relative_to(ROOT)))
    dictionary = SpellChecker()
    wrong = sorted(dictionary.unknown(set(places) - known))
    for word in wrong:
        print(f"spelling: {word!r} in {', '.join(sorted(places[word]))} is in no dictionary; a right one belongs in docs/words.txt", file=sys.stderr)
    print(f"spelling: {len(places)} words of {len(files)} pages are known")
    if wrong or len(places) < 500:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
