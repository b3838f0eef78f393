#!/usr/bin/env bash
# Packs a .tar.gz and a .zip for each platform that there is, each with its checksum, into build/dist. Today that is Linux on x86-64: built
# for glibc 2.17 (2012), so that it runs on every distribution that is still kept, by cargo-zigbuild, which links with zig.
# Both come from PyPI into build/zig. The archive can be unpacked anywhere: pkg-config and CMake find it where it lies.
# usage: dist.sh --build | --stage FOLDER | TEST_SERVER
# --build: builds for that C library, and packs nothing. --stage: does so, and puts all that an installation has into the folder, by
# stage.sh, whose variables it takes.
set -euo pipefail
task=${1:?usage: dist.sh --build | --stage FOLDER | TEST_SERVER}
case $task in
    --build) ;;
    --stage) folder=$(realpath -m "${2:?usage: dist.sh --stage FOLDER}") ;;
    *) server=$(realpath "$task") ;;
esac
cd "$(dirname "$0")/.."
glibc=2.17
target=x86_64-unknown-linux-gnu
built=$(realpath -m "${CARGO_TARGET_DIR:-target}")/$target/release
version=$(sed -n 's/^#define WS4D_VERSION_STRING "\(.*\)"/\1/p' include/ws4d.h)
name=libws4d-$version-x86_64-linux-gnu

if ! cmp -s packaging/requirements.txt build/zig/requirements.txt; then
    echo "dist: cargo-zigbuild and zig, from PyPI into build/zig"
    python3 -m venv --clear build/zig
    build/zig/bin/python -m pip install --quiet --disable-pip-version-check --requirement packaging/requirements.txt
    cp packaging/requirements.txt build/zig
fi
# zig would link an unwinder of its own into the library. The frames of one thread, the host's C++ and the C library's cancellation
# among them, must all have the same one, libgcc_s: linked is a library that has its name, and its functions without a body.
unwinder=$PWD/build/zig/unwinder
mkdir -p "$unwinder"
awk '{ for (i = 2; i <= NF; i++) print "void " $i "(void) {}" }' packaging/libgcc_s.txt > "$unwinder/names.c"
awk '{ print $1 " {"; for (i = 2; i <= NF; i++) print "    " $i ";"; print "};" }' packaging/libgcc_s.txt > "$unwinder/versions"
cc -shared -nostdlib -w -o "$unwinder/libgcc_s.so.1" "$unwinder/names.c" -Wl,-soname,libgcc_s.so.1 -Wl,--version-script="$unwinder/versions"

# A cache of its own: the debug information in it names the folder in which it was made.
export ZIG_GLOBAL_CACHE_DIR=$PWD/build/zig/cache
PATH=$PWD/build/zig/bin:$PATH WS4D_CARGO=cargo-zigbuild scripts/release.sh rustc --package ws4d --lib \
    --target "$target.$glibc" -- -L native="$unwinder" -l dylib:+verbatim=libgcc_s.so.1 \
    -C link-arg=-Wl,--build-id=sha1 \
    --print native-static-libs="$built/native-static-libs.txt"
scripts/soname.sh "$built"
scripts/debug-paths.py "$built/libws4d.so" "$PWD" "$(realpath build/zig)"
scripts/symbols.sh "$built/libws4d.so"
scripts/artifact.sh "$built/libws4d.so"

runs_with_old_glibc() { # file: the newest version of the C library that any of its symbols asks for
    local needed
    needed=$(readelf --version-info --wide "$1" | grep -o 'GLIBC_[0-9.]*' | sort -Vu | tail -n 1)
    if [ -z "$needed" ] || [ "$(printf '%s\n' "GLIBC_$glibc" "$needed" | sort -V | tail -n 1)" != "GLIBC_$glibc" ]; then
        echo "dist: $(basename "$1") wants ${needed:-no C library}, and should run with glibc $glibc" >&2
        exit 1
    fi
    echo "dist: $(basename "$1") was built for glibc $glibc; what it uses is in ${needed/GLIBC_/glibc } and newer"
}
runs_with_old_glibc "$built/libws4d.so"
[ "$task" != --build ] || exit 0

stage() { # folder
    # The program ws4d is compiled here. zig looks for undefined behaviour unless it is told not to.
    CC="build/zig/bin/python -m ziglang cc -target x86_64-linux-gnu.$glibc" CFLAGS="-O2 -g -fPIE -fno-sanitize=undefined" \
        LDFLAGS="-pie -Wl,-z,relro,-z,now -Wl,--build-id=sha1" scripts/stage.sh "$built" "$1"
    local program=$1${BINDIR:-$PREFIX/bin}/ws4d
    if [ -e "$program" ]; then
        scripts/debug-paths.py "$program" "$PWD" "$(realpath build/zig)"
        runs_with_old_glibc "$program"
    fi
}
if [ "$task" = --stage ]; then
    stage "$folder"
    exit
fi
export RELOCATABLE=1 PREFIX=/$name
work=$(mktemp -d build/dist.XXXXXX)
trap 'rm -rf "$work"' EXIT
# The same commit gives the same archives: names in order, nobody's user, the commit's time.
time=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2> /dev/null || date +%s)}
pack() { # folder
    mkdir -p "$1"
    stage "$1/stage"
    tar --create --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$time" --directory="$1/stage" "$name" |
        gzip --no-name --best > "$1/$name.tar.gz"
    scripts/zip.py "$1/stage/$name" "$1/$name.zip" "$time"
}
pack "$work/first"
pack "$work/second"
mkdir -p build/dist
for archive in "$name.tar.gz" "$name.zip"; do
    cmp "$work/first/$archive" "$work/second/$archive" || { echo "dist: packed twice, $archive is not the same" >&2; exit 1; }
    mv "$work/first/$archive" build/dist
    (cd build/dist && sha256sum "$archive" > "$archive.sha256")
done
tests/install/archive.sh "build/dist/$name.tar.gz" "$server"
ls -l build/dist/"$name".*
