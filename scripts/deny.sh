#!/usr/bin/env bash
# Judges what comes from others by deny.toml: licences, banned crates, sources. Installs cargo-deny into build/ if it is missing.
set -euo pipefail
cd "$(dirname "$0")/.."
version=0.20.2
export PATH="$PWD/build/tools/bin:$PATH"
if ! cargo deny --version > /dev/null 2>&1; then
    echo "deny: installing cargo-deny $version into build/tools: minutes"
    cargo install cargo-deny --version "$version" --locked --root build/tools
fi
# Two versions of one crate are no fault (deny.toml), and a page of them would hide one.
exec cargo deny --locked --log-level error check bans licenses sources
