"""picows: a listener whose functions are called from the event loop (uvloop is not used: asyncio's own).

usage: picows_client.py [coroutine] KIND URL SIZE N CA-FILE DATA-FILE, see bench.h

As a coroutine the listener queues a str for each message, and a coroutine awaits one after the other: what a program has to
write that wants `await`, for picows has functions alone.
"""

import asyncio
import collections
import sys

from picows import WSCloseCode, WSListener, WSMsgType, ws_connect

from common import Arguments, Clock, finish, unsupported

as_coroutine = sys.argv[1] == "coroutine"
if as_coroutine:
    del sys.argv[1]
arguments = Arguments()
payload = arguments.payload.encode()


class Client(WSListener):
    def __init__(self):
        self.left = 0
        self.echoes = False
        self.done = asyncio.get_running_loop().create_future()
        self.closed = asyncio.get_running_loop().create_future()

    def on_ws_connected(self, transport):
        self.transport = transport

    def on_ws_frame(self, transport, frame):
        if frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()
            return
        self.left -= 1
        if self.left == 0:
            self.done.set_result(None)
        elif self.echoes:
            transport.send(WSMsgType.TEXT, payload)

    def on_ws_disconnected(self, transport):
        self.closed.set_result(None)

    async def wait(self):
        await self.done
        self.done = asyncio.get_running_loop().create_future()

    async def round_trips(self, count):
        self.left, self.echoes = count, True
        self.transport.send(WSMsgType.TEXT, payload)
        await self.wait()


class Queue(WSListener):
    def __init__(self):
        self.messages = collections.deque()
        self.waiter = None

    def on_ws_connected(self, transport):
        self.transport = transport

    def on_ws_frame(self, transport, frame):
        if frame.msg_type == WSMsgType.TEXT:
            self.messages.append(frame.get_payload_as_utf8_text())
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)

    async def recv(self):
        while not self.messages:
            self.waiter = asyncio.get_running_loop().create_future()
            await self.waiter
            self.waiter = None
        return self.messages.popleft()


async def coroutine():
    kind, count = arguments.kind, arguments.count
    if arguments.deflate or kind not in ("echo", "receive"):
        unsupported()
    queue = await connect(Queue)
    if kind == "echo":
        for _ in range(count // 10 + 1):
            queue.transport.send(WSMsgType.TEXT, payload)
            await queue.recv()
        clock = Clock()
        for _ in range(count):
            queue.transport.send(WSMsgType.TEXT, payload)
            await queue.recv()
    else:
        clock = Clock()
        queue.transport.send(WSMsgType.TEXT, b"")
        for _ in range(count):
            await queue.recv()
    clock.print(count)
    finish()


async def connect(listener=Client):
    _, client = await ws_connect(listener, arguments.url, ssl_context=arguments.tls)
    return client


async def main():
    kind, count = arguments.kind, arguments.count
    if arguments.deflate:
        unsupported()
    if kind == "echo":
        client = await connect()
        await client.round_trips(count // 10 + 1)
        clock = Clock()
        await client.round_trips(count)
    elif kind == "receive":
        client = await connect()
        client.left = count
        clock = Clock()
        client.transport.send(WSMsgType.TEXT, b"")
        await client.wait()
    elif kind == "send":
        client = await connect()
        client.left = 1
        clock = Clock()
        for n in range(count):
            client.transport.send(WSMsgType.TEXT, payload)
        await client.wait()
    elif kind == "connect":
        for n in range(count + count // 10 + 1):
            if n == count // 10 + 1:
                clock = Clock()
            client = await connect()
            client.transport.send_close(WSCloseCode.OK)
            await client.closed
    else:
        unsupported()
    clock.print(count)
    finish()


asyncio.run(coroutine() if as_coroutine else main())
