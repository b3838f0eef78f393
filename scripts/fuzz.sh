#!/usr/bin/env bash
# Runs the fuzzers one after the other and says how far each came. Installs cargo-fuzz into build/ if it is missing;
# wants a nightly toolchain (`rustup toolchain install nightly`).
# usage: fuzz.sh SECONDS [TARGET...]       so long each; all targets if none is named
#        fuzz.sh --planted [TARGET...]     with a mistake planted in each target, which it must find within a minute
#        fuzz.sh --seeds                   builds them as usual, without nightly, and runs each on what it begins with
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "${1:-}" = --seeds ]; then
    target=${CARGO_TARGET_DIR:-target}
    # Beside the other builds, because most of it is there already.
    cargo build --quiet --locked --manifest-path fuzz/Cargo.toml --bins --target-dir "$target"
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT
    for seeds in fuzz/seeds/*; do
        fuzzer=$(basename "$seeds")
        "$target/debug/$fuzzer" "$seeds"/* > "$log" 2>&1 || { cat "$log" >&2; echo "fuzz: $fuzzer: a seed fails" >&2; exit 1; }
    done
    exit
fi

planted=
if [ "${1:-}" = --planted ]; then
    planted=yes
    time=60
else
    time=${1:?usage: fuzz.sh SECONDS [TARGET...]}
fi
shift
targets=("$@")
[ ${#targets[@]} -gt 0 ] ||
    targets=(decoder inflating_decoder deflater differential close_codes upgrade url_and_options json)

export PATH="$PWD/build/tools/bin:$PATH"
# As it grows: what was found in earlier runs is where the next one begins.
corpora=build/fuzz/corpus logs=build/fuzz/logs
options=(--target-dir "${CARGO_TARGET_DIR:-target}/fuzz")
if [ -n "$planted" ]; then
    options+=(--features planted)
    corpora=build/fuzz/planted
fi
mkdir -p "$logs"
cargo fuzz --version > /dev/null 2>&1 || cargo install cargo-fuzz --version 0.13.2 --locked --root build/tools

# The protocol's alone are built much faster.
case " ${targets[*]} " in
    *" upgrade "* | *" url_and_options "* | *" json "*) ;;
    *) options+=(--no-default-features) ;;
esac

status=0
printf '%-18s %12s %8s %8s %8s %7s\n' target executions exec/s edges features corpus
for target in "${targets[@]}"; do
    mkdir -p "$corpora/$target"
    log=$logs/$target.log
    found=no
    cargo +nightly fuzz run "${options[@]}" "$target" "$corpora/$target" "fuzz/seeds/$target" -- \
        -max_total_time="$time" -max_len=4096 -timeout=30 -print_final_stats=1 -verbosity=1 \
        > "$log" 2>&1 || found=yes
    # The last line that counts: "#123 DONE cov: 4 ft: 5 corp: 6/7b lim: 8 exec/s: 9 rss: 10Mb"
    line=$(grep -E '^#[0-9]+' "$log" | tail -1 || true)
    number() { sed -n "s|.*$1: \([0-9]*\).*|\1|p" <<< "$line"; }
    printf '%-18s %12s %8s %8s %8s %7s\n' "$target" "$(sed 's/^#\([0-9]*\).*/\1/' <<< "$line")" \
        "$(number exec/s)" "$(number cov)" "$(number ft)" "$(number corp)"
    if [ -n "$planted" ]; then
        if [ $found = no ] || ! grep -q 'the planted mistake' "$log"; then
            echo "fuzz: $target did not find the mistake that was planted in it; see $log" >&2
            status=1
        fi
        continue
    fi
    if [ $found = yes ]; then
        echo "fuzz: $target found something; see $log" >&2
        grep -E 'panicked at|SUMMARY|Test unit written|error' "$log" >&2 || true
        status=1
    elif [ "$(number cov)" -lt 100 ]; then
        echo "fuzz: $target reached $(number cov) edges only: it does not fuzz what it is for" >&2
        status=1
    fi
done
exit $status
