#!/usr/bin/env bash
# Builds the library for small hosts (docs/building.md), in target/small: without compression, with ring for TLS, and optimized
# for size. Says how large it is when stripped, and tries it: it exports the same functions, and the examples talk to a
# server over ws and wss.
# usage: small.sh TEST_SERVER
set -euo pipefail
server=$(realpath "$1")
cd "$(dirname "$0")/.."
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
library=$target/small/libws4d.so
examples=build/small
features=(--no-default-features --features ring)

# No part of aws-lc or of zlib-rs may come in by another crate.
tree=$(cargo tree --quiet --locked --package ws4d --edges normal --prefix none "${features[@]}")
grep '^ring ' <<< "$tree" > /dev/null || { echo "small: cargo was not understood" >&2; exit 1; }
if grep -E '^(aws-lc|zlib-rs|flate2)' <<< "$tree" >&2; then
    echo "small: these crates should not be in it" >&2
    exit 1
fi
WS4D_PROFILE=small scripts/release.sh rustc --package ws4d --lib "${features[@]}"
scripts/soname.sh "$target/small"
scripts/symbols.sh "$library"

mkdir -p "$examples"
strip -o "$examples/libws4d.so" "$library"
bytes=$(stat --format=%s "$examples/libws4d.so")
# Within a tenth: compilers differ.
said=$(sed -n 's/.*has \([0-9.]*\) MB instead of .*/\1/p' docs/building.md)
awk -v said="$said" -v bytes="$bytes" 'BEGIN { exit !(said > 0 && bytes / 1e6 > said * 0.9 && bytes / 1e6 < said * 1.1) }' ||
    { echo "small: it has $bytes bytes when stripped, and docs/building.md says '$said' MB" >&2; exit 1; }

for source in c-examples/*.c; do
    "${CC:-cc}" -O2 -std=c99 -Wall -Wextra -Wpedantic -Werror -Iinclude -o "$examples/$(basename "$source" .c)" "$source" \
        "$library" -pthread "-Wl,-rpath,$target/small"
done
python3 scripts/play.py --server "$server" --examples "$examples" > "$examples/play.log" || { cat "$examples/play.log"; exit 1; }
echo "small: $bytes bytes when stripped; the examples have run"
