#!/usr/bin/env bash
# Unpacks the proxies of the tests (nginx, haproxy, tinyproxy, microsocks), as far as the system has them not, into
# build/proxies.
# usage: proxies.sh [--all]       (--all: those, too, that the system has)
set -euo pipefail
exec "$(dirname "$0")/unpack.sh" build/proxies "$@" nginx:nginx haproxy:haproxy tinyproxy:tinyproxy-bin microsocks:microsocks
