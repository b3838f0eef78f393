#!/usr/bin/env bash
# Builds the clients of the benchmarks, installing what is missing, and lists them in build/bench/clients.tsv. What
# cannot be had is skipped, and said so.
# usage: setup.sh [--ours] FOLDER-OF-LIBRARY BENCH-PROGRAM      --ours: no others
set -uo pipefail
cd "$(dirname "$0")/.."

only_ours=
[ "$1" != --ours ] || { only_ours=yes; shift; }
library=$(realpath "$1")
program=$(realpath "$2")
out=$(pwd)/build/bench
mkdir -p "$out"
log=$out/setup.log
: > "$log"
list=$out/clients.tsv.new
: > "$list"

client() { # id, group, name, version, command...
    local IFS=$'\t'
    echo "$*" >> "$list"
}
skipped() { echo "skipped: $1: $2 (see build/bench/setup.log)"; }
# Runs once for what it is made from: a file behind it says it was done.
built() { [ -e "$1" ] && [ -z "$(find "${@:2}" -newer "$1" 2> /dev/null | head -1)" ]; }

# The floor, and ours.
client raw raw "raw blocking socket" "std, rustls" "$program" raw
c=benches/clients
ours=$(sed -n 's/^#define WS4D_VERSION_STRING "\(.*\)"/\1/p' include/ws4d.h)
exports() { grep -q "\b$1\b" include/ws4d.h; }
${CC:-cc} -O2 -std=gnu11 -Iinclude -o "$out/ours" "$c/ours.c" "$library/libws4d.so" \
    -pthread -ldl -Wl,-rpath,"$library" 2>> "$log" || { cat "$log"; exit 1; }
# In the order of the report; ours_host.h says what each is.
while IFS=: read -r mode name symbol; do
    if exports "$symbol"; then
        client "ours-$mode" ours "libws4d, $name" "$ours" "$out/ours" "$mode"
    else
        echo "skipped: libws4d, $name: $symbol is not there yet"
    fi
done << 'END'
inline:inline:ws_new
wait:ws_dispatcher_wait:ws_dispatcher_wait
driving:no I/O thread:ws_dispatcher_new_driving
pull:ws_dispatcher_next:ws_dispatcher_next
busy:busy_poll:ws_dispatcher_set_busy_poll_us
busy-inline:busy_poll, inline:ws_options_set_busy_poll_us
wake:woken by its wake function:ws_dispatcher_new_with_wake
fd:poll on ws_dispatcher_fd:ws_dispatcher_fd
END

if [ -n "$only_ours" ]; then
    mv "$list" "$out/clients.tsv"
    exit
fi

client raw-post-quantum other "raw blocking socket, X25519MLKEM768" "std, rustls" "$program" raw-post-quantum

# Rust
for peer in tokio-tungstenite tokio-websockets sockudo-ws yawc libcurl; do
    group=rust
    [ "$peer" != libcurl ] || group=c
    if cargo build --quiet --release --locked --manifest-path benches/peers/Cargo.toml --target-dir "$out/peers" \
        --package "peer-$peer" 2>> "$log"; then
        of=$peer
        [ "$peer" != libcurl ] || of=curl-sys
        version=$(cargo tree --quiet --locked --manifest-path benches/peers/Cargo.toml --package "peer-$peer" --depth 1 --prefix none |
            sed -n "s/^$of v\([^ ]*\).*/\1/p" | head -1)
        [ "$peer" != libcurl ] || version=${version#*curl-}
        client "$peer" "$group" "$peer" "$version" "$out/peers/release/peer-$peer"
    else
        skipped "$peer" "it does not build"
    fi
done

# C and C++, from the system's packages
missing=()
for package in libwebsockets-dev libboost-dev libssl-dev; do
    dpkg -s "$package" > /dev/null 2>&1 || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ] && command -v apt-get > /dev/null; then
    root=()
    [ "$(id -u)" = 0 ] || root=(sudo -n)
    "${root[@]}" apt-get -qq update >> "$log" 2>&1
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${missing[@]}" >> "$log" 2>&1
fi
if built "$out/libwebsockets" "$c/libwebsockets.c" "$c/bench.h" || ${CC:-cc} -O2 -std=gnu11 -o "$out/libwebsockets" "$c/libwebsockets.c" -lwebsockets 2>> "$log"; then
    version=$(sed -n 's/^#define LWS_LIBRARY_VERSION "\(.*\)"/\1/p' /usr/include/lws_config.h 2> /dev/null | cut -d- -f1)
    client libwebsockets c libwebsockets "${version:-?}" "$out/libwebsockets"
else
    skipped libwebsockets "it does not build"
fi
if built "$out/beast" "$c/beast.cpp" "$c/bench.h" || ${CXX:-c++} -O3 -std=c++17 -o "$out/beast" "$c/beast.cpp" -lssl -lcrypto -pthread 2>> "$log"; then
    version=$(sed -n 's/^#define BOOST_LIB_VERSION "\(.*\)"/\1/p' /usr/include/boost/version.hpp 2> /dev/null | tr _ .)
    client beast c "Boost.Beast (synchronous)" "${version:-?}" "$out/beast"
else
    skipped Boost.Beast "it does not build"
fi

# Python and Node
python=python3
if cmp -s "$c/requirements.txt" "$out/venv/requirements.txt" ||
    { python3 -m venv --clear "$out/venv" &&
        "$out/venv/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$c/requirements.txt" &&
        cp "$c/requirements.txt" "$out/venv"; } >> "$log" 2>&1; then
    python=$out/venv/bin/python
    for peer in picows websockets aiohttp; do
        version=$(sed -n "s/^$peer==//p" "$c/requirements.txt")
        client "$peer" other "$peer (Python)" "$version" "$python" "$c/${peer}_client.py"
    done
    version=$(sed -n "s/^picows==//p" "$c/requirements.txt")
    client picows-coroutine other "picows (Python), queued for a coroutine" "$version" "$python" "$c/picows_client.py" coroutine
else
    skipped "picows, websockets, aiohttp" "no Python packages"
fi
if exports ws_batch_items; then
    while IFS=: read -r way name; do
        client "package-$way" other "ws4d (Python), $name" "$ours" env "WS4D_LIBRARY=$library/libws4d.so" "$python" "$c/package_client.py" "$way"
    done << 'END'
coroutine:a coroutine
batch:recv_batch
app:WebSocketApp
END
fi
name="libws4d from Python (ctypes, ws_dispatcher_next_batch)"
if exports ws_batch_items; then
    client ours-python other "$name" "$ours" "$python" "$c/ours_client.py" "$library/libws4d.so"
else
    echo "skipped: $name: ws_batch_items is not there yet"
fi
if command -v node > /dev/null &&
    { cmp -s "$c/package.json" "$out/node/package.json" && [ -d "$out/node/node_modules/ws" ] ||
        { mkdir -p "$out/node" && cp "$c/package.json" "$out/node" &&
            npm install --silent --no-audit --no-fund --no-package-lock --prefix "$out/node" && touch "$out/node/done"; } >> "$log" 2>&1; }; then
    version=$(sed -n 's/.*"ws": "\(.*\)".*/\1/p' "$c/package.json")
    cp "$c/ws_client.mjs" "$out/node"
    client ws other "ws (Node $(node --version | tr -d v))" "$version" node "$out/node/ws_client.mjs"
else
    skipped "ws (Node)" "no node, or no package"
fi
mv "$list" "$out/clients.tsv"
