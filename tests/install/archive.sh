#!/usr/bin/env bash
# What `make dist` packs can be used where it is unpacked, and after it was moved: by pkg-config and by CMake, shared and
# static; its checksum is right; it has one folder, and nobody's name. The .zip beside it holds the same.
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

name=$(basename "$archive" .tar.gz)
zip=${archive%.tar.gz}.zip
(cd "$(dirname "$archive")" && sha256sum --check --quiet "$name.tar.gz.sha256" "$name.zip.sha256") || fail "a checksum is another"
python3 - "$archive" "$zip" << 'END' || fail "the .zip and the .tar.gz differ"
import stat, sys, tarfile, zipfile

def of_tar(path):
    with tarfile.open(path) as archive:
        for entry in archive:
            data = entry.linkname.encode() if entry.issym() else archive.extractfile(entry).read() if entry.isfile() else b""
            kind = stat.S_IFLNK if entry.issym() else stat.S_IFDIR if entry.isdir() else stat.S_IFREG
            yield entry.name, kind | entry.mode, data

def of_zip(path):
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            yield entry.filename.rstrip("/"), entry.external_attr >> 16, archive.read(entry)

entries = [sorted(of_tar(sys.argv[1])), sorted(of_zip(sys.argv[2]))]
for one, other in zip(*entries):
    if one != other:
        sys.exit(f"archive: {one[:2]} and {other[:2]}")
sys.exit(len(entries[0]) != len(entries[1]) or len(entries[0]) < 100)
END
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
