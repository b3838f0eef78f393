#!/usr/bin/env bash
# Installs what `make test` needs and this machine lacks. Does nothing, fast, when all is there.
set -euo pipefail
cd "$(dirname "$0")/.."

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

packages=()
wants() { # command, package
    command -v "$1" > /dev/null || packages+=("$2")
}
wants valgrind valgrind
wants cmake cmake
wants g++ g++
wants readelf binutils
wants node nodejs
wants npm npm
python3 -c 'import ensurepip, venv' 2> /dev/null || packages+=(python3-venv)
# valgrind reads the loader's symbols, which Debian keeps apart.
if command -v dpkg > /dev/null; then
    dpkg -s libc6-dbg > /dev/null 2>&1 || packages+=(libc6-dbg)
fi

if [ ${#packages[@]} -gt 0 ]; then
    if ! command -v apt-get > /dev/null; then
        echo "setup: please install: ${packages[*]}" >&2
        exit 1
    fi
    echo "setup: installing ${packages[*]}"
    as_root apt-get -qq update
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends "${packages[@]}" > /dev/null
fi

for component in rustfmt:fmt clippy:clippy; do
    cargo "${component#*:}" --version > /dev/null 2>&1 || rustup --quiet component add "${component%:*}"
done

mkdir -p build
requirements=tests/python/requirements.txt
if ! cmp -s "$requirements" build/venv/requirements.txt; then
    echo "setup: python packages"
    python3 -m venv build/venv
    build/venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement "$requirements"
    cp "$requirements" build/venv/requirements.txt
fi

if [ ! -d build/node/node_modules/ws ]; then
    echo "setup: npm's ws"
    npm install --silent --no-audit --no-fund --no-package-lock --prefix build/node ws@8 > /dev/null
fi
