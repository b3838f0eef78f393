#!/usr/bin/env bash
# Compiles and runs the C and C++ tests that stand alone: tests/c/*.c and tests/cpp/*.cpp, each a program that
# exits with 0. Arguments and a server they do without; what needs either is a script of its own.
# usage: c-tests.sh FOLDER_OF_THE_LIBRARY
set -euo pipefail
folder=$(realpath "$1")
cd "$(dirname "$0")/.."
mkdir -p build/c-tests
shopt -s nullglob

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
