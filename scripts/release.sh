#!/usr/bin/env bash
# Builds what ships: `cargo COMMAND --release`, or another profile (WS4D_PROFILE), with the folders of this machine replaced in what the compilers write into
# the files (panic messages, debug information), so that a build says nothing of where it was made, and is the same
# elsewhere. Sources of ours become /libws4d/…, crates /crates/…, the standard library's /rustc/…. Every release build
# of the Makefile comes through here: with other flags cargo would build all crates again.
# usage: release.sh COMMAND ARGUMENTS…      (COMMAND: cargo's, as build or rustc; by WS4D_CARGO another program in cargo's place)
set -euo pipefail
cd "$(dirname "$0")/.."

cargo_home=${CARGO_HOME:-$HOME/.cargo}
sysroot=$("${RUSTC:-rustc}" --print sysroot)
commit=$("${RUSTC:-rustc}" --version --verbose | sed -n 's/^commit-hash: //p')
# Where several fit, the last one counts: a target folder or a CARGO_HOME may be inside the source tree.
places=("$PWD=/libws4d")
[ -z "${CARGO_TARGET_DIR:-}" ] || places+=("$(realpath -m "$CARGO_TARGET_DIR")=/libws4d/target")
places+=("$cargo_home=/cargo" "$sysroot/lib/rustlib/src/rust=/rustc/$commit")
for registry in "$cargo_home"/registry/src/*; do
    [ ! -d "$registry" ] || places+=("$registry=/crates")
done

rust_flags=${CARGO_ENCODED_RUSTFLAGS:-}
[ -n "$rust_flags" ] || rust_flags=$(xargs -n 1 <<< "${RUSTFLAGS:-}" | paste -sd $'\x1f')
c_flags=
for place in "${places[@]}"; do
    rust_flags+=${rust_flags:+$'\x1f'}--remap-path-prefix=$place
    # The C compilers want flags without spaces; a folder that has one is not replaced in their part.
    [[ $place == *[[:space:]]* ]] || c_flags+=" -ffile-prefix-map=$place"
done
export CARGO_ENCODED_RUSTFLAGS=$rust_flags CFLAGS="${CFLAGS:-}$c_flags" CXXFLAGS="${CXXFLAGS:-}$c_flags"
profile=(--release)
[ -z "${WS4D_PROFILE:-}" ] || profile=(--profile "$WS4D_PROFILE")
exec "${WS4D_CARGO:-cargo}" "${1:?usage: release.sh COMMAND ARGUMENTS…}" "${profile[@]}" "${@:2}"
