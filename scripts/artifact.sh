#!/usr/bin/env bash
# What the release library is as a file: its soname, what it needs, that it stays mapped, that it exports nothing
# else, that link-time optimisation has reached it, that nothing in it or in the static library says where it was built, that
# README.md tells its size.
# usage: artifact.sh LIBRARY
set -euo pipefail
library=$(realpath "$1")
cd "$(dirname "$0")/.."

status=0
complain() {
    echo "artifact: $*" >&2
    status=1
}

major=$(sed -n 's/^#define WS4D_VERSION_MAJOR //p' include/ws4d.h)
dynamic=$(readelf --dynamic --wide "$library")
soname=$(sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p' <<< "$dynamic")
[ "$soname" = "libws4d.so.$major" ] || complain "the soname is '$soname', not libws4d.so.$major"

# The C library's own, and libgcc_s.
while read -r needed; do
    case $needed in
        libc.so.* | libm.so.* | libdl.so.* | libpthread.so.* | ld-linux*.so.* | ld64.so.* | libgcc_s.so.*) ;;
        *) complain "it needs $needed" ;;
    esac
done < <(sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' <<< "$dynamic")
grep -q libc.so <<< "$dynamic" || complain "readelf was not understood"
grep -q libgcc_s.so <<< "$dynamic" || complain "it has an unwinder of its own, where all frames of a thread must have the same"

grep -qw NODELETE <<< "$dynamic" || complain "it is not linked with -z nodelete: dlclose would unmap the code of its threads"
grep -qw TEXTREL <<< "$dynamic" && complain "it has text relocations"
readelf --segments --wide "$library" | grep 'GNU_STACK.*RWE' > /dev/null && complain "it wants an executable stack"

readelf --notes --wide "$library" | grep 'Build ID' > /dev/null || complain "it has no build ID, by which debuggers find its symbols"

# A version script of rustc's keeps all else local; whatever is exported beside ws_* could clash with the host.
others=$(nm --dynamic --defined-only --format=just-symbols "$library" | grep -v '^ws_[a-z0-9_]*$' || true)
[ -z "$others" ] || complain "it exports" $others

# Link-time optimisation makes one compilation unit of all crates, the standard library's included: it leaves one
# name of a Rust unit in the symbol table, without it there is one for each crate and codegen unit. (The compiler's
# own run-time functions never take part.)
units=$(readelf --symbols --wide "$library" | awk '$4 == "FILE" { print $8 }' | grep -E -- '-cgu\.[0-9]+' |
    grep -v '^compiler_builtins\.' || true)
if [ -z "$units" ]; then
    complain "it has no symbol table that would show whether LTO took effect"
elif [ "$(wc -l <<< "$units")" -ne 1 ]; then
    complain "LTO had no effect: it is made of $(wc -l <<< "$units") Rust units, the first of them" $(head -n 3 <<< "$units")
fi

# scripts/release.sh replaces the folders of the machine that builds.
for folder in "$PWD" "$(dirname "$library")" "${CARGO_HOME:-$HOME/.cargo}" "$(rustc --print sysroot)"; do
    for file in "$library" "$(dirname "$library")/libws4d.a"; do
        [ -f "$file" ] || continue
        found=$({ LC_ALL=C grep -aoP "(?<![\\w./-])\\Q$folder\\E(?![\\w.-])" "$file" || true; } | wc -l)
        [ "$found" = 0 ] || complain "$(basename "$file") has the build machine's $folder in $found places: build it with scripts/release.sh"
    done
done

# How large the README says it is, within a tenth: compilers differ.
said=$(sed -n 's/.*one file of \([0-9.]*\) MB (stripped.*/\1/p' README.md)
stripped=$(mktemp)
strip -o "$stripped" "$library"
bytes=$(stat --format=%s "$stripped")
rm -f "$stripped"
awk -v said="$said" -v bytes="$bytes" 'BEGIN { exit !(said > 0 && bytes / 1e6 > said * 0.9 && bytes / 1e6 < said * 1.1) }' ||
    complain "it has $bytes bytes when stripped, and README.md says '$said' MB"
exit $status
