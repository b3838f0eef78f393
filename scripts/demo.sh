#!/usr/bin/env bash
# Builds the library, the examples and the local server, and plays the examples.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
make --no-print-directory --silent examples server
exec python3 scripts/play.py --server "$target/debug/ws4d-test-server" --examples build/examples
