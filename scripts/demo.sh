#!/usr/bin/env bash
# Builds the library, the examples and the local server, and plays the examples. Says first what it will do.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}

missing=()
for program in cargo cc python3 readelf; do
    command -v "$program" > /dev/null || missing+=("$program")
done
if [ ${#missing[@]} -gt 0 ]; then
    echo "demo: missing: ${missing[*]} (README.md, \"What it needs\", says where to get them)" >&2
    exit 1
fi
cat << END
demo: builds the library as it ships (some minutes the first time), a local server and the examples, in $target/ and build/.
demo: cargo downloads the crates that Cargo.lock names. Nothing is installed, and nothing outside of these folders is changed.
demo: then the examples talk to that server, on 127.0.0.1.
END
make --no-print-directory --silent examples server
exec python3 scripts/play.py --server "$target/debug/ws4d-test-server" --examples build/examples
