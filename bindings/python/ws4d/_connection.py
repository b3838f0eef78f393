"""What the asyncio connection and the blocking one have in common: a socket on a dispatcher of its own, the messages that
were pulled and wait for the program, and how it ended.

Each connection has its own dispatcher, so that what one program does not take holds nobody else up: once `max_queue` messages
wait, the socket is paused; the library then stops reading, and the server slows down.
"""

from __future__ import annotations

import collections
import contextlib
import ctypes
import itertools
import json
import logging
import uuid
import weakref
from collections.abc import Callable
from typing import Any

from . import _header as c
from ._library import library, result_message, result_name, text
from ._options import Settings, made
from ._pull import MOST, Puller
from ._response import Headers, Response
from ._stack import Stack, owned
from .exceptions import ConnectionClosed, ConnectionFailed, ErrorEntry, PayloadTooBig, ProtocolError, closed, failed
from .frames import Close
from .protocol import State
from .typing import BytesLike, Data, DataLike, LoggerLike, Subprotocol

OK = int(c.ws_result.WS_OK)
WOULD_BLOCK = int(c.ws_result.WS_ERR_WOULD_BLOCK)
CLOSED = int(c.ws_result.WS_ERR_CLOSED)
_TEXT, _BLOB = int(c.ws_data_type.WS_DATA_TYPE_TEXT), int(c.ws_data_type.WS_DATA_TYPE_BLOB)
_INVALID_CLOSE = (c.ws_result.WS_ERR_INVALID_CLOSE_CODE, c.ws_result.WS_ERR_INVALID_CLOSE_REASON)
_pop: Callable[[collections.deque[Data]], Data] = collections.deque.popleft

MaxQueue = Any  # int | None | tuple[int | None, int | None]


def _give_back(dispatcher: c.ws_dispatcher, ws: c.ws_socket) -> None:
    """Ends what is left of a connection. Whoever refers to it no more may be on another thread than the one it ran on."""
    library.ws_dispatcher_attach(dispatcher)
    library.ws_dispatcher_close(dispatcher)
    library.ws_release(ws)


def _close_sent(ws: c.ws_socket) -> tuple[int, int]:
    """The codes of the close frames that came and went; 0 for one that did not."""
    info = c.ws_close_info()
    library.ws_get_close_info(ws, ctypes.byref(info))
    return info.code_received, info.code_sent


def _marks(max_queue: MaxQueue) -> tuple[int | None, int]:
    """How many messages may wait, and at how few of them the connection goes on."""
    high, low = max_queue if isinstance(max_queue, tuple) else (max_queue, None)
    if high is None:
        return None, 0
    if low is None:
        low = high // 4
    if not 0 <= low <= high or high < 1:
        raise ValueError(f"max_queue is a positive number, or a pair of (high, low): {max_queue}")
    return high, low


def _with_a_nul() -> ConnectionFailed:
    """What the library says of other characters that no URL contains."""
    code = c.ws_result.WS_ERR_INVALID_URL
    return failed((ErrorEntry(code, result_name(code), "sock", "The URL is refused: it contains a NUL"),))


class Connection:
    """A socket, its queue of messages, and its end. See ws4d.asyncio.client and ws4d.sync.client."""

    def __init__(self, uri: str, settings: Settings, max_queue: MaxQueue, logger: LoggerLike | None) -> None:
        if "\0" in uri:  # which would be the URI's end
            raise _with_a_nul()
        self.id = uuid.uuid4()
        """A number of the connection's own, for logs."""
        self.logger: LoggerLike = logger or logging.getLogger("ws4d.client")
        self._high, self._low = _marks(max_queue)
        self._queue: collections.deque[Data] = collections.deque()
        self._paused = False
        self._unbounded = self._high is None
        self._was_open = self._over = False
        self._failure: Stack | None = None
        self._end: ConnectionClosed | None = None
        self._terminated: Close | None = None
        with made(uri, settings) as options:
            self._dispatcher = library.ws_dispatcher_new()
            if not self._dispatcher:
                raise MemoryError("ws_dispatcher_new")
            errors = c.ws_errors()
            handler = c.ws_handler(dispatcher=self._dispatcher)
            arguments = (uri.encode(), ctypes.byref(handler), options, ctypes.byref(errors))
            self._ws: c.ws_socket = library.ws_new_async(*arguments)
        if not self._ws:
            library.ws_dispatcher_close(self._dispatcher)
            raise owned(errors).exception()
        self._puller = Puller(self._dispatcher)
        # At the end of the interpreter nothing is left to do: the library's threads know nothing of it.
        self._finalizer = weakref.finalize(self, _give_back, self._dispatcher, self._ws)
        self._finalizer.atexit = False

    # --- what it is

    @property
    def state(self) -> State:
        """`State.OPEN` and its like."""
        if self._over:
            return State.CLOSED
        return State(min(library.ws_get_status(self._ws), State.CLOSING))

    @property
    def subprotocol(self) -> Subprotocol | None:
        """The subprotocol that the server chose."""
        chosen = library.ws_get_subprotocol(self._ws)
        return None if chosen is None else Subprotocol(text(chosen))

    @property
    def response(self) -> Response:
        """The server's answer to the opening handshake: its status, and its headers by name."""

        def look_up(name: bytes, i: int) -> bytes | None:
            value: bytes | None = library.ws_get_response_header(self._ws, name, i)
            return value

        return Response(library.ws_get_response_status(self._ws), Headers(look_up))

    @property
    def remote_address(self) -> Any:
        """The address of the machine that it is connected to, as `(host, port)`; the path of a Unix socket; None before."""
        address = text(library.ws_get_peer_address(self._ws))
        if address.startswith("unix:"):
            return address.removeprefix("unix:")
        host, _, port = address.rpartition(":")
        return (host.strip("[]"), int(port)) if port else None

    @property
    def latency(self) -> float:
        """The last round trip of a ping, in seconds; 0 before the first one."""
        return max(0, self.stats()["ping_us"]) / 1e6

    @property
    def close_code(self) -> int | None:
        """The code of the server's close frame, 1006 where none came; None while the connection is not closed."""
        return None if self._end is None else self._end.code

    @property
    def close_reason(self) -> str | None:
        """The reason in the server's close frame; None while the connection is not closed."""
        return None if self._end is None else self._end.reason

    def stats(self) -> dict[str, int]:
        """What the connection has counted: the fields of `ws_stats` (ws4d.h), times in microseconds."""
        counted = c.ws_stats()
        library.ws_get_stats(self._ws, ctypes.byref(counted))
        return {name: getattr(counted, name) for name, _ in c.ws_stats._fields_[1:]}  # type: ignore[misc]

    def tls(self) -> dict[str, Any] | None:
        """What TLS agreed on, and the server's certificate: the fields of `ws_tls_info`. None on a ws:// connection."""
        info = c.ws_tls_info()
        if library.ws_get_tls_info(self._ws, ctypes.byref(info)) != OK:
            return None
        values = {name: getattr(info, name) for name, _ in c.ws_tls_info._fields_[1:]}  # type: ignore[misc]
        return {name: value.decode() if isinstance(value, bytes) else value for name, value in values.items()}

    # --- sending

    def _send(self, message: DataLike, as_text: bool | None) -> int:
        """One try. `ws_result`: OK, WOULD_BLOCK, CLOSED; all else is an exception."""
        if isinstance(message, str):
            data = message.encode()
        elif isinstance(message, BytesLike):
            data = bytes(message)
        else:
            raise TypeError(f"data must be str or bytes-like, not {type(message).__name__}")
        kind = data_type(isinstance(message, str), as_text)
        return self._checked(library.ws_send(self._ws, kind, data, len(data), 0))

    def _checked(self, result: int) -> int:
        if result in (OK, WOULD_BLOCK, CLOSED):
            return result
        said = f"{result_name(result)}: {result_message(result)}"
        if result in _INVALID_CLOSE:
            raise ProtocolError(said)
        if result == c.ws_result.WS_ERR_TOO_LARGE:
            raise PayloadTooBig(said)
        if result == c.ws_result.WS_ERR_INVALID_UTF8:
            raise ValueError(said)
        if result == c.ws_result.WS_ERR_OUT_OF_MEMORY:
            raise MemoryError(said)
        raise ConnectionFailed(said)

    def _begin_close(self, code: int, reason: str) -> None:
        """The closing handshake. Messages that still come are taken in, so that the end behind them is."""
        if "\0" in reason:
            raise ProtocolError("a close reason holds no NUL")
        was_open = self.state in (State.CONNECTING, State.OPEN)
        self._checked(library.ws_terminate(self._ws, code, reason.encode()))
        if was_open:
            self._terminated = Close(code, reason)
        self._take_all()

    # --- receiving: `_room`, a pull into the queue, `_received`; and `_taken` behind what the program takes

    def _room(self) -> int:
        """How many events may be pulled now."""
        if self._unbounded or self._high is None:
            return MOST
        return max(1, self._high - len(self._queue))

    def _received(self) -> None:
        """Holds the server back once enough messages wait."""
        if self._terminated is not None and self._high is not None:
            # The program has closed, and will hardly look at more of them than it wanted before.
            with contextlib.suppress(IndexError):  # another thread may be taking them
                while len(self._queue) > self._high:
                    self._queue.pop()
        if not self._unbounded and not self._paused and len(self._queue) >= (self._high or 0):
            self._paused = True
            library.ws_pause(self._ws)

    def _take_batch(self, most: int | None) -> list[Data]:
        """What is there, `most` of it. Another thread may take messages at the same time: each goes to one of them."""
        queue = self._queue
        there = len(queue)
        batch: list[Data] = []
        with contextlib.suppress(IndexError):
            # As one step of the interpreter: what was taken when an exception comes is in the batch.
            batch.extend(map(_pop, itertools.repeat(queue, there if most is None else min(max(1, most), there))))
        return batch

    def _taken(self) -> None:
        """Lets the server go on once few messages wait."""
        if self._paused and len(self._queue) <= self._low:
            self._paused = False
            library.ws_resume(self._ws)

    def _take_all(self) -> None:
        """From here on nothing is held back: the connection ends, and the end stands behind the messages."""
        self._unbounded = True
        if self._paused:
            self._paused = False
            library.ws_resume(self._ws)

    # --- the end

    def _ended(self, code: int, reason: str) -> None:
        """TERMINATE was pulled, and its batch freed."""
        received, sent = _close_sent(self._ws)
        rcvd = Close(code, reason) if received else None
        ours = self._terminated if self._terminated and self._terminated.code == sent else None
        went = (ours or Close(sent, "")) if sent else None
        order = self._terminated is None if rcvd and went else None
        self._end = closed(rcvd, went, order, self._failure.errors if self._failure else ())
        self._over = True
        library.ws_dispatcher_close(self._dispatcher)

    def _closed_exception(self) -> ConnectionClosed:
        """A new exception for each caller, from what went wrong."""
        end = self._end
        assert end is not None
        exception = type(end)(end.rcvd, end.sent, end.rcvd_then_sent, end.errors)
        exception.__cause__ = self._failure.exception() if self._failure else None
        return exception

    def _failed_to_open(self) -> ConnectionFailed:
        """Why it was never open."""
        return self._failure.exception() if self._failure else ConnectionFailed("the connection was given up")

    def _abandon(self) -> None:
        """Drops the connection at once."""
        self._over = True
        self._end = self._end or closed(None, None, None)
        self._queue.clear()
        library.ws_dispatcher_close(self._dispatcher)


def data_type(is_str: bool, as_text: bool | None) -> int:
    """The type of a message that is sent: `as_text` as `send` takes it."""
    return _TEXT if (is_str if as_text is None else as_text) else _BLOB


def decoded(message: Data, decode: bool | None) -> Data:
    """A message as `recv(decode=...)` wants it."""
    if decode is None:
        return message
    if decode:
        return message if isinstance(message, str) else message.decode()
    return message.encode() if isinstance(message, str) else message


def as_json(value: object) -> str:
    """The shortest JSON text of a value; what JSON has no word for (NaN, infinity) is a ValueError."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
