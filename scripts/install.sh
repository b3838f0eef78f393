#!/usr/bin/env bash
# Installs libws4d into PREFIX, or takes it away again. What was installed is written down there
# (share/libws4d/installed.txt): so another version's files go when this one comes, and uninstalling needs no build.
# usage: install.sh FOLDER_OF_THE_LIBRARY
#        install.sh --uninstall
# By the environment: DESTDIR, a folder that stands for /; PREFIX and the other places, as in stage.sh.
set -euo pipefail
argument=${1:?usage: install.sh FOLDER_OF_THE_LIBRARY | --uninstall}
[ "$argument" = --uninstall ] || argument=$(realpath "$argument")
cd "$(dirname "$0")/.."
prefix=${PREFIX:-/usr/local}
root=${DESTDIR:+$(realpath -m "$DESTDIR")}
record=${DATADIR:-$prefix/share}/libws4d/installed.txt
old=$(cat "$root$record" 2> /dev/null || true)

# Folders end with a slash, and stand before what is in them.
remove() { # the lines on standard input
    local path
    while read -r path; do
        case $path in
            '') ;;
            */) rmdir "$root$path" 2> /dev/null || true ;; # what is not empty is somebody else's, too
            *) rm -f "$root$path" ;;
        esac
    done < <(tac)
}

if [ "$argument" = --uninstall ]; then
    [ -n "$old" ] || { echo "uninstall: $root$record is not there: nothing was installed there by make install" >&2; exit 1; }
    remove <<< "$old"
    echo "uninstall: libws4d is gone from $root$prefix"
    exit
fi

mkdir -p build
stage=$(mktemp -d build/stage.XXXXXX)
trap 'rm -rf "$stage"' EXIT
scripts/stage.sh "$argument" "$stage"
install -d -m 755 "$stage$(dirname "$record")"
: > "$stage$record"

# A folder is ours if it was not there before, now or when an older version came.
ours() { # the folder, as it will be
    [ ! -d "$root$1" ] || grep -qxF "$1/" <<< "$old"
}
above=()
folder=$prefix
while [ "$folder" != / ] && ours "$folder"; do
    above=("$folder/" "${above[@]}")
    folder=$(dirname "$folder")
done
entries() { (cd "$stage" && find . -mindepth 1 -printf '%y /%P\n' | LC_ALL=C sort -k 2); } # kind, path
new=$(
    printf '%s\n' "${above[@]}"
    entries | while read -r kind path; do
        if [ "$kind" != d ]; then
            echo "$path"
        elif [[ $path == "$prefix"/* ]] && ours "$path"; then
            echo "$path/"
        fi
    done
)
echo "$new" > "$stage$record"

entries | while read -r kind path; do
    if [ "$kind" = d ]; then
        [ -d "$root$path" ] || install -d -m 755 "$root$path"
    else
        # It takes the old one's place at once: programs that run keep the library with which they began.
        cp --no-dereference --preserve=mode,links "$stage$path" "$root$path.new"
        mv -f "$root$path.new" "$root$path"
    fi
done
comm -23 <(sort <<< "$old") <(sort <<< "$new") | remove

echo "install: libws4d is in $root$prefix"
# Where the loader looks by its cache, that has to learn of it.
libdir=${LIBDIR:-$prefix/lib}
if [ -z "$root" ] && [ "$(id -u)" = 0 ] && ldconfig -N -X -v 2> /dev/null | grep "^$libdir:" > /dev/null; then
    ldconfig
fi
