#!/usr/bin/env bash
# Runs C tests against a library that ThreadSanitizer, then AddressSanitizer (with LeakSanitizer), look into: tests/c/stress.c,
# in which eight threads call everything, and those of the other tests that are made of threads. All Rust code is instrumented, the
# standard library too: that takes its source and a compiler that builds it, which Debian has as rustc-web, cargo-web and
# rust-web-src; installed here if they are missing, with clang-19 for the C programs, its run-times and llvm-19, which names functions.
#
# What is not instrumented: aws-lc's assembly (its C is), and the C library, whose functions the run-times know. What assembly does to
# memory is not seen: a fault there would be missed, none is made up.
# usage: sanitize.sh TEST_SERVER [thread] [address]       WS4D_STRESS_ROUNDS: so many rounds of the stress test (40)
set -euo pipefail
server=$(realpath "${1:?usage: sanitize.sh TEST_SERVER [thread] [address]}")
shift
sanitizers=("$@")
[ ${#sanitizers[@]} -gt 0 ] || sanitizers=(thread address)
cd "$(dirname "$0")/.."
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")/sanitize
system=x86_64-unknown-linux-gnu
folder=build/sanitize
tests=(stress misuse_threads misuse_callbacks misuse_handles drain json)
mkdir -p "$folder"

packages=()
for package in rustc-web cargo-web rust-web-src clang-19 libclang-rt-19-dev llvm-19; do
    dpkg -s "$package" > /dev/null 2>&1 || packages+=("$package")
done
if [ ${#packages[@]} -gt 0 ]; then
    echo "sanitize: installing ${packages[*]}"
    as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
    as_root apt-get -qq update
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends "${packages[@]}" > /dev/null
fi

# Debian's own compiler, whichever else is on the path; the same flags reach std and all crates, but not build scripts, which run here.
build() { # sanitizer
    echo "sanitize: the library for the $1 sanitizer, with the standard library: minutes when it is new"
    env RUSTC_BOOTSTRAP=1 RUSTC=/usr/bin/rustc CARGO_TARGET_DIR="$target/$1" \
        RUSTFLAGS="-Zsanitizer=$1 -Zexternal-clangrt -Cforce-frame-pointers=yes" \
        CC_x86_64_unknown_linux_gnu=clang-19 CFLAGS_x86_64_unknown_linux_gnu="-fsanitize=$1 -fno-omit-frame-pointer" \
        CARGO_PROFILE_DEV_OPT_LEVEL=1 CARGO_PROFILE_DEV_DEBUG=line-tables-only \
        /usr/bin/cargo rustc --quiet --package ws4d --lib --crate-type staticlib -Zbuild-std=std,panic_unwind --target $system
    local name
    for name in "${tests[@]}"; do
        clang-19 -g -O1 -std=c11 -fno-omit-frame-pointer -fsanitize="$1" -w -Iinclude -o "$folder/$name-$1" "tests/c/$name.c" \
            "$target/$1/$system/debug/libws4d.a" -pthread -ldl -lm -lgcc_s
    done
}

# The server ends when this script does: its input is a pipe from here.
coproc SERVER { exec "$server" --until-stdin-closes; }
read -r ready <&"${SERVER[0]}"
field() { python3 -c 'import json, sys; print(json.loads(sys.argv[1])[sys.argv[2]])' "$ready" "$1"; }
WS4D_TEST_WS=$(field ws_url)
WS4D_TEST_WSS=$(field wss_url)
WS4D_TEST_CA=$(field ca)
export WS4D_TEST_WS WS4D_TEST_WSS WS4D_TEST_CA
common="exitcode=66 external_symbolizer_path=/usr/bin/llvm-symbolizer-19"
export TSAN_OPTIONS="$common second_deadlock_stack=1 history_size=5"
export ASAN_OPTIONS="$common detect_leaks=1 detect_stack_use_after_return=1"

# A sanitizer that is not really linked finds nothing, too.
planted() { # sanitizer, what is planted, what it must say
    local log=$folder/planted-$1.log
    WS4D_STRESS_PLANTED=$2 "$folder/stress-$1" > "$log" 2>&1 && { echo "sanitize: the $1 sanitizer did not see what was planted" >&2; exit 1; }
    if ! grep -q "$3" "$log" || ! grep -q ' ws_send_text ' "$log"; then
        cat "$log" >&2
        echo "sanitize: the $1 sanitizer did not see what was planted inside of the library" >&2
        exit 1
    fi
}

status=0
for sanitizer in "${sanitizers[@]}"; do
    build "$sanitizer"
    case $sanitizer in
        thread) planted thread race 'data race' ;;
        address) planted address freed 'heap-use-after-free' ;;
        *) echo "sanitize: thread or address, not $sanitizer" >&2; exit 1 ;;
    esac
    for name in "${tests[@]}"; do
        log=$folder/$name-$sanitizer.log
        code=0
        WS4D_STRESS_ROUNDS=${WS4D_STRESS_ROUNDS:-40} timeout --kill-after=10 1200 "$folder/$name-$sanitizer" > "$log" 2>&1 || code=$?
        printf '  %-8s %-18s ended with %d, %d reports\n' "$sanitizer" "$name" "$code" "$(grep -c '^SUMMARY: ' "$log" || true)"
        if [ $code -ne 0 ] || [ -s "$log" ]; then
            echo "sanitize: see $log" >&2
            status=1
        fi
    done
done
exit $status
