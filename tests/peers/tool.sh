#!/usr/bin/env bash
# Plays tool_talk.py: the command-line tool against nginx, websockets, Node's ws, mosquitto and Chromium, and prints the
# transcript that docs/tool.md has. Unpacks mosquitto and Chromium, where the system lacks them, into build/servers; nginx is
# scripts/setup.sh's.
# usage: tool.sh FOLDER_OF_THE_LIBRARY PROGRAM [NAME...]
set -euo pipefail
library=$(realpath "$1")/libws4d.so
program=$(realpath "$2")
shift 2
cd "$(dirname "$0")/../.."
scripts/unpack.sh build/servers mosquitto:mosquitto chromium:chromium
PATH=$PWD/build/proxies/bin:$PATH WS4D_LIBRARY=$library PYTHONPATH=tests/peers:tests/python PYTHONDONTWRITEBYTECODE=1 \
    timeout --kill-after=10 300 build/venv/bin/python -W error tests/peers/tool_talk.py "$program" "$@" > build/tool-peers.md ||
    { cat build/tool-peers.md >&2; exit 1; }
echo "peers: the tool has talked to them all; build/tool-peers.md has what was said"
