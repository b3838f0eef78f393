#!/usr/bin/env bash
# Runs one way of scripts/new-user.sh inside of its root, in /root: prints how long each step took, which packages there are
# before and after it, and how large what is not a package is.
# usage: inside.sh WAY URL
# shellcheck source=/dev/null
set -euo pipefail
url=$2
cd /root
step() { # name, command...: how many microseconds it took
    local begun=${EPOCHREALTIME/./}
    "${@:2}" > log 2>&1 || { echo "failed: ${*:2}"; cat log; exit 1; } >&2
    echo "step $1 $((${EPOCHREALTIME/./} - begun))"
}
install() { DEBIAN_FRONTEND=noninteractive apt-get --quiet --yes --no-install-recommends install "$@"; }
get() { apt-get --quiet update && install "$@"; }
says_hello() {
    local said
    said=$("$@" "$url")
    [ "$said" = "the server says: hello, world" ] || { echo "it said: $said"; return 1; }
}
packages() { dpkg-query --show --showformat "$1 \${Installed-Size} \${Package}\n"; }

packages before
. "./$1.sh"
packages after
for place in /usr/local /opt venv/lib/python3*/site-packages/ws4d*; do
    [ ! -e "$place" ] || find "$place" -type f -printf '%s\n' | awk '{ bytes += $1 } END { print "ours", bytes / 1000 }'
done
