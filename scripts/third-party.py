#!/usr/bin/env python3
"""Writes THIRD-PARTY.md: the crates that are in the library as it ships, and their licences, from the crates' own files.

What ships is what cargo builds into package ws4d for Linux: normal dependencies, no macros that run while it is compiled, no
build scripts, no tests. The page also has what only a library for small hosts contains (docs/building.md). Needs the crates' sources, which cargo has after a build.

usage: third-party.py [--check]      --check: complains if THIRD-PARTY.md, or the number of crates in README.md, is another
"""

import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "THIRD-PARTY.md"
TARGET = "x86_64-unknown-linux-gnu"
TEXT = re.compile(r"(licen[cs]e|copying|copyright|notice|unlicense|authors)\b", re.IGNORECASE)
# Inside of crates that hold other people's sources; what is only there for tests does not ship.
NOT_SHIPPED = {"tests", "test", "benches", "examples", "googletest", "target"}

HEAD = """\
# Third-party notices

libws4d is built from {count} of the crates below and the Rust standard library; it links with the C library and libgcc_s alone. Only a library for
small hosts (`make small`) contains {small}. This page gives their licences, from the crates' own files;
whoever ships the library ships it too. `scripts/third-party.py` writes it.

libws4d itself is licensed under MIT or Apache-2.0, at your option (`LICENSE-MIT`, `LICENSE-APACHE`).

| crate | version | licence | source |
| --- | --- | --- | --- |
"""

STANDARD_LIBRARY = """
## The Rust standard library

Copyright (c) The Rust Project Contributors. Licensed under MIT or Apache-2.0; the text of both stands below. With it come parts of
addr2line, cfg-if, gimli, hashbrown, libc, object and rustc-demangle (MIT or Apache-2.0), adler2 (0BSD, MIT or Apache-2.0), miniz_oxide
(MIT, Zlib or Apache-2.0), each taken under Apache-2.0, and memchr (Unlicense or MIT).
"""


def cargo(*arguments):
    return subprocess.run(["cargo", *arguments], cwd=ROOT, check=True, text=True, stdout=subprocess.PIPE).stdout


def shipped(*features):
    """The packages of the library that are not of this tree, as cargo's metadata has them."""
    tree = cargo("tree", "--quiet", "--locked", "--package", "ws4d", "--edges", "normal,no-proc-macro", "--target", TARGET,
                 "--prefix", "none", "--format", "{p}", *features)
    wanted = {tuple(line.split()[:2]) for line in tree.splitlines() if line}
    metadata = json.loads(cargo("metadata", "--format-version", "1", "--locked", "--filter-platform", TARGET))
    packages = [package for package in metadata["packages"]
                if (package["name"], "v" + package["version"]) in wanted and package["source"] is not None]
    if len(packages) < 20 or len(packages) != len(wanted) - 3:
        sys.exit(f"third-party: cargo was not understood: {len(wanted)} names, {len(packages)} packages")
    return sorted(packages, key=lambda package: (package["name"], package["version"]))


def texts(package):
    """The licence texts of a package, by file."""
    folder = pathlib.Path(package["manifest_path"]).parent
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(set(folders) - NOT_SHIPPED)
        for name in sorted(files):
            if TEXT.match(name) and not name.endswith((".rs", ".py", ".go", ".html", ".tmpl")):
                file = pathlib.Path(place, name)
                yield str(file.relative_to(folder)), file.read_text(encoding="utf-8", errors="replace")


def tidy(text):
    lines = [line.rstrip() for line in text.replace("\f", "").expandtabs().splitlines()]
    return "\n".join(lines).strip("\n")


def page(packages, count, small):
    out = [HEAD.format(count=count, small=small)]
    found = {}
    for package in packages:
        name = f"{package['name']} {package['version']}"
        licence = package["license"] or "see below"
        out.append(f"| {package['name']} | {package['version']} | {licence} | {package['repository'] or '-'} |\n")
        any_text = False
        for file, text in texts(package):
            any_text = True
            # The same text in other line breaks is one.
            key = " ".join(text.split())
            found.setdefault(key, (tidy(text), []))[1].append((name, file))
        if not any_text:
            sys.exit(f"third-party: {name} ({licence}) has no licence text in {package['manifest_path']}")
    out.append(STANDARD_LIBRARY)
    out.append("\n## The texts\n")
    for text, owners in sorted(found.values(), key=lambda entry: (-len(entry[1]), entry[1])):
        names = ", ".join(name if file.count("/") == 0 else f"{name} ({file})" for name, file in owners)
        fence = "~~~~" if "~~~" in text else "~~~"
        out.append(f"\n### {names}\n\n{fence}text\n{text}\n{fence}\n")
    return "".join(out)


def main():
    usual = {(package["name"], package["version"]) for package in shipped()}
    packages = shipped("--features", "ring")
    names = [(package["name"], package["version"]) for package in packages]
    small = " and ".join(" ".join(name) for name in names if name not in usual)
    written = page(packages, len(usual), small)
    if sys.argv[1:] == []:
        PAGE.write_text(written, encoding="utf-8")
        print(f"third-party: {len(packages)} crates")
    elif sys.argv[1:] != ["--check"]:
        sys.exit(__doc__)
    wrong = []
    if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != written:
        wrong.append("THIRD-PARTY.md is not what scripts/third-party.py writes: run it")
    said = re.search(r"(\d+) third-party crates", (ROOT / "README.md").read_text(encoding="utf-8"))
    if said is None or int(said[1]) != len(usual):
        wrong.append(f"README.md must say that the library contains {len(usual)} third-party crates")
    for line in wrong:
        print(f"third-party: {line}", file=sys.stderr)
    sys.exit(1 if wrong else 0)


main()
