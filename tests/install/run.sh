#!/usr/bin/env bash
# What `make install` puts down can be used, and nothing else comes or stays: programs find it by pkg-config and by CMake,
# shared and static, and talk to a server; each function has a manual page; a package's DESTDIR is nowhere inside; a newer
# version takes an older one's files away; uninstalling leaves nothing.
# usage: run.sh FOLDER_OF_THE_LIBRARY TEST_SERVER
# shellcheck disable=SC2046 # what pkg-config prints is to be split into words
set -euo pipefail
built=$(realpath "$1")
server=$(realpath "$2")
cd "$(dirname "$0")/../.."
mkdir -p build
work=$(mktemp -d "$PWD/build/install.XXXXXX")
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix
version=$(sed -n 's/^#define WS4D_VERSION_STRING "\(.*\)"/\1/p' include/ws4d.h)
fail() {
    echo "install: $*" >&2
    exit 1
}

# The server ends when this script does: its input is a pipe from here.
coproc SERVER { exec "$server" --until-stdin-closes; }
read -r ready <&"${SERVER[0]}"
url=$(python3 -c 'import json, sys; print(json.loads(sys.argv[1])["ws_url"])' "$ready")/echo

says_hello() { # how it was made, program
    local said
    said=$(timeout 60 "${@:2}" "$url") || fail "the program made $1 ended with $?"
    [ "$said" = "the server says: hello, world" ] || fail "the program made $1 said '$said'"
}

install_to() { scripts/install.sh "$built" > /dev/null; }
unset DESTDIR BINDIR LIBDIR INCLUDEDIR DATADIR MANDIR DOCDIR RELOCATABLE
export PREFIX=$prefix
install_to
[ "$(readlink "$prefix/lib/libws4d.so")" = "libws4d.so.$version" ] || fail "libws4d.so is no link to the file of this version"
[ "$(readlink "$prefix/lib/libws4d.so.${version%%.*}")" = "libws4d.so.$version" ] || fail "the soname is no link to the file"
[ ! -L "$prefix/lib/libws4d.so.$version" ] || fail "libws4d.so.$version is no file"

# Stripped, and what was stripped is found.
readelf --sections --wide "$prefix/lib/libws4d.so.$version" | grep '\.debug_info\|\.symtab' > /dev/null && fail "the library is not stripped"
debug=$(readelf --string-dump=.gnu_debuglink "$prefix/lib/libws4d.so.$version" | awk '/libws4d/ { print $3 }')
readelf --sections --wide "$prefix/lib/$debug" | grep '\.debug_info' > /dev/null || fail "the library names no file with its symbols"

# pkg-config, the shared library and the static one.
export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
[ "$(pkg-config --modversion ws4d)" = "$version" ] || fail "pkg-config does not say version $version"
${CC:-cc} -std=c99 -Wall -Werror -o "$work/hello" c-examples/hello.c $(pkg-config --cflags --libs ws4d)
says_hello "by pkg-config" env LD_LIBRARY_PATH="$prefix/lib" "$work/hello"
${CC:-cc} -std=c99 -Wall -Werror -o "$work/hello-a" c-examples/hello.c $(pkg-config --cflags ws4d) \
    "$prefix/lib/libws4d.a" $(pkg-config --static --libs-only-l ws4d | sed 's/-lws4d//')
says_hello "by pkg-config, with the static library" "$work/hello-a"
for library in $(cat "$built/native-static-libs.txt"); do
    case $library in -lgcc_s | -l:libgcc_s.so.1 | -lc) continue ;; esac
    pkg-config --static --libs ws4d | grep -w -e "$library" > /dev/null || fail "ws4d.pc does not name $library, which rustc wants"
    grep -qw -e "$library" "$prefix/lib/cmake/ws4d/ws4d-config.cmake" || fail "ws4d::static does not name $library"
done
# The C library warns that a lookup still loads it.
${CC:-cc} -std=c99 -static -o "$work/hello-static" c-examples/hello.c $(pkg-config --static --cflags --libs ws4d) 2> "$work/log" ||
    { cat "$work/log" >&2; fail "a static program cannot be linked"; }
says_hello "by pkg-config --static" "$work/hello-static"

# CMake, with the examples as they are installed.
for static in OFF ON; do
    { cmake -S "$prefix/share/doc/libws4d/examples" -B "$work/cmake-$static" -DCMAKE_PREFIX_PATH="$prefix" -DWS4D_STATIC=$static &&
        cmake --build "$work/cmake-$static"; } > "$work/log" 2>&1 || { cat "$work/log" >&2; fail "CMake's way, WS4D_STATIC=$static"; }
    says_hello "by CMake, WS4D_STATIC=$static" "$work/cmake-$static/hello"
    linked=$(readelf --dynamic "$work/cmake-$static/hello" | grep -c 'NEEDED.*libws4d' || true)
    [ "$linked$static" = 1OFF ] || [ "$linked$static" = 0ON ] || fail "CMake, WS4D_STATIC=$static: linked with the other library"
done
# The C++ header, by CMake's package alone.
cp -r tests/new-user/cpp "$work"
{ cmake -S "$work/cpp" -B "$work/cpp/build" -DCMAKE_PREFIX_PATH="$prefix" && cmake --build "$work/cpp/build"; } > "$work/log" 2>&1 ||
    { cat "$work/log" >&2; fail "CMake's way from C++"; }
says_hello "from C++ by CMake" "$work/cpp/build/hello"

# The tool finds the library from where it lies, also after the whole was moved, and has its page and its completions.
talks() { # where the tool is
    local said
    said=$(timeout 60 "$1/bin/ws4d" --send 'hello, world' --count 1 "$url" < /dev/null) || fail "$1/bin/ws4d ended with $?"
    [ "$said" = 'hello, world' ] || fail "$1/bin/ws4d said '$said'"
}
talks "$prefix"
cp -r "$prefix" "$work/moved"
talks "$work/moved"
rm -r "$work/moved"
for file in man/man1/ws4d.1 bash-completion/completions/ws4d zsh/site-functions/_ws4d; do
    [ -f "$prefix/share/$file" ] || fail "share/$file is not there"
done
grep -q "libws4d $version" "$prefix/share/man/man1/ws4d.1" || fail "ws4d(1) does not say version $version"

# The guide lies beside README.md, whose links to it lead somewhere, as do those of its table of contents.
doc=$prefix/share/doc/libws4d
for file in README.md CHANGELOG.md LICENSE docs/overview.svg; do
    [ -f "$doc/$file" ] || fail "share/doc/libws4d/$file is not there"
done
pages=$({ grep -o '](docs/[a-z0-9/-]*\.md' README.md; sed 's|](|](docs/|' docs/SUMMARY.md | grep -o '](docs/[a-z0-9/-]*\.md'; } | cut -c 3-)
[ "$(wc -w <<< "$pages")" -gt 50 ] || fail "the links of README.md and docs/SUMMARY.md were not understood"
for page in $pages; do
    [ -f "$doc/$page" ] || fail "share/doc/libws4d/$page is not there"
done

# A version that is not there is not found: a newer one, another soname's.
for wanted in "${version%%.*}.999" "$((${version%%.*} + 1)).0"; do
    mkdir -p "$work/wanted"
    printf '%s\n' 'cmake_minimum_required(VERSION 3.13)' 'project(wanted C)' "find_package(ws4d $wanted QUIET)" \
        'if(ws4d_FOUND)' '  message(FATAL_ERROR "found")' 'endif()' > "$work/wanted/CMakeLists.txt"
    cmake -S "$work/wanted" -B "$work/wanted/build" -DCMAKE_PREFIX_PATH="$prefix" > "$work/log" 2>&1 ||
        { cat "$work/log" >&2; fail "CMake takes version $version for $wanted"; }
done

# A page for each function, and none that troff complains of.
while read -r name _; do
    case $name in '' | '#'*) continue ;; esac
    [ -f "$prefix/share/man/man3/$name.3" ] || fail "$name has no manual page"
done < include/ws4d.symbols
if command -v groff > /dev/null; then
    for page in "$prefix"/share/man/man3/libws4d*.3 "$prefix/share/man/man1/ws4d.1"; do
        complaints=$(groff -man -Kutf8 -Tutf8 -ww -z "$page" 2>&1)
        [ -z "$complaints" ] || fail "troff complains of $(basename "$page"): $complaints"
    done
fi

# A newer version takes what only the older one had; what was in the folders before it stays.
echo "$prefix/lib/older" >> "$prefix/share/libws4d/installed.txt"
touch "$prefix/lib/older" "$prefix/lib/mine"
install_to
[ ! -e "$prefix/lib/older" ] || fail "a file that only the older version had is still there"
scripts/install.sh --uninstall > /dev/null
[ "$(find "$prefix" ! -type d)" = "$prefix/lib/mine" ] || fail "after uninstalling: $(find "$prefix" ! -type d)"
rm -r "$prefix"
install_to
scripts/install.sh --uninstall > /dev/null
[ ! -e "$prefix" ] || fail "uninstalling leaves $(find "$prefix")"

# As a package is made.
export DESTDIR=$work/root PREFIX=/usr LIBDIR=/usr/lib/somewhere
install_to
inside=$(grep -rlaF "$work" "$DESTDIR" || true)
[ -z "$inside" ] || fail "the folder where it was made is in $inside"
export PKG_CONFIG_PATH=$DESTDIR/usr/lib/somewhere/pkgconfig PKG_CONFIG_SYSROOT_DIR=$DESTDIR
${CC:-cc} -std=c99 -o "$work/hello" c-examples/hello.c -I"$DESTDIR/usr/include" $(pkg-config --libs ws4d)
says_hello "with DESTDIR" env LD_LIBRARY_PATH="$DESTDIR/usr/lib/somewhere" "$work/hello"
scripts/install.sh --uninstall > /dev/null
[ -z "$(find "$DESTDIR" ! -type d)" ] || fail "uninstalling with DESTDIR leaves $(find "$DESTDIR" ! -type d)"
