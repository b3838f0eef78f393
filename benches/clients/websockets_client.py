"""websockets: its asyncio client."""

import asyncio
import itertools

from websockets.asyncio.client import connect as websockets_connect
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

from common import Arguments, Clock, finish, unsupported

arguments = Arguments()


def connect():
    extensions = None
    if arguments.deflate:
        fresh = "/fresh/" in arguments.url
        extensions = [
            ClientPerMessageDeflateFactory(
                server_no_context_takeover=fresh, client_no_context_takeover=fresh, compress_settings={"level": 6}
            )
        ]
    return websockets_connect(
        arguments.url,
        ssl=arguments.tls,
        compression=None,
        extensions=extensions,
        max_size=64 << 20,
        ping_interval=None,
        proxy=None,
    )


async def round_trips(ws, messages, count):
    for _ in range(count):
        await ws.send(next(messages))
        await ws.recv()


async def main():
    kind, count = arguments.kind, arguments.count
    if kind in ("echo", "deflate"):
        messages = itertools.cycle(arguments.lines or [arguments.payload])
        ws = await connect()
        await round_trips(ws, messages, count // 10 + 1)
        clock = Clock()
        await round_trips(ws, messages, count)
    elif kind == "receive":
        ws = await connect()
        clock = Clock()
        await ws.send("")
        for _ in range(count):
            await ws.recv()
    elif kind == "send":
        ws = await connect()
        clock = Clock()
        for _ in range(count):
            await ws.send(arguments.payload)
        await ws.recv()
    elif kind == "connect":
        for n in range(count + count // 10 + 1):
            if n == count // 10 + 1:
                clock = Clock()
            ws = await connect()
            await ws.close()
    else:
        unsupported()
    clock.print(count)
    finish()


asyncio.run(main())
