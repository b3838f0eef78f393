#!/usr/bin/env bash
# Builds the examples for other people's event loops, in C and C++, and runs each against the test server: c-examples/loops
# (libuv, libevent, GLib) and c-examples/cpp (poll, Boost.Asio, GLib, Qt 6, and coroutines). Says before it installs anything what that is; a
# terminal is asked, unless WS4D_SETUP_YES is set.
# usage: peers.sh FOLDER_OF_THE_LIBRARY TEST_SERVER
set -euo pipefail
folder=$(realpath "$1")
server=$(realpath "$2")
cd "$(dirname "$0")/.."
out=build/peers
mkdir -p "$out"

packages=()
for package in pkg-config libuv1-dev libevent-dev libglib2.0-dev libboost-dev qt6-base-dev; do
    dpkg -s "$package" > /dev/null 2>&1 || packages+=("$package")
done
if [ ${#packages[@]} -gt 0 ]; then
    echo "peers: this system lacks what the examples need: ${packages[*]}"
    echo "peers: that is installed with apt-get (as root, or by sudo); the examples are built in $out."
    if [ -t 0 ] && [ -z "${WS4D_SETUP_YES:-}" ]; then
        read -r -p "peers: install them? [y/N] " answer
        [[ $answer == [yY]* ]] || { echo "peers: nothing was installed"; exit 1; }
    fi
    as_root=()
    [ "$(id -u)" = 0 ] || as_root=(sudo)
    "${as_root[@]}" apt-get -qq update
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends "${packages[@]}" > /dev/null
fi

# The server ends when this script does: its input is a pipe from here.
coproc SERVER { exec "$server" --until-stdin-closes; }
read -r ready <&"${SERVER[0]}"
url=$(python3 -c 'import json, sys; print(json.loads(sys.argv[1])["ws_url"])' "$ready")/echo

common=(-O1 -g -Wall -Wextra -Wpedantic -Werror -Iinclude)
end=("$folder/libws4d.so" -pthread "-Wl,-rpath,$folder")
declare -A packages_of=([loop_uv]=libuv [loop_event]=libevent [loop_glib]=glib-2.0 [glib]=glib-2.0 [qt]=Qt6Widgets)
flags() { # pkg-config's flags of an example; other people's headers are not ours to judge
    [ -z "${packages_of[$1]:-}" ] || pkg-config "${@:2}" "${packages_of[$1]}" | sed 's/\(^\| \)-I/\1-isystem /g'
}
run() { # program, what it says besides
    local said status=0
    said=$(QT_QPA_PLATFORM=offscreen timeout 60 "$out/$1" "$url" 2>&1) || status=$?
    for text in 'the server says: hello, world' 'closed: 1000' "${@:2}"; do
        [[ $said == *"$text"* ]] || status="$status, without '$text'"
    done
    [ "$status" = 0 ] || { printf '%s\n' "$said" "peers: $1 ended with $status" >&2; exit 1; }
    echo "  $1"
}
for source in c-examples/loops/*.c; do
    name=$(basename "$source" .c)
    read -r -a cflags <<< "$(flags "$name" --cflags)"
    read -r -a libs <<< "$(flags "$name" --libs)"
    ${CC:-cc} -std=gnu11 "${common[@]}" "${cflags[@]}" -o "$out/$name" "$source" "${libs[@]}" "${end[@]}"
    run "$name"
done
for source in c-examples/cpp/*.cpp; do
    name=$(basename "$source" .cpp)
    read -r -a cflags <<< "$(flags "$name" --cflags)"
    read -r -a libs <<< "$(flags "$name" --libs)"
    standard=c++17
    [ "$name" != coroutine ] || standard=c++20
    ${CXX:-c++} -std=$standard "${common[@]}" -fPIC "${cflags[@]}" -o "$out/$name" "$source" "${libs[@]}" "${end[@]}"
    if [ "$name" = qt ]; then run "$name" 'inside the dialog the server says: hello, dialog'; else run "$name"; fi
done
