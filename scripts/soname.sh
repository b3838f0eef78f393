#!/usr/bin/env bash
# Gives cargo's shared library the names that it has when installed: the file has the full version, and the soname (with
# which programs start) and libws4d.so (with which they are linked) are links to it.
# usage: soname.sh FOLDER
set -euo pipefail
header=$(dirname "$0")/../include/ws4d.h
version=$(sed -n 's/^#define WS4D_VERSION_STRING "\(.*\)"/\1/p' "$header")
cd "$1"
soname=$(readelf --dynamic libws4d.so | sed -n 's/.*(SONAME).*\[\(.*\)\].*/\1/p')
# Cargo puts a file in the place of the link when it has built anew.
[ -L libws4d.so ] || mv -f libws4d.so "libws4d.so.$version"
for name in "$soname" libws4d.so; do
    [ "$(readlink "$name")" = "libws4d.so.$version" ] || ln -sf "libws4d.so.$version" "$name"
done
