"""A server made with aiohttp: /echo, /close (4001 "bye"), /ping (says "the pong came"). Prints its port, ends with its input."""

import asyncio
import sys

from aiohttp import WSMsgType, web


async def echo(request):
    ws = web.WebSocketResponse(protocols=("second",), autoping=request.path != "/ping")
    await ws.prepare(request)
    if request.path == "/close":
        await ws.close(code=4001, message=b"bye")
        return ws
    if request.path == "/ping":
        await ws.ping(b"from the server")
    async for message in ws:
        if message.type is WSMsgType.TEXT:
            await ws.send_str(message.data)
        elif message.type is WSMsgType.BINARY:
            await ws.send_bytes(message.data)
        elif message.type is WSMsgType.PONG:
            await ws.send_str("the pong came")
    return ws


async def main():
    application = web.Application()
    application.router.add_get("/{path:echo|close|ping}", echo)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(site._server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await runner.cleanup()


asyncio.run(main())
