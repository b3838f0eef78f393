"""aiohttp: its client, as a coroutine."""

import asyncio

import aiohttp

from common import Arguments, Clock, finish, unsupported

arguments = Arguments()


async def round_trips(ws, count):
    for _ in range(count):
        await ws.send_str(arguments.payload)
        await ws.receive()


async def main():
    kind, count = arguments.kind, arguments.count
    if arguments.deflate:
        unsupported()
    async with aiohttp.ClientSession() as session:

        async def connect():
            return await session.ws_connect(arguments.url, ssl=arguments.tls or True, max_msg_size=64 << 20)

        if kind == "echo":
            ws = await connect()
            await round_trips(ws, count // 10 + 1)
            clock = Clock()
            await round_trips(ws, count)
        elif kind == "receive":
            ws = await connect()
            clock = Clock()
            await ws.send_str("")
            for _ in range(count):
                await ws.receive()
        elif kind == "send":
            ws = await connect()
            clock = Clock()
            for _ in range(count):
                await ws.send_str(arguments.payload)
            await ws.receive()
        elif kind == "connect":
            for n in range(count + count // 10 + 1):
                if n == count // 10 + 1:
                    clock = Clock()
                await (await connect()).close()
        else:
            unsupported()
        clock.print(count)
        finish()


asyncio.run(main())
