"""One peer's turn: prints a line with what was shown on it. run.sh plays them all, and bounds each in time.

usage: peer.py NAME | --list
"""

import sys

import devtools
import fronts
import proxies
import servers
from host import shut_down
from talk import Run

PEERS = {
    "npm-websocket": servers.npm_websocket,
    "aiohttp": servers.aiohttp,
    "websockets": servers.websockets,
    "libwebsockets": servers.libwebsockets,
    "apache": fronts.apache,
    "nginx": fronts.nginx,
    "squid": proxies.squid,
    "dante": proxies.dante,
    "microsocks": proxies.microsocks,
    "chromium": devtools.chromium,
}


def main(name):
    if name == "--list":
        print(*PEERS, sep="\n")
        return
    with Run() as run:
        facts = PEERS[name](run)
    shut_down()
    print(f"  {name}: " + ", ".join(facts).replace(":,", ":"))


main(sys.argv[1])
