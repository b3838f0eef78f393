#!/usr/bin/env bash
# The library for macOS, built and linked here, where it cannot be run: libws4d.0.dylib and libws4d.a with the code for both processors
# in one file. Zig compiles the C, clang and lld link. What they link with is no SDK of Apple's but lists of names: that of zig for
# libSystem, and packaging/macos/*.tbd, written by hand, for the three frameworks that certificates and proxies are asked of. So it is
# checked that each name is in these lists, and not that a Mac has it. What the file is made of is compared with packaging/macos/load-commands.txt.
# usage: macos.sh       (the files are in build/targets/macos)
set -euo pipefail
cd "$(dirname "$0")/.."
platform=macos
source scripts/targets.sh
oldest=11.0
folder=$targets/macos
install_missing rustc-web cargo-web rust-web-src python3-venv clang-19 lld-19 llvm-19
install_zig

# The lists where a linker looks for them in an SDK. What Rust calls iconv and objc is never used, so libSystem has these names too.
# Zig's list has processors that this linker does not know; each has what all Arm processors have.
sdk=$PWD/$folder/sdk
rm -rf "$folder"
mkdir -p "$sdk/usr/lib"
libsystem=$(echo build/zig/lib/python3*/site-packages/ziglang/lib/libc/darwin/libSystem.tbd)
sed 's/arm64e\.x1-/arm64-/g' "$libsystem" > "$sdk/usr/lib/libSystem.tbd"
for name in iconv objc c m; do ln -s libSystem.tbd "$sdk/usr/lib/lib$name.tbd"; done
for list in packaging/macos/*.tbd; do
    name=$(basename "$list" .tbd)
    mkdir -p "$sdk/System/Library/Frameworks/$name.framework"
    cp "$list" "$sdk/System/Library/Frameworks/$name.framework"
done

# What Rust would use to strip the file and to collect its debug information are programs of Apple's or of rustup's.
export CARGO_PROFILE_RELEASE_STRIP=none CARGO_PROFILE_RELEASE_SPLIT_DEBUGINFO=off
export SDKROOT=$sdk MACOSX_DEPLOYMENT_TARGET=$oldest
for processor in aarch64 x86_64; do
    system=$processor-macos.$oldest
    zig_compiler "$system"
    linker=$PWD/$targets/bin/macos-ld-$processor
    printf '#!/bin/sh\nexec %q %s %s "$@"\n' "$PWD/scripts/macos-ld.sh" "${processor/aarch64/arm64}" "$oldest" > "$linker"
    chmod +x "$linker"
    export "CC_${processor}_apple_darwin=$PWD/$targets/bin/zig-cc-$system" "AR_${processor}_apple_darwin=llvm-ar-19"
    export "CARGO_TARGET_${processor^^}_APPLE_DARWIN_LINKER=$linker"
    build_std "$processor-apple-darwin"
done

# The standard library's objects may have LLVM's own code beside the processor's, which only the same LLVM can read: neither lipo nor a
# Mac's linker needs it.
archives=()
for processor in aarch64 x86_64; do
    archives+=("$folder/$processor.a")
    llvm-objcopy-19 --remove-section=__LLVM,__bitcode --remove-section=__LLVM,__cmdline \
        "$(built $processor-apple-darwin)/libws4d.a" "$folder/$processor.a"
done
llvm-lipo-19 -create "${archives[@]}" -output "$folder/libws4d.a"
rm "${archives[@]}"
llvm-lipo-19 -create "$(built aarch64-apple-darwin)/libws4d.dylib" "$(built x86_64-apple-darwin)/libws4d.dylib" \
    -output "$folder/libws4d.dylib"
mv "$folder/libws4d.dylib" "$folder/libws4d.0.dylib"
ln -s libws4d.0.dylib "$folder/libws4d.dylib"
library=$folder/libws4d.0.dylib

status=0
compare() { # what it is about, file with what is right, what is there
    local difference
    if ! difference=$(diff "$2" <(echo "$3")); then
        printf 'macos: %s: right is (<), built was (>):\n%s\n' "$1" "$difference" >&2
        status=1
    fi
}
# The commands of one processor's part that say what a Mac's loader will do with it.
load_commands() { # processor
    llvm-otool-19 -arch "$1" -l "$library" | awk '
        $1 == "cmd" { command = $2 }
        $1 == "name" && command ~ /DYLIB|RPATH/ { print command, $2 }
        $1 == "platform" && command == "LC_BUILD_VERSION" { print command, "platform", $2 }
        $1 == "minos" { print command, "minos", $2 }
        command ~ /^LC_(CODE_SIGNATURE|RPATH)$/ && $1 == "cmd" { print command }' | sort
}
for processor in arm64 x86_64; do
    exported=$(llvm-nm-19 --arch="$processor" --defined-only --extern-only --format=just-symbols "$library" | sed 's/^_//' | sort)
    compare "the exported symbols, $processor" <(sed 's/#.*//' include/ws4d.symbols | awk 'NF { print $1 }' | sort) "$exported"
    compare "the load commands, $processor" <(grep -v '^#' packaging/macos/load-commands.txt) "$(load_commands $processor)"
done
[ $status = 0 ] || exit $status
llvm-lipo-19 -info "$library"
llvm-lipo-19 -info "$folder/libws4d.a"
finish "built, linked and checked as a file; not run, since there is no Mac here"
