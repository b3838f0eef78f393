#!/usr/bin/env bash
# Compiles and runs the C and C++ tests: tests/c/*.c, and tests/cpp/*.cpp in each standard that the header knows. Each
# is a program that exits with 0 and prints nothing, neither of its own nor of the library's. They find a local server
# in the environment. With --valgrind the C tests run under it, and what it has to say counts.
#
# For another system: CC and CXX compile; WS4D_TEST_RUNNER is a command that runs the programs, WS4D_TEST_LINK what they are linked with
# in the place of the shared library, WS4D_TEST_FOLDER where they are put.
# usage: c-tests.sh [--valgrind] FOLDER_OF_THE_LIBRARY TEST_SERVER [NAME...]
set -euo pipefail
read -ra prefix <<< "${WS4D_TEST_RUNNER:-}"
if [ "$1" = --valgrind ]; then
    shift
    prefix=(valgrind --quiet --trace-children=yes --error-exitcode=9 --leak-check=full
        --show-leak-kinds=definite --errors-for-leak-kinds=definite)
    export WS4D_TEST_VALGRIND=1
fi
folder=$(realpath "$1")
server=$(realpath "$2")
shift 2
cd "$(dirname "$0")/.."
programs=${WS4D_TEST_FOLDER:-build/c-tests}
mkdir -p "$programs"
shopt -s nullglob

# The server ends when this script does: its input is a pipe from here.
coproc SERVER { exec "$server" --until-stdin-closes; }
read -r ready <&"${SERVER[0]}"
field() { python3 -c 'import json, sys; print(json.loads(sys.argv[1])[sys.argv[2]])' "$ready" "$1"; }
WS4D_TEST_WS=$(field ws_url)
WS4D_TEST_WSS=$(field wss_url)
WS4D_TEST_CA=$(field ca)
export WS4D_TEST_WS WS4D_TEST_WSS WS4D_TEST_CA WS4D_LIBRARY=$folder/libws4d.so

warnings=(-Wall -Wextra -Wpedantic -Werror)
# What does not call the library by name is not linked with it: tests/c/dlclose.c loads it.
link=(-Wl,--as-needed "$folder/libws4d.so" -pthread -lm -ldl "-Wl,-rpath,$folder")
[ -z "${WS4D_TEST_LINK:-}" ] || read -ra link <<< "$WS4D_TEST_LINK"
wanted() { # name
    [ ${#names[@]} -eq 0 ] || [[ " ${names[*]} " == *" $1 "* ]]
}
run() { # title, program
    echo "  $1"
    local status=0
    # Who asks for much is told how much it was, and waits for it.
    local patience=600
    [ -n "${WS4D_LIFECYCLE:-}" ] && patience=7200
    timeout --kill-after=10 $patience "${prefix[@]}" "$2" > "$programs/output" 2>&1 || status=$?
    if [ -n "${WS4D_LIFECYCLE:-}" ] && [ $status -eq 0 ]; then
        cat "$programs/output"
    elif [ $status -ne 0 ] || [ -s "$programs/output" ]; then
        cat "$programs/output" >&2
        echo "c-tests: $1 ended with $status and printed $(wc -c < "$programs/output") bytes" >&2
        failures+=("$1")
    fi
}
names=("$@")
failures=()
for source in tests/c/*.c; do
    name=$(basename "$source" .c)
    wanted "$name" || continue
    ${CC:-cc} -g -std=c11 "${warnings[@]}" -Iinclude -o "$programs/$name" "$source" "${link[@]}"
    run "$source" "$programs/$name"
done
for source in tests/cpp/*.cpp; do
    name=$(basename "$source" .cpp)
    wanted "$name" || continue
    for standard in 11 17 20; do
        program=$programs/$name-cpp$standard
        ${CXX:-c++} -g -std=c++$standard "${warnings[@]}" -Iinclude -o "$program" "$source" "${link[@]}"
        [ -n "${WS4D_TEST_VALGRIND:-}" ] && [ $standard != 17 ] && continue
        run "$source, C++$standard" "$program"
    done
done
if [ ${#failures[@]} -gt 0 ]; then
    echo "c-tests: failed: ${failures[*]}" >&2
    exit 1
fi
