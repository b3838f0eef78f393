#!/usr/bin/env bash
# Compiles and runs the C and C++ tests that stand alone: tests/c/*.c and tests/cpp/*.cpp, each a program that
# takes no arguments and exits with 0. WS4D_TEST_WS, WS4D_TEST_WSS and WS4D_TEST_CA tell it where the test server is.
# usage: c-tests.sh FOLDER_OF_THE_LIBRARY TEST_SERVER
set -euo pipefail
folder=$(realpath "$1")
server=$(realpath "$2")
cd "$(dirname "$0")/.."
mkdir -p build/c-tests
shopt -s nullglob

# The server ends when its input does: with this script, however that ends.
coproc SERVER { exec "$server" --until-stdin-closes; }
read -r ready <&"${SERVER[0]}"
field() {
    python3 -c 'import json, sys; print(json.loads(sys.argv[1])[sys.argv[2]])' "$ready" "$1"
}
WS4D_TEST_WS=$(field ws_url) WS4D_TEST_WSS=$(field wss_url) WS4D_TEST_CA=$(field ca)
export WS4D_TEST_WS WS4D_TEST_WSS WS4D_TEST_CA

warnings=(-Wall -Wextra -Wpedantic -Werror)
link=("$folder/libws4d.so" -pthread "-Wl,-rpath,$folder")
run() {
    echo "  $1"
    "$2"
}
for source in tests/c/*.c; do
    program=build/c-tests/$(basename "$source" .c)
    ${CC:-cc} -g -std=c11 "${warnings[@]}" -Iinclude -o "$program" "$source" "${link[@]}"
    run "$source" "$program"
done
for source in tests/cpp/*.cpp; do
    program=build/c-tests/$(basename "$source" .cpp)-cpp
    ${CXX:-c++} -g -std=c++17 "${warnings[@]}" -Iinclude -o "$program" "$source" "${link[@]}"
    run "$source" "$program"
done
