"""picows: a listener whose functions are called from the event loop (uvloop is not used: asyncio's own)."""

import asyncio

from picows import WSCloseCode, WSListener, WSMsgType, ws_connect

from common import Arguments, Clock, finish, unsupported

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


async def connect():
    _, client = await ws_connect(Client, arguments.url, ssl_context=arguments.tls)
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


asyncio.run(main())
