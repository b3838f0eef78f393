"""The client for asyncio, on any event loop that has `add_reader` (asyncio's own on POSIX, uvloop).

    async with ws4d.connect("wss://feed.example") as ws:
        await ws.send("hello")
        async for message in ws:
            print(message)

The loop watches one descriptor for each connection, and pulls what is there in batches; the library never calls into Python.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Generator, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal

from .._options import TLS, OptionValue, Path, Settings
from ..typing import HeadersLike, LoggerLike, Origin, Subprotocol
from ._connection import ClientConnection
from ._reconnect import Waits, process_exception, said

__all__ = ["ClientConnection", "connect", "process_exception", "unix_connect"]


class connect:
    """Connects to a WebSocket server: a context manager, an awaitable, and an endless iterator of connections.

    `async with connect(uri) as ws` closes the connection at the end of the block. `ws = await connect(uri)` leaves that to
    the caller. `async for ws in connect(uri)` gives a new connection whenever the body has ended (with `continue`, where it
    has caught a ConnectionClosed), and waits between attempts.

    The keywords are those of the `websockets` package. What differs:

    - `ssl` takes a `ws4d.TLS`, which names files; there is no `sock`, and no `extensions`.
    - `max_size` (64 MiB) limits what is sent, too. None: no limit.
    - `write_limit` (1 MiB) is how many bytes wait for the network before `send` does.
    - `compression` is also a level from 1 to 9; None: none is offered.
    - `options` sets any option of the library by its name in ws4d.h: `options={"idle_timeout_ms": 60000}`. Not
      `part_size`: a message always arrives as a whole.

    Raises InvalidURI, another ConnectionFailed (which is an OSError, with the stack of errors), or ValueError where a keyword
    is wrong.
    """

    def __init__(
        self,
        uri: str,
        *,
        origin: Origin | str | None = None,
        subprotocols: Sequence[Subprotocol | str] | None = None,
        compression: str | int | None = "deflate",
        additional_headers: HeadersLike | None = None,
        user_agent_header: str | None | Literal[True] = True,
        proxy: str | Literal[True] | None = True,
        process_exception: Callable[[Exception], Exception | None] = process_exception,
        open_timeout: float | None = 10,
        ping_interval: float | None = 20,
        ping_timeout: float | None = 20,
        close_timeout: float | None = 10,
        max_size: int | None = 64 * 2**20,
        max_queue: int | None | tuple[int | None, int | None] = 1024,
        write_limit: int = 2**20,
        max_redirects: int = 10,
        logger: LoggerLike | None = None,
        ssl: TLS | bool | None = None,
        server_hostname: str | None = None,
        host: str | None = None,
        port: int | None = None,
        local_addr: tuple[str, int] | str | None = None,
        path: Path | None = None,
        options: Mapping[str, OptionValue | list[OptionValue]] | None = None,
        create_connection: type[ClientConnection] | None = None,
    ) -> None:
        self.uri = uri
        self.process_exception = process_exception
        self._create = create_connection or ClientConnection
        self._max_queue = max_queue
        self._logger: LoggerLike = logger or logging.getLogger("ws4d.client")
        self._settings = Settings(
            ssl=ssl, server_hostname=server_hostname, host=host, port=port, local_addr=local_addr, path=path, origin=origin,
            subprotocols=subprotocols, compression=compression, additional_headers=additional_headers,
            user_agent_header=user_agent_header, proxy=proxy, open_timeout=open_timeout, ping_interval=ping_interval,
            ping_timeout=ping_timeout, close_timeout=close_timeout, max_size=max_size, write_limit=write_limit,
            max_redirects=max_redirects, options=options or {},
        )  # fmt: skip

    async def _open(self) -> ClientConnection:
        self.connection = self._create(self.uri, self._settings, self._max_queue, self._logger)
        await self.connection._opened()
        return self.connection

    def __await__(self) -> Generator[Any, None, ClientConnection]:
        return self._open().__await__()

    async def __aenter__(self) -> ClientConnection:
        return await self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.connection.close()

    async def __aiter__(self) -> AsyncIterator[ClientConnection]:
        waits = Waits()
        while True:
            try:
                connection = await self
            except Exception as exception:
                why = self.process_exception(exception)
                if why is exception:
                    raise
                if why is not None:
                    raise why from exception
                delay = waits.after_failure(exception)
                self._logger.info("connect failed; reconnecting in %.1f seconds: %s", delay, said(exception))
                await asyncio.sleep(delay)
                continue
            waits.opened()
            try:
                yield connection
            finally:
                await connection.close()
            if delay := waits.after_end():
                await asyncio.sleep(delay)


def unix_connect(path: Path | None = None, uri: str | None = None, **keywords: Any) -> connect:
    """Connects to a Unix socket. The URI gives the Host header and the path; by default it is `ws://localhost/`."""
    if uri is None:
        uri = "ws://localhost/" if keywords.get("ssl") is None else "wss://localhost/"
    return connect(uri, path=path, **keywords)
