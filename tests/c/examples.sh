#!/usr/bin/env bash
# The C examples do what they say, and valgrind has nothing to say about them.
# usage: examples.sh TEST_SERVER       (the examples are in build/examples)
set -euo pipefail
server=$(realpath "$1")
cd "$(dirname "$0")/../.."
exec python3 scripts/play.py --valgrind --server "$server" --examples build/examples
