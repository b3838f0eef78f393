#!/usr/bin/env bash
# What `make dist` packs can be used where it is unpacked, and after it was moved: by pkg-config and by CMake, shared and
# static; its checksum is right; it has one folder, and nobody's name.
# usage: archive.sh ARCHIVE TEST_SERVER
# shellcheck disable=SC2046 # what pkg-config prints is to be split into words
set -euo pipefail
archive=$(realpath "$1")
server=$(realpath "$2")
cd "$(dirname "$0")/../.."
work=$(mktemp -d "$PWD/build/archive.XXXXXX")
trap 'rm -rf "$work"' EXIT
fail() {
    echo "archive: $*" >&2
    exit 1
}

(cd "$(dirname "$archive")" && sha256sum --check --quiet "$(basename "$archive").sha256") || fail "its checksum is another"
name=$(basename "$archive" .tar.gz)
listed=$(tar --list --verbose --numeric-owner --file "$archive")
grep -qv '^[-dlrwx]* 0/0 ' <<< "$listed" && fail "it tells who packed it"
grep -qv " $name/" <<< "$listed" && fail "there is something outside of $name/"
tar --extract --file "$archive" --directory "$work"
mkdir "$work/elsewhere"
mv "$work/$name" "$work/elsewhere/moved"
place=$work/elsewhere/moved

coproc SERVER { exec "$server" --until-stdin-closes; }
read -r ready <&"${SERVER[0]}"
url=$(python3 -c 'import json, sys; print(json.loads(sys.argv[1])["ws_url"])' "$ready")/echo
says_hello() { # how it was made, program
    local said
    said=$(timeout 60 "${@:2}" "$url") || fail "the program made $1 ended with $?"
    [ "$said" = "the server says: hello, world" ] || fail "the program made $1 said '$said'"
}

export PKG_CONFIG_PATH=$place/lib/pkgconfig
${CC:-cc} -std=c99 -o "$work/hello" c-examples/hello.c $(pkg-config --cflags --libs ws4d)
says_hello "by pkg-config" env LD_LIBRARY_PATH="$place/lib" "$work/hello"
${CC:-cc} -std=c99 -static -o "$work/hello-static" c-examples/hello.c $(pkg-config --static --cflags --libs ws4d) 2> "$work/log" ||
    { cat "$work/log" >&2; fail "a static program cannot be linked"; }
says_hello "by pkg-config --static" "$work/hello-static"
for static in OFF ON; do
    { cmake -S "$place/share/doc/libws4d/examples" -B "$work/cmake-$static" -DCMAKE_PREFIX_PATH="$place" -DWS4D_STATIC=$static &&
        cmake --build "$work/cmake-$static"; } > "$work/log" 2>&1 || { cat "$work/log" >&2; fail "CMake's way, WS4D_STATIC=$static"; }
    says_hello "by CMake, WS4D_STATIC=$static" "$work/cmake-$static/hello"
done
echo "archive: $name is good"
