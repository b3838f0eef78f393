#!/usr/bin/env bash
# Clang and lld as a linker for macOS, told what a Mac would tell them: the system's version and that of the SDK. Arm's processors run
# signed code alone; a signature without a signer, which is what a compiler on a Mac writes, is written for both processors.
# usage: macos-ld.sh arm64|x86_64 OLDEST ARGUMENTS…       (OLDEST: the oldest version of macOS, as 11.0)
set -euo pipefail
processor=$1 oldest=$2
shift 2
exec clang-19 -target "$processor-apple-macos$oldest" -fuse-ld=lld-19 -mlinker-version=0 \
    "-Wl,-platform_version,macos,$oldest,14.0" -Wl,-adhoc_codesign "$@"
