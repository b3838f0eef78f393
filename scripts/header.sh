#!/usr/bin/env bash
# Copies the header that the build renders into include/, and writes what follows from it (scripts/bindings.py); with
# --check, says whether they differ.
set -euo pipefail
cd "$(dirname "$0")/.."

# Cargo tells where the build script of this package has put its files.
rendered=$(cargo check --quiet --package ws4d --message-format=json | python3 -c '
import json, sys

def package(identity):  # path+file:///folder#name@version, or only #version where the folder has that name
    path, _, rest = identity.rpartition("#")
    return rest.split("@")[0] if "@" in rest else path.rsplit("/", 1)[-1]

messages = [json.loads(line) for line in sys.stdin if line.startswith("{")]
print([m["out_dir"] for m in messages if m["reason"] == "build-script-executed" and package(m["package_id"]) == "ws4d"][-1])
')/ws4d.h

if [ "${1:-}" = --check ]; then
    if ! diff -u include/ws4d.h "$rendered"; then
        echo "header: include/ws4d.h is not what the source renders: run make header" >&2
        exit 1
    fi
    scripts/bindings.py --check
else
    mkdir -p include
    cmp -s "$rendered" include/ws4d.h || cp "$rendered" include/ws4d.h
    scripts/bindings.py
fi
