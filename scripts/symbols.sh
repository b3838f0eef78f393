#!/usr/bin/env bash
# Compares what the library exports with include/ws4d.symbols and with what the header declares.
# usage: symbols.sh LIBRARY       (NM: the nm that reads it)
set -euo pipefail
library=$(realpath "$1")
cd "$(dirname "$0")/.."

exported=$("${NM:-nm}" --dynamic --defined-only --format=just-symbols "$library" | sort)
listed=$(sed 's/#.*//' include/ws4d.symbols | awk 'NF { print $1 }' | sort)
declared=$(gcc -fpreprocessed -dD -E -P -x c include/ws4d.h | tr '\n' ' ' | grep -oE '\bws_[a-z0-9_]+ *\(' | tr -d ' (' | sort -u)

status=0
compare() { # name, names
    if ! difference=$(diff <(echo "$exported") <(echo "$2")); then
        echo "symbols: what the library exports (<) is not what $1 (>):" >&2
        echo "$difference" >&2
        status=1
    fi
}
compare "include/ws4d.symbols lists" "$listed"
compare "include/ws4d.h declares" "$declared"
exit $status
