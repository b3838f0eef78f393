#!/usr/bin/env bash
# Runs the Autobahn test suite against the library, three times, and writes docs/conformance.md. CASES="3.* 5.15" runs
# these only. With PART_SIZE messages arrive in parts of so many bytes, or of at least 1,000 in the cases that send large ones, and
# docs/conformance.md stays as it is. Fails on everything but OK, or INFORMATIONAL where a case can be nothing else.
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
play() { # cases
    python3 tests/conformance/run.py --python build/autobahn/python --client build/autobahn/client --server "$server" \
        --folder build/conformance --header include/ws4d.h --document docs/conformance.md --cases "$1"
}
if [ -z "${PART_SIZE:-}" ] || [ -n "${CASES:-}" ]; then
    play "${CASES:-*}"
    exit
fi
# In parts of one byte, the 16 MiB of a case in group 9 would be 16 million events, and the 128 MiB of one in group 12 or 13
# 128 million.
status=0
play "1.* 2.* 3.* 4.* 5.* 6.* 7.* 10.*" || status=1
[ "$PART_SIZE" -ge 1000 ] || export PART_SIZE=1000
echo
echo "Large messages, in parts of $PART_SIZE bytes:"
play "9.* 12.* 13.*" || status=1
exit $status
