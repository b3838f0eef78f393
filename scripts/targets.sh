# shellcheck shell=bash disable=SC2154
# What arm64.sh, musl.sh, macos.sh and windows.sh share; they read it with `source` and run in the root of the tree. None of these targets
# has a standard library here: each is built from its source, by Debian's compiler, which comes with it.

targets=build/targets
mkdir -p "$targets"
begun=$SECONDS

# Says first what is missing, then installs it.
install_missing() { # package...
    local package missing=()
    for package in "$@"; do
        dpkg -s "$package" > /dev/null 2>&1 || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    if ! command -v apt-get > /dev/null; then
        echo "$platform: please install what Debian calls: ${missing[*]}" >&2
        exit 1
    fi
    echo "$platform: installing with apt-get: ${missing[*]}"
    as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
    as_root apt-get -qq update
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends "${missing[@]}" > /dev/null
}

# Zig as scripts/dist.sh has it, a compiler of C and C++ that brings the headers and C libraries of other systems.
install_zig() {
    if ! cmp -s packaging/requirements.txt build/zig/requirements.txt; then
        echo "$platform: installing zig from PyPI into build/zig"
        python3 -m venv --clear build/zig
        build/zig/bin/python -m pip install --quiet --disable-pip-version-check --requirement packaging/requirements.txt
        cp packaging/requirements.txt build/zig
    fi
    export ZIG_GLOBAL_CACHE_DIR=$PWD/build/zig/cache
}

# Writes programs zig-cc-SYSTEM and zig-c++-SYSTEM, since the places that a compiler is named in take no arguments.
zig_compiler() { # zig's name of the system
    local language program
    mkdir -p "$targets/bin"
    for language in cc c++; do
        program=$targets/bin/zig-$language-$1
        printf '#!/bin/sh\nexec %q %s %s "$@"\n' "$PWD/scripts/zig-cc.sh" "$language" "$1" > "$program"
        chmod +x "$program"
    done
}

# Cargo and rustc of Debian, whichever else are on the path, with a folder of their own, so that target/ stays as it is. The
# profile is that of what ships. CARGO_PROFILE_RELEASE_LTO=off makes it faster to try a change.
build_std() { # target, arguments for `cargo rustc`...
    local target=$1
    shift
    echo "$platform: the library for $target, with the standard library: minutes when it is new"
    local before=$SECONDS
    env PATH="/usr/bin:$PATH" RUSTC_BOOTSTRAP=1 RUSTC=/usr/bin/rustc WS4D_CARGO=/usr/bin/cargo CARGO_TARGET_DIR="$PWD/$targets/cargo" \
        scripts/release.sh rustc --quiet --package ws4d --lib -Zbuild-std=std,panic_unwind --target "$target" "$@"
    echo "$platform: built in $((SECONDS - before)) s"
}

built() { echo "$targets/cargo/$1/release"; } # target

# The names of tests/c and tests/cpp, but those that are skipped, one a line: NAME=REASON, said as it is done.
tests_but() { # skipped...
    local name skip reason
    for name in $(basename --suffix .c tests/c/*.c) $(basename --suffix .cpp tests/cpp/*.cpp); do
        reason=
        for skip in "$@"; do
            [ "${skip%%=*}" != "$name" ] || reason=${skip#*=}
        done
        if [ -n "$reason" ]; then
            echo "$platform: not run: $name: $reason" >&2
        else
            echo "$name"
        fi
    done
}

finish() { # what to say
    echo "$platform: $* ($((SECONDS - begun)) s in all)"
}
