#!/usr/bin/env bash
# The static library for Linux with musl instead of glibc, and the C and C++ tests and the C examples linked with it into programs that
# need no other file: they run here, against a test server. Zig is the compiler of C, and brings musl and an unwinder.
# usage: musl.sh TEST_SERVER
set -euo pipefail
server=$(realpath "${1:?usage: musl.sh TEST_SERVER}")
cd "$(dirname "$0")/.."
platform=musl
source scripts/targets.sh
target=x86_64-unknown-linux-musl
system=x86_64-linux-musl
install_missing rustc-web cargo-web rust-web-src python3-venv
install_zig
zig_compiler $system
compiler=$PWD/$targets/bin/zig-cc-$system

export CC_x86_64_unknown_linux_musl=$compiler
build_std $target --crate-type staticlib
library=$(built $target)/libws4d.a

skipped=(
    dlclose="it loads the shared library, and a static program cannot"
    no_memory="it lets allocations fail, and calls glibc's allocator by names that musl has not"
    signal_handler="it looks for allocations in a handler, by the same names"
)
folder=$targets/musl
mkdir -p "$folder/examples"
for source in c-examples/*.c; do
    "$compiler" -static -O2 -g -std=c99 -Wall -Wextra -Wpedantic -Werror -Iinclude -o "$folder/examples/$(basename "$source" .c)" \
        "$source" "$library" -lunwind
done
for program in "$folder"/examples/*; do
    if readelf --program-headers "$program" | grep INTERP > /dev/null; then
        echo "musl: $program is not static" >&2
        exit 1
    fi
done
echo "musl: what is not looked at: how much memory lifecycle's lives leave allocated, which only glibc's allocator tells"
mapfile -t names < <(tests_but "${skipped[@]}")
CC=$compiler CXX=${compiler/zig-cc/zig-c++} WS4D_TEST_LINK="-static $PWD/$library -lunwind" WS4D_TEST_FOLDER=$folder \
    scripts/c-tests.sh "$(dirname "$library")" "$server" "${names[@]}"
python3 scripts/play.py --server "$server" --examples "$folder/examples"
finish "all of it went well"
