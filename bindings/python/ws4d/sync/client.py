"""The client for programs without an event loop.

    from ws4d.sync.client import connect

    with connect("wss://feed.example") as ws:
        ws.send("hello")
        for message in ws:
            print(message)

Any method may be called from any thread, and waits without holding the interpreter up; Ctrl-C ends a wait.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from .._options import TLS, OptionValue, Path, Settings
from ..typing import HeadersLike, LoggerLike, Origin, Subprotocol
from ._connection import ClientConnection

__all__ = ["ClientConnection", "connect", "unix_connect"]


def connect(
    uri: str,
    *,
    origin: Origin | str | None = None,
    subprotocols: Sequence[Subprotocol | str] | None = None,
    compression: str | int | None = "deflate",
    additional_headers: HeadersLike | None = None,
    user_agent_header: str | None | Literal[True] = True,
    proxy: str | Literal[True] | None = True,
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
) -> ClientConnection:
    """Connects to a WebSocket server, and waits until that has succeeded or failed.

    `with connect(uri) as ws` closes the connection at the end of the block. The keywords are those of `ws4d.connect`.

    Raises InvalidURI, another ConnectionFailed (which is an OSError, with the stack of errors), or ValueError where a keyword
    is wrong.
    """
    settings = Settings(
        ssl=ssl, server_hostname=server_hostname, host=host, port=port, local_addr=local_addr, path=path, origin=origin,
        subprotocols=subprotocols, compression=compression, additional_headers=additional_headers,
        user_agent_header=user_agent_header, proxy=proxy, open_timeout=open_timeout, ping_interval=ping_interval,
        ping_timeout=ping_timeout, close_timeout=close_timeout, max_size=max_size, write_limit=write_limit,
        max_redirects=max_redirects, options=options or {},
    )  # fmt: skip
    connection = (create_connection or ClientConnection)(uri, settings, max_queue, logger)
    connection._opened()
    return connection


def unix_connect(path: Path | None = None, uri: str | None = None, **keywords: Any) -> ClientConnection:
    """Connects to a Unix socket. The URI gives the Host header and the path; by default it is `ws://localhost/`."""
    if uri is None:
        uri = "ws://localhost/" if keywords.get("ssl") is None else "wss://localhost/"
    return connect(uri, path=path, **keywords)
