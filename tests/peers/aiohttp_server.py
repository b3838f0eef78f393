"""A server made with the Python package aiohttp, which agrees to compression. Sends each message back.

What it prints, and how it ends, is written in ../python/peer_websockets.py; it looks at each close frame before it answers
with its code, because aiohttp by itself answers with 1000.
"""

import asyncio
import json
import sys

from aiohttp import WSMsgType, web


async def echo(request):
    connection = web.WebSocketResponse(max_msg_size=0, autoclose=False)
    await connection.prepare(request)
    messages = 0
    while (message := await connection.receive()).type in (WSMsgType.TEXT, WSMsgType.BINARY):
        messages += 1
        if message.type == WSMsgType.TEXT:
            await connection.send_str(message.data)
        else:
            await connection.send_bytes(message.data)
    code, reason = (message.data, message.extra or "") if message.type == WSMsgType.CLOSE else (1006, "")
    print(json.dumps({"closed": request.path_qs, "code": code, "reason": reason, "messages": messages}), flush=True)
    if message.type == WSMsgType.CLOSE:
        await connection.close(code=code, message=reason.encode())
    return connection


async def main():
    application = web.Application()
    application.router.add_get("/echo", echo)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.to_thread(sys.stdin.read)


asyncio.run(main())
