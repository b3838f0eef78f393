"""Servers that a test writes itself, with the `websockets` package, on its own loop or on a thread."""

from __future__ import annotations

import asyncio
import contextlib
import threading

from websockets.asyncio.server import serve as websockets_serve
from websockets.sync.server import serve as websockets_serve_on_threads


@contextlib.asynccontextmanager
async def serving(handler, **keywords):
    """The URL of a server that calls `await handler(connection)`."""
    keywords = {"compression": None, "ping_interval": None, **keywords}
    async with websockets_serve(handler, "127.0.0.1", 0, **keywords) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@contextlib.contextmanager
def serving_on_threads(handler, **keywords):
    """The URL of a server that calls `handler(connection)` on a thread of the connection's own."""
    server = websockets_serve_on_threads(handler, "127.0.0.1", 0, **{"compression": None, "ping_interval": None, **keywords})
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
    finally:
        server.shutdown()
        thread.join()


async def echo(connection):
    async for message in connection:
        await connection.send(message)


async def say_nothing(connection):
    await connection.wait_closed()


async def turns(count=3):
    """Lets others on the loop run."""
    for _ in range(count):
        await asyncio.sleep(0)
