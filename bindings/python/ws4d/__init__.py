"""A WebSocket client: libws4d for Python, with the names of the `websockets` package.

    import asyncio
    import ws4d

    async def main():
        async with ws4d.connect("wss://feed.example") as ws:
            await ws.send("hello")
            async for message in ws:
                print(message)

    asyncio.run(main())

`ws4d.sync.client.connect` is the same for programs without an event loop, and `ws4d.WebSocketApp` calls functions.
"""

from ._header import WS4D_VERSION_STRING as __version__
from ._options import TLS
from ._response import Headers, Response
from .app import WebSocketApp
from .asyncio.client import ClientConnection, connect, unix_connect
from .exceptions import *  # noqa: F403
from .exceptions import __all__ as _exceptions
from .frames import Close, CloseCode
from .protocol import State
from .typing import Data, Origin, Subprotocol

__all__ = [
    "TLS",
    "ClientConnection",
    "Close",
    "CloseCode",
    "Data",
    "Headers",
    "Origin",
    "Response",
    "State",
    "Subprotocol",
    "WebSocketApp",
    "__version__",
    "connect",
    "unix_connect",
    *_exceptions,
]
