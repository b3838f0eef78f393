#!/usr/bin/env bash
# Gets what `make test` needs and this machine lacks, and says what that is before it touches the system: compilers and tools
# by apt-get; proxies, Python and Node packages into build/. A terminal is asked first, unless WS4D_SETUP_YES is set. Does
# nothing, fast, when all is there.
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
wants pkg-config pkg-config
wants node nodejs
wants npm npm
# Certificates that nothing else here would make.
wants openssl openssl
python3 -c 'import ensurepip, venv' 2> /dev/null || packages+=(python3-venv)
# Not commands: valgrind reads the loader's symbols, TLS is judged by the system's trust.
if command -v dpkg > /dev/null; then
    for package in libc6-dbg ca-certificates; do
        dpkg -s "$package" > /dev/null 2>&1 || packages+=("$package")
    done
fi

if [ ${#packages[@]} -gt 0 ]; then
    if ! command -v apt-get > /dev/null; then
        echo "setup: please install: ${packages[*]}" >&2
        exit 1
    fi
    cat << END
setup: the tests need what this system lacks: ${packages[*]}
setup: that is installed with apt-get (as root, or by sudo); all else goes into build/. Without the system's packages,
setup: test-rust, test-model and check-style can be run by themselves: they need none.
END
    if [ -t 0 ] && [ -z "${WS4D_SETUP_YES:-}" ]; then
        read -r -p "setup: install them? [y/N] " answer
        [[ $answer == [yY]* ]] || { echo "setup: nothing was installed"; exit 1; }
    fi
    as_root apt-get -qq update
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends "${packages[@]}" > /dev/null
fi

scripts/proxies.sh

for component in rustfmt:fmt clippy:clippy; do
    cargo "${component#*:}" --version > /dev/null 2>&1 || rustup --quiet component add "${component%:*}"
done

# A folder of packages is right as long as it holds a copy of the list that it was made from.
fresh() { # list, folder
    cmp -s "tests/python/$1" "$2/$1"
}

if ! fresh requirements.txt build/venv; then
    echo "setup: python packages"
    python3 -m venv --clear build/venv
    build/venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement tests/python/requirements.txt
    cp tests/python/requirements.txt build/venv
fi

if ! fresh package.json build/node/node_modules; then
    echo "setup: node packages"
    mkdir -p build/node
    cp tests/python/package.json build/node
    npm install --silent --no-audit --no-fund --no-package-lock --prefix build/node > /dev/null
    cp tests/python/package.json build/node/node_modules
fi
