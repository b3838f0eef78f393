#!/usr/bin/env bash
# Links the library's soname to it, as an installation would, so that programs linked against it can start.
# usage: soname.sh FOLDER
set -euo pipefail
cd "$1"
soname=$(readelf --dynamic libws4d.so | sed -n 's/.*(SONAME).*\[\(.*\)\].*/\1/p')
if [ -n "$soname" ] && [ "$soname" != libws4d.so ]; then
    ln -sf libws4d.so "$soname"
fi
