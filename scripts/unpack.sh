#!/usr/bin/env bash
# Unpacks programs of Debian's packages, as far as the system has them not, into a folder: the packages with the signatures
# that apt checks, and the libraries that they want. Nothing is installed: no service starts, now or after a boot, and no
# user is made. FOLDER/bin is for the PATH. Does nothing, fast, when all is there.
# usage: unpack.sh FOLDER [--all] PROGRAM:PACKAGE...       (--all: those, too, that the system has)
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$PWD/$1
shift
all=
[ "$1" != --all ] || { all=1; shift; }

packages=()
programs=()
for pair in "$@"; do
    [ ! -x "$folder/bin/${pair%:*}" ] || continue
    # /usr/sbin is not in everybody's PATH.
    [ -z "$all" ] && PATH="$PATH:/usr/sbin" command -v "${pair%:*}" > /dev/null && continue
    programs+=("${pair%:*}")
    packages+=("${pair#*:}")
done
[ ${#packages[@]} -gt 0 ] || exit 0
if ! command -v apt-get > /dev/null; then
    echo "setup: please install: ${programs[*]}" >&2
    exit 1
fi

echo "setup: unpacking ${packages[*]} into ${folder#"$PWD"/}"
mkdir -p "$folder"/{packages/partial,bin}
apt=(apt-get -qq -o "Dir::Cache::archives=$folder/packages" -o Debug::NoLocking=1 -o APT::Sandbox::User=root)
download() {
    # What apt would install: the packages, and all that they want and the system lacks. --reinstall: also if it has them.
    "${apt[@]}" --download-only --no-install-recommends --reinstall install "${packages[@]}"
}
if ! download > "$folder/log" 2>&1; then
    echo "setup: the system's lists of packages are missing or too old: apt-get update"
    as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
    as_root apt-get -qq update
    download > "$folder/log" 2>&1 || { cat "$folder/log" >&2; exit 1; }
fi
for package in "$folder"/packages/*.deb; do
    # Another C library than the loader's would not run; the system's must do.
    [[ $(basename "$package") == libc6_* ]] || dpkg-deb --extract "$package" "$folder/root"
done
rm -rf "$folder/packages"

# Each is run with the libraries that came with it, where there are any.
libraries=$(find "$folder/root" \( -name '*.so.*' -o -name 'lib*.so' \) -printf '%h\n' | sort -u | paste -sd :)
for program in "${programs[@]}"; do
    # A program that has a folder of its own is in there; what is in /usr/bin is a script then, which looks for /usr/lib.
    binary=$(find "$folder/root/usr/lib/$program" "$folder/root/usr/sbin" "$folder/root/usr/bin" -name "$program" -type f 2> /dev/null | head -n 1 || true)
    [ -n "$binary" ] || { echo "setup: no $program in ${packages[*]}" >&2; exit 1; }
    {
        echo '#!/bin/sh'
        [ -z "$libraries" ] || printf 'export LD_LIBRARY_PATH="%s${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"\n' "$libraries"
        printf 'exec "%s" "$@"\n' "$binary"
    } > "$folder/bin/$program"
    chmod +x "$folder/bin/$program"
done
