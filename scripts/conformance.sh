#!/usr/bin/env bash
# Runs the Autobahn test suite against the library, three times, and writes docs/conformance.md. CASES="3.* 5.15" runs
# these only. Fails on everything but OK, or INFORMATIONAL where a case can be nothing else.
# usage: conformance.sh FOLDER_OF_THE_LIBRARY TEST_SERVER
set -euo pipefail
folder=$(realpath "$1")
server=$(realpath "$2")
cd "$(dirname "$0")/.."
mkdir -p build
exec 9> build/conformance.lock
flock --nonblock 9 || { echo "conformance: another run has build/conformance" >&2; exit 1; }
scripts/conformance-setup.sh
${CC:-cc} -O2 -g -std=c99 -Wall -Wextra -Wpedantic -Werror -Iinclude -o build/autobahn/client tests/conformance/autobahn.c \
    "$folder/libws4d.so" -pthread "-Wl,-rpath,$folder"
exec python3 tests/conformance/run.py --python build/autobahn/python --client build/autobahn/client --server "$server" \
    --folder build/conformance --header include/ws4d.h --document docs/conformance.md --cases "${CASES:-*}"
