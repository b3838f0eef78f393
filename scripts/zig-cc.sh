#!/usr/bin/env bash
# Zig as a C compiler (cc) or C++ compiler (c++) for another system. It leaves out what cc-rs and rustc tell clang and zig says
# itself in other words: the system, its processor, its oldest version and its SDK.
# usage: zig-cc.sh cc|c++ SYSTEM ARGUMENTS…       (SYSTEM as zig calls it: aarch64-macos, x86_64-linux-musl)
set -euo pipefail
language=$1 system=$2
shift 2
arguments=()
while [ $# -gt 0 ]; do
    case $1 in
        --target=* | -mmacosx-version-min=* | -mmacos-version-min=*) ;;
        -target | -arch | -isysroot) shift ;;
        *) arguments+=("$1") ;;
    esac
    shift
done
# Without that flag zig looks for undefined behaviour, and leaves the functions that report it to whoever links.
exec "$(dirname "$0")/../build/zig/bin/python" -m ziglang "$language" -target "$system" -fno-sanitize=undefined "${arguments[@]}"
