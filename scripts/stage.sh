#!/usr/bin/env bash
# Puts all that an installation has into an empty folder, as it will lie below /: `make install`, `make dist` and `make deb`
# copy from there. Needs the library as `make release` leaves it, and builds nothing but the tool, for which it needs a C compiler.
# usage: stage.sh FOLDER_OF_THE_LIBRARY STAGE
# Places, all of them absolute, by the environment: PREFIX (/usr/local), BINDIR, LIBDIR, INCLUDEDIR, DATADIR, MANDIR, DOCDIR below it.
# RELOCATABLE=1: ws4d.pc finds its folders from its own place. NO_STRIP=1: the library keeps its symbols. STRIP, OBJCOPY: those
# of another toolchain; CC builds the tool.
set -euo pipefail
built=$(realpath "${1:?usage: stage.sh FOLDER_OF_THE_LIBRARY STAGE}")
stage=$(realpath -m "${2:?}")
cd "$(dirname "$0")/.."

prefix=${PREFIX:-/usr/local}
bindir=${BINDIR:-$prefix/bin}
libdir=${LIBDIR:-$prefix/lib}
includedir=${INCLUDEDIR:-$prefix/include}
datadir=${DATADIR:-$prefix/share}
mandir=${MANDIR:-$datadir/man}
docdir=${DOCDIR:-$datadir/doc/libws4d}
for place in "$prefix" "$bindir" "$libdir" "$includedir" "$datadir" "$mandir" "$docdir"; do
    [[ $place == /* ]] || { echo "stage: PREFIX and the other places begin with /, and this does not: $place" >&2; exit 1; }
done

version=$(sed -n 's/^#define WS4D_VERSION_STRING "\(.*\)"/\1/p' include/ws4d.h)
library=$built/libws4d.so.$version
listed=$built/native-static-libs.txt
for file in "$library" "$built/libws4d.a" "$listed"; do
    [ -f "$file" ] || { echo "stage: $file is not there: run make release" >&2; exit 1; }
done
soname=$(readelf --dynamic --wide "$library" | sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p')
# The C compiler links the C library and libgcc itself, in the kind that goes with -static.
private=$(xargs -n 1 < "$listed" | grep -vx -e -lgcc_s -e -l:libgcc_s.so.1 -e -lc | xargs)
rm -rf "$stage"

put() { # mode, folder, file...
    install -d -m 755 "$stage$2"
    install -m "$1" "${@:3}" "$stage$2"
}
fill() { # template, folder
    local name text
    name=$(basename "$1" .in)
    text=$(sed -e "s|@PREFIX@|$pc_prefix|; s|@LIBDIR@|$pc_libdir|; s|@INCLUDEDIR@|$pc_includedir|" \
        -e "s|@VERSION@|$version|g; s|@MAJOR@|${version%%.*}|; s|@SONAME@|$soname|; s|@PRIVATE_LIBS@|$private|" \
        -e "s|@PRIVATE_LIBS_LIST@|${private// /;}|; s|@POINTER_SIZE@|8|" \
        -e "s|@INCLUDE_FROM_LIBDIR@|$(realpath -m --relative-to="$libdir" "$includedir")|" "$1")
    install -d -m 755 "$stage$2"
    echo "$text" > "$stage$2/$name"
    chmod 644 "$stage$2/$name"
}
# What is below the prefix is written relative to it, as pkg-config wants it for --define-prefix.
below_prefix() { case $1 in "$prefix"/*) echo "\${prefix}/${1#"$prefix"/}" ;; *) echo "$1" ;; esac; }
pc_prefix=$prefix
[ -z "${RELOCATABLE:-}" ] || pc_prefix="\${pcfiledir}/$(realpath -m --relative-to="$libdir/pkgconfig" "$prefix")"
pc_libdir=$(below_prefix "$libdir")
pc_includedir=$(below_prefix "$includedir")

put 644 "$includedir" include/ws4d.h include/ws4d.hpp include/ws4d_coroutines.hpp
put 644 "$libdir" "$library" "$built/libws4d.a"
shared=$stage$libdir/libws4d.so.$version
if [ -z "${NO_STRIP:-}" ]; then
    # Debuggers and valgrind find the file beside the library by the name that is written into that.
    "${OBJCOPY:-objcopy}" --only-keep-debug "$shared" "$shared.debug"
    "${STRIP:-strip}" --strip-unneeded "$shared"
    (cd "$stage$libdir" && "${OBJCOPY:-objcopy}" --add-gnu-debuglink="$(basename "$shared").debug" "$shared")
    "${STRIP:-strip}" --strip-debug --enable-deterministic-archives "$stage$libdir/libws4d.a"
fi
chmod 644 "$stage$libdir"/*
ln -s "libws4d.so.$version" "$stage$libdir/$soname"
ln -s "libws4d.so.$version" "$stage$libdir/libws4d.so"

# The tool finds the library from its own place, but where the loader finds it anyway.
rpath=\$ORIGIN/$(realpath -m --relative-to="$bindir" "$libdir")
case $libdir in /lib | /lib64 | /usr/lib | /usr/lib64 | /usr/lib/*-linux-gnu*) rpath= ;; esac
install -d -m 755 "$stage$bindir"
CFLAGS="${CFLAGS:--O2 -g} -ffile-prefix-map=$PWD=." scripts/tool.sh "$built" "$stage$bindir/ws4d" "$rpath"
[ -n "${NO_STRIP:-}" ] || "${STRIP:-strip}" "$stage$bindir/ws4d"
fill tool/ws4d.1.in "$mandir/man1"
install -D -m 644 tool/completion.bash "$stage$datadir/bash-completion/completions/ws4d"
install -D -m 644 tool/completion.zsh "$stage$datadir/zsh/site-functions/_ws4d"

fill packaging/ws4d.pc.in "$libdir/pkgconfig"
fill packaging/ws4d-config.cmake.in "$libdir/cmake/ws4d"
fill packaging/ws4d-config-version.cmake.in "$libdir/cmake/ws4d"
scripts/man.py "$stage$mandir/man3"
put 644 "$docdir" LICENSE LICENSE-MIT LICENSE-APACHE THIRD-PARTY.md README.md CHANGELOG.md SECURITY.md
# The guide: the pages that its table of contents lists, beside README.md, so that links between them lead somewhere.
put 644 "$docdir/docs" docs/SUMMARY.md docs/*.svg
put 644 "$docdir/docs/benchmarks" docs/benchmarks/*.svg
while read -r page; do
    put 644 "$docdir/docs/$(dirname "$page")" "docs/$page"
done < <(sed -n 's/.*](\(.*\.md\))$/\1/p' docs/SUMMARY.md)
put 644 "$docdir/examples" c-examples/*.c c-examples/CMakeLists.txt
put 644 "$docdir/examples/loops" c-examples/loops/*.c
put 644 "$docdir/examples/cpp" c-examples/cpp/*.cpp
put 644 "$datadir/libws4d" ws4d.supp
chmod -R u=rwX,go=rX "$stage"
