#!/usr/bin/env bash
# Talks to other people's servers and proxies, on loopback, and prints a line for each with what was shown. Unpacks what the
# system lacks into build/servers first, and says what that is; nothing is installed. Uses what scripts/setup.sh gets: nginx,
# microsocks, and the Python packages.
# usage: run.sh FOLDER_OF_THE_LIBRARY [NAME...]       (names as the lines begin; without any: all)
set -euo pipefail
library=$(realpath "$1")/libws4d.so
shift
cd "$(dirname "$0")/../.."

scripts/unpack.sh build/servers apache2:apache2-bin squid:squid danted:dante-server chromium:chromium \
    libwebsockets-test-server:libwebsockets-test-server
node=build/servers/node
if ! cmp -s tests/peers/package.json "$node/node_modules/package.json"; then
    echo "peers: the npm package websocket goes into $node"
    mkdir -p "$node"
    cp tests/peers/package.json "$node"
    timeout 300 npm install --silent --no-audit --no-fund --no-package-lock --prefix "$node" > /dev/null
    cp tests/peers/package.json "$node/node_modules"
fi

peer() {
    PATH=$PWD/build/proxies/bin:$PATH WS4D_LIBRARY=$library PYTHONPATH=tests/peers:tests/python PYTHONDONTWRITEBYTECODE=1 \
        timeout --kill-after=10 120 build/venv/bin/python -W error tests/peers/peer.py "$1"
}
if [ $# = 0 ]; then
    mapfile -t names < <(peer --list)
else
    names=("$@")
fi
[ ${#names[@]} -gt 0 ] || { echo "peers: there is no list" >&2; exit 1; }
failed=()
for name in "${names[@]}"; do
    status=0
    said=$(peer "$name" 2>&1) || status=$?
    printf '%s\n' "$said"
    [ "$status" = 0 ] || { echo "peers: $name failed (status $status; 124: it took longer than two minutes)" >&2; failed+=("$name"); }
done
[ ${#failed[@]} = 0 ] || exit 1
echo "peers: all is well with ${#names[@]} servers and proxies"
