#!/usr/bin/env bash
# Builds the guide as a site with search, into build/docs, and checks it: its links, and the spelling of all that people read.
# mdBook is built from crates.io into build/mdbook, the spell checkers come from PyPI into build/docs-venv; nothing else is
# installed. The site needs no net: open build/docs/index.html.
# usage: docs.sh [--check]     --check: links, spelling, an example for each function; builds no site
set -euo pipefail
cd "$(dirname "$0")/.."
mdbook=0.5.4
packages=(codespell==2.4.3 pyspellchecker==0.9.1)
case ${1:-} in
    '' | --check) ;;
    *)
        echo "usage: docs.sh [--check]" >&2
        exit 2
        ;;
esac

if [ "$(cat build/docs-venv/packages.txt 2> /dev/null)" != "${packages[*]}" ]; then
    echo "docs: gets ${packages[*]} into build/docs-venv"
    python3 -m venv --clear build/docs-venv
    build/docs-venv/bin/python -m pip install --quiet --disable-pip-version-check "${packages[@]}"
    echo "${packages[*]}" > build/docs-venv/packages.txt
fi
scripts/links.py
build/docs-venv/bin/python scripts/spelling.py
# Mistakes that people make often, in all that they read (THIRD-PARTY.md is other people's); a dictionary would know too few words.
# TE is the name of a header.
build/docs-venv/bin/codespell --ignore-words-list te ./[!T]*.md docs/*.md docs/guide bindings/python/README.md include/ws4d.h include/ws4d.hpp include/ws4d_coroutines.hpp c-examples
echo "docs: codespell found nothing"
scripts/guide.py build/guide
[ "${1:-}" != --check ] || exit 0

if [ "$(build/mdbook/bin/mdbook --version 2> /dev/null)" != "mdbook v$mdbook" ]; then
    echo "docs: builds mdBook $mdbook into build/mdbook (some minutes, once)"
    cargo install --quiet --locked --version "$mdbook" --no-default-features --features search --root build/mdbook mdbook
fi
rm -rf build/docs
build/mdbook/bin/mdbook build build/guide --dest-dir "$PWD/build/docs" 2> build/guide/mdbook.log ||
    { cat build/guide/mdbook.log >&2; exit 1; }
if grep -A 1 -E 'WARN|ERROR' build/guide/mdbook.log >&2; then exit 1; fi
scripts/links.py build/docs
# Whatever a page loads is in the folder.
if grep -rlE '(src|href)="(https?:)?//[^"]*\.(js|css|woff2?)"' build/docs --include='*.html'; then
    echo "docs: these pages load something from the net" >&2
    exit 1
fi
echo "docs: build/docs/index.html"
