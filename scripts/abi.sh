#!/usr/bin/env bash
# Whether programs that were built with the header of an earlier release (tests/abi) run with this library: compares the headers
# by abidiff over objects that gcc makes of them and by the rules that abidiff has not (scripts/abi.py), the names that the
# library exports, and its soname. docs/abi.md has the promise. Installs abidiff (Debian's abigail-tools) if it is missing.
# usage: abi.sh LIBRARY
#        abi.sh --rules LIBRARY     without abidiff: what gcc and nm can tell
#        abi.sh --header HEADER     this header instead of include/ws4d.h, and no library
#        abi.sh --planted           plants changes in copies of the header: the bad ones must be found, the good ones accepted
set -euo pipefail
mode=${1:?usage: abi.sh LIBRARY | --header HEADER | --planted}
argument=$(realpath "${2:-$1}" 2> /dev/null || true)
cd "$(dirname "$0")/.."
first=tests/abi/0.1.0
folder=build/abi
mkdir -p "$folder"

if [ "$mode" != --rules ] && ! command -v abidiff > /dev/null; then
    echo "abi: installing abigail-tools"
    as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
    as_root apt-get -qq update
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends abigail-tools > /dev/null
fi

object() { # header, object: a library that refers to every function and type of the header
    local include=$2.include
    mkdir -p "$include"
    cp "$1" "$include/ws4d.h"
    scripts/abi.py probe "$1" > "$2.c"
    gcc -std=c11 -Wall -Werror -g -fPIC -shared -nostdlib -I"$include" -o "$2" "$2.c"
}

headers() { # release, header: 0 if programs of that release can live with it
    local wrong=0 first=$1
    shift
    object "$first/ws4d.h" "$folder/first.so"
    object "$1" "$folder/now.so"
    abidiff --no-added-syms --suppressions tests/abi/growth.abignore "$folder/first.so" "$folder/now.so" >&2 || wrong=1
    scripts/abi.py rules "$first/ws4d.h" "$1" || wrong=1
    return $wrong
}

names() { # release, library: 0 if it exports what that release did, under the name by which that is loaded
    local wrong=0 gone soname first=$1
    shift
    gone=$(comm -23 <(awk 'NF && $1 !~ /^#/ { print $1 }' "$first/ws4d.symbols" | sort) \
        <(nm --dynamic --defined-only --format=just-symbols "$1" | sort))
    if [ -n "$gone" ]; then
        echo "abi: the library exports no more:" $gone >&2
        wrong=1
    fi
    soname=$(readelf --dynamic --wide "$1" | sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p')
    if [ "$soname" != "$(cat "$first/soname")" ]; then
        echo "abi: the soname is '$soname', and was '$(cat "$first/soname")'" >&2
        wrong=1
    fi
    return $wrong
}

# Each is a sed script that is played on the first edition's header, and what must come of it.
planted() {
    local verdict change why found status=0
    while IFS='|' read -r verdict why change; do
        case $verdict in '' | '#'*) continue ;; esac
        sed -E "$change" "$first/ws4d.h" > "$folder/planted.h"
        if cmp -s "$first/ws4d.h" "$folder/planted.h"; then
            echo "abi: nothing was planted: $why" >&2
            status=1
            continue
        fi
        found=good
        headers "$first" "$folder/planted.h" > "$folder/planted.log" 2>&1 || found=bad
        if [ $found = "$verdict" ]; then
            echo "  $verdict: $why"
        else
            echo "abi: this is $verdict, and was found $found: $why" >&2
            cat "$folder/planted.log" >&2
            status=1
        fi
    done < tests/abi/planted.txt
    return $status
}

status=0
[ "$mode" != --planted ] || { planted; exit; }
for release in tests/abi/[0-9]*; do
    case $mode in
        --header) headers "$release" "$argument" || status=1 ;;
        --rules)
            scripts/abi.py rules "$release/ws4d.h" include/ws4d.h || status=1
            names "$release" "$argument" || status=1
            ;;
        *)
            headers "$release" include/ws4d.h || status=1
            names "$release" "$argument" || status=1
            ;;
    esac
done
exit $status
