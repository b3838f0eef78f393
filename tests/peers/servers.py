"""Servers: npm's websocket, Python's aiohttp and websockets, the test server of libwebsockets."""

import json
import pathlib
import sys

import ws4d_ctypes as c
from host import ROOT, check, ws4d
from programs import Peer, Program, python_peer
from talk import MEBIBYTE, Talk, echo, expect
from unpacked import program, scratch

HERE = pathlib.Path(__file__).parent
NODE_MODULES = ROOT / "build/servers/node/node_modules"


def echo_and_end(run, peer, **settings):
    facts = echo(run, peer.url + "/echo?seen", **settings)
    expect((4000, "bye"), peer.saw("/echo?seen")[:2], "the close frame at the server")
    return facts


def npm_websocket(run):
    peer = Peer("node", str(HERE / "websocket.js"), NODE_PATH=str(NODE_MODULES))
    run.callback(peer.stop)
    # Our frames are 128 KiB long, if nothing else is said.
    refused = Talk(run, peer.url + "/echo")
    refused.send(bytes(MEBIBYTE), False)
    found, _ = refused.next()
    expect((c.WS_EVENT_TYPE_TERMINATE, 1009), (found.type, found.code), f"a frame above its limit, {found}")
    version = json.loads((NODE_MODULES / "websocket/package.json").read_text())["version"]
    facts = echo_and_end(run, peer, answer=1000, compressed=False, frame_size=65536)
    return [version, "1009 for frames above 64 KiB", "with frame_size 65536:", *facts]


def aiohttp(run):
    import aiohttp

    peer = Peer(sys.executable, str(HERE / "aiohttp_server.py"))
    run.callback(peer.stop)
    return [aiohttp.__version__, *echo_and_end(run, peer, compression=6)]


def websockets(run):
    import websockets

    peer = python_peer("deflate")
    run.callback(peer.stop)
    return [websockets.__version__, *echo_and_end(run, peer, compression=6)]


class Mirror(Talk):
    """libwebsockets' mirror sends what it gets to all who are there, cut anew, with empty messages between."""

    def gathers(self, data):
        found = b""
        while len(found) < len(data):
            found += self.message()
        expect(data, found, f"{len(data)} bytes from the mirror")

    def end(self):
        while (found := self.next()[0]).type == c.WS_EVENT_TYPE_MESSAGE:
            pass
        return found


def libwebsockets(run):
    path = program("libwebsockets-test-server").path
    server = Program(lambda port: [path, f"--port={port}", "-i", "lo"], scratch(run) / "log")
    run.callback(server.stop)
    url = f"ws://127.0.0.1:{server.port}/"
    mirror = Mirror(run, url, subprotocol=b"lws-mirror-protocol")
    for length in (1, 125, 126, 65536, MEBIBYTE):
        data = (b"0123456789abcdef" * (length // 16 + 1))[:length]
        mirror.send(data, True)
        mirror.gathers(data)
        mirror.send_in_parts(data, True)
        mirror.gathers(data)
    facts = ["text up to 1 MiB from its mirror", mirror.compression(expected=False), "sent in parts"]
    check(ws4d.ws_terminate(mirror.ws, 4000, b"bye"))
    found = mirror.end()
    expect((c.WS_EVENT_TYPE_TERMINATE, 4000, 1), (found.type, found.code, found.clean), f"the end, {found}")
    facts.append("closed with 4000")
    increment = Mirror(run, url, subprotocol=b"dumb-increment-protocol")
    expect(b"dumb-increment-protocol", ws4d.ws_get_subprotocol(increment.ws), "the subprotocol")
    first, second = int(increment.message()), int(increment.message())
    expect(first + 1, second, "its count")
    increment.send(b"closeme\n", True)
    found = increment.end()
    expect((c.WS_EVENT_TYPE_TERMINATE, 1001, b"seeya", 1), (found.type, found.code, found.reason, found.clean), "its close")
    pinging = Talk(run, url, subprotocol=b"lws-mirror-protocol")
    return [*facts, pinging.ping(), "counted by dumb-increment-protocol", "closed by it with 1001 seeya"]
