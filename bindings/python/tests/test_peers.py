"""Servers that other people wrote: websockets, aiohttp, Node's ws. The same conversation with each, by each client."""

import asyncio
import pathlib
import sys

import pytest
import ws4d
from programs import Peer, node_peer, python_peer
from ws4d.sync.client import connect

PEERS = {
    "websockets": lambda: python_peer("deflate"),
    "aiohttp": lambda: Peer(sys.executable, str(pathlib.Path(__file__).with_name("peer_aiohttp.py"))),
    "ws": lambda: node_peer("deflate"),
}
MESSAGES = ["tschüß 😀", b"\x00\x01\xfe", "", b"", "compress me " * 1000, "x" * 200_000, bytes(range(256)) * 1000]


@pytest.fixture(scope="module", params=PEERS)
def peer(request):
    peer = PEERS[request.param]()
    yield peer
    peer.stop()


async def test_a_conversation(peer):
    async with ws4d.connect(peer.url + "/echo", subprotocols=["first", "second"]) as ws:
        assert ws.subprotocol == "second"
        for message in MESSAGES:
            await ws.send(message)
            assert await ws.recv() == message
        await asyncio.gather(*(ws.send(str(number)) for number in range(1000)))
        assert [int(await ws.recv()) for _ in range(1000)] == list(range(1000))
        assert await (await ws.ping()) > 0
    assert ws.close_code == 1000


async def test_the_server_s_ping_is_answered(peer):
    async with ws4d.connect(peer.url + "/ping") as ws:
        assert await ws.recv() == "the pong came"


async def test_the_server_s_close_is_told(peer):
    async with ws4d.connect(peer.url + "/close?code=4001&reason=bye") as ws:
        with pytest.raises(ws4d.ConnectionClosedError) as caught:
            await ws.recv()
    assert (caught.value.rcvd, caught.value.sent.code) == (ws4d.Close(4001, "bye"), 4001)


def test_a_blocking_conversation(peer):
    with connect(peer.url + "/echo") as ws:
        for message in MESSAGES:
            ws.send(message)
            assert ws.recv() == message
        assert ws.ping().wait(30)
    assert ws.close_code == 1000


def test_an_app_s_conversation(peer):
    received = []

    def on_message(app, message):
        received.append(message)
        if len(received) == 2:
            app.close()

    app = ws4d.WebSocketApp(peer.url + "/echo", on_open=lambda app: (app.send("one"), app.send_bytes(b"two")))
    app.on_message = on_message
    assert app.run_forever() is False
    assert received == ["one", b"two"]
