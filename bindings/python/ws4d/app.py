"""A client that calls functions, in the manner of the `websocket-client` package.

    def on_message(app, message):
        print(message)

    app = ws4d.WebSocketApp("wss://feed.example", on_message=on_message)
    app.run_forever()

The functions run on the thread that is inside `run_forever`, one at a time. Other threads may send and close meanwhile.
"""

from __future__ import annotations

import collections
import logging
import ssl as ssl_module
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Union

from ._options import TLS
from .exceptions import ConnectionClosed, ConnectionFailed, closed
from .sync._connection import ClientConnection
from .sync.client import connect
from .typing import Data, DataLike

__all__ = ["OPCODE_BINARY", "OPCODE_PING", "OPCODE_PONG", "OPCODE_TEXT", "WebSocketApp"]

OPCODE_TEXT, OPCODE_BINARY, OPCODE_PING, OPCODE_PONG = 1, 2, 9, 10

Header = Union[Mapping[str, str], Iterable[str], Callable[[], Any], None]


def _pairs(header: Header) -> list[tuple[str, str]]:
    """Headers as a mapping, as `Name: value` lines, or as a function that gives either."""
    given: Any = header() if callable(header) else header
    if isinstance(given, Mapping):
        return list(given.items())
    lines = [line.partition(":") for line in given or ()]
    return [(name.strip(), value.strip()) for name, _, value in lines]


def _tls(sslopt: Mapping[str, Any]) -> TLS:
    """The `sslopt` of websocket-client, as far as it names files and says what is verified."""
    known = {"ca_certs", "ca_cert", "certfile", "keyfile", "cert_reqs", "check_hostname", "server_hostname"}
    if unknown := set(sslopt) - known:
        raise TypeError(f"sslopt: libws4d knows nothing of {', '.join(sorted(unknown))}")
    if sslopt.get("check_hostname") is False and sslopt.get("cert_reqs") != ssl_module.CERT_NONE:
        raise ValueError("sslopt: check_hostname cannot be off alone; give server_hostname, or cert_reqs=ssl.CERT_NONE")
    return TLS(
        ca_file=sslopt.get("ca_certs") or sslopt.get("ca_cert") or (),
        certificate_file=sslopt.get("certfile"),
        key_file=sslopt.get("keyfile"),
        verify=sslopt.get("cert_reqs") != ssl_module.CERT_NONE,
    )


def _proxy(host: str | None, port: int | str | None, auth: tuple[str, str] | None, kind: str) -> str | bool:
    if not host:
        return True
    from urllib.parse import quote

    user = f"{quote(auth[0], safe='')}:{quote(auth[1], safe='')}@" if auth else ""
    return f"{kind}://{user}{host}" + (f":{port}" if port else "")


class _Connection(ClientConnection):
    """A connection whose pongs wait for the program, as its messages do."""

    def __init__(self, *arguments: Any) -> None:
        self._pongs: collections.deque[bytes] = collections.deque()
        super().__init__(*arguments)

    def _ponged(self, data: bytes) -> None:
        super()._ponged(data)
        self._pongs.append(data)

    def take(self) -> tuple[list[Data], list[bytes]]:
        """Waits, and gives the messages and the pongs that are there; ConnectionClosed behind the last of them."""
        with self._told:
            self._until(lambda: bool(self._queue or self._pongs))
            messages, pongs = self._take_batch(None), list(self._pongs)
            self._pongs.clear()
            if not messages and not pongs and self._over:
                raise self._closed_exception()
            self._taken()
        return messages, pongs


class WebSocketApp:
    """Calls `on_open(app)`, `on_message(app, message)`, `on_data(app, message, opcode, True)`, `on_pong(app, data)`,
    `on_error(app, exception)`, `on_reconnect(app)` and `on_close(app, code, reason)`.

    A message is a str from a text frame and bytes from a binary frame. An exception in one of the functions goes to
    `on_error`, or to the log, and the connection goes on; KeyboardInterrupt and SystemExit close it and go on their way.
    `header` may be a function, which is asked again before each connection. Keywords that ws4d has beyond that package's are
    those of `ws4d.connect`: `compression`, `max_size`, `options` and the others.
    """

    def __init__(
        self,
        url: str,
        header: Header = None,
        on_open: Callable[..., Any] | None = None,
        on_reconnect: Callable[..., Any] | None = None,
        on_message: Callable[..., Any] | None = None,
        on_error: Callable[..., Any] | None = None,
        on_close: Callable[..., Any] | None = None,
        on_pong: Callable[..., Any] | None = None,
        on_data: Callable[..., Any] | None = None,
        *,
        cookie: str | None = None,
        subprotocols: list[str] | None = None,
        **keywords: Any,
    ) -> None:
        self.url = url
        self.header = header
        self.on_open, self.on_reconnect, self.on_message = on_open, on_reconnect, on_message
        self.on_error, self.on_close, self.on_pong, self.on_data = on_error, on_close, on_pong, on_data
        self.cookie, self.subprotocols = cookie, subprotocols
        self.keep_running = False
        self.sock: ClientConnection | None = None
        self._keywords = keywords
        self._stopped = threading.Event()

    # --- running

    def run_forever(
        self,
        *,
        sslopt: Mapping[str, Any] | None = None,
        ping_interval: float = 0,
        ping_timeout: float | None = None,
        http_proxy_host: str | None = None,
        http_proxy_port: int | str | None = None,
        http_proxy_auth: tuple[str, str] | None = None,
        proxy_type: str = "http",
        origin: str | None = None,
        reconnect: float | None = None,
    ) -> bool:
        """Connects and calls functions until the connection ends, and says whether it ended badly.

        With `reconnect` it connects again so many seconds after each end that `close()` did not make.
        """
        keywords = dict(self._keywords)
        if sslopt:
            keywords["ssl"] = _tls(sslopt)
            keywords["server_hostname"] = sslopt.get("server_hostname")
        if http_proxy_host:
            keywords["proxy"] = _proxy(http_proxy_host, http_proxy_port, http_proxy_auth, proxy_type)
        keywords.update(ping_interval=ping_interval or None, ping_timeout=ping_timeout, origin=origin)
        self._stopped.clear()
        self.keep_running = True
        badly, again = False, False
        try:
            while True:
                badly = self._run_once(keywords, again)
                again = True
                if not reconnect or not self.keep_running or self._stopped.wait(reconnect):
                    return badly
        finally:
            self.keep_running = False

    def _run_once(self, keywords: dict[str, Any], again: bool) -> bool:
        headers = _pairs(self.header)
        if self.cookie:
            headers.append(("Cookie", self.cookie))
        try:
            connection = connect(
                self.url,
                additional_headers=headers,
                subprotocols=self.subprotocols,
                create_connection=_Connection,
                **keywords,
            )
        except ConnectionFailed as exception:
            self._call(self.on_error, exception)
            self._call(self.on_close, None, None)
            return True
        assert isinstance(connection, _Connection)
        self.sock = connection
        try:
            if not self.keep_running:  # closed while it connected
                connection.close()
            self._call(self.on_reconnect if again and self.on_reconnect else self.on_open)
            end = self._deliver(connection)
        finally:
            self.sock = None
            connection.close()
        if end.errors:
            self._call(self.on_error, end)
        self._call(self.on_close, end.rcvd and end.rcvd.code, end.rcvd and end.rcvd.reason)
        return bool(end.errors)

    def _deliver(self, connection: _Connection) -> ConnectionClosed:
        """Calls the functions for what comes, until the connection ends."""
        while True:
            try:
                messages, pongs = connection.take()
            except ConnectionClosed as end:
                return end
            for data in pongs:
                self._call(self.on_pong, data)
            if self.on_data:
                for message in messages:
                    self._call(self.on_data, message, OPCODE_TEXT if isinstance(message, str) else OPCODE_BINARY, True)
            if self.on_message:
                for message in messages:
                    self._call(self.on_message, message)

    def _call(self, function: Callable[..., Any] | None, *arguments: Any) -> None:
        if function is None:
            return
        try:
            function(self, *arguments)
        except Exception as exception:
            if self.on_error and function is not self.on_error:
                self._call(self.on_error, exception)
            else:
                logging.getLogger("ws4d.app").exception("%r failed", function)

    # --- for the functions, and for other threads

    def send(self, data: DataLike, opcode: int = OPCODE_TEXT) -> None:
        """Sends a message: a str as text; bytes as text, too, unless `opcode` is OPCODE_BINARY."""
        connection = self._connected()
        if opcode in (OPCODE_PING, OPCODE_PONG):
            (connection.ping if opcode == OPCODE_PING else connection.pong)(data)
        else:
            connection.send(data, text=opcode == OPCODE_TEXT)

    def send_text(self, text: str) -> None:
        self._connected().send(text)

    def send_bytes(self, data: DataLike) -> None:
        self._connected().send(data, text=False)

    def send_json(self, value: object) -> None:
        """Sends a value as JSON text."""
        self._connected().send_json(value)

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Ends `run_forever`: closes the connection, and makes no other one. Does not wait."""
        self.keep_running = False
        self._stopped.set()
        connection = self.sock
        if connection is not None:
            connection._start_close(code, reason)

    def _connected(self) -> ClientConnection:
        if self.sock is None:
            raise closed(None, None, None)
        return self.sock
