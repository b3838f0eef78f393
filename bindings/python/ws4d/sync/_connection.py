"""A connection for threads.

Whichever thread waits for something pulls the events for all of them: one at a time does so, and the others wait until it has
told them. When nobody waits, nobody pulls, and the library goes on all the same: it answers pings, and reads up to its buffer.
"""

from __future__ import annotations

import collections
import json
import secrets
import threading
import time
from collections.abc import AsyncIterable, Callable, Iterable, Iterator
from types import TracebackType
from typing import Any

from .. import _header as c
from .._connection import CLOSED, OK, Connection, MaxQueue, as_json, decoded
from .._library import library, result_message, result_name
from .._options import Settings
from .._parts import Parts
from .._pull import Broken, Drained, Ended, Event, Opened, Pong
from ..exceptions import ConcurrencyError, ConnectionClosedOK
from ..typing import BytesLike, Data, DataLike, LoggerLike

# A signal that comes just before the library sleeps does not wake it: it is seen after so many seconds.
SLICE = 0.5


class PongWaiter(threading.Event):
    """Set once the pong has come, or the connection is over; `wait` has the connection's events pulled meanwhile."""

    def __init__(self, connection: ClientConnection) -> None:
        super().__init__()
        self._connection = connection

    def wait(self, timeout: float | None = None) -> bool:
        try:
            with self._connection._told:
                self._connection._until(self.is_set, timeout)
        except TimeoutError:
            return False
        return True


class ClientConnection(Connection):
    """A connection, made by `ws4d.sync.client.connect`. Its methods may be called from any thread.

    It is an iterator of messages, which ends where the server closes with 1000 or 1001, or without a code, and raises
    ConnectionClosedError where the connection ends in another way.
    """

    def __init__(self, uri: str, settings: Settings, max_queue: MaxQueue, logger: LoggerLike | None = None) -> None:
        super().__init__(uri, settings, max_queue, logger)
        # Guards all that follows, and the queue; given up while a thread pulls.
        self._told = threading.Condition(threading.Lock())
        self._unhandled: collections.deque[Event] = collections.deque()
        self._pulling = False
        self._receiving = False
        self._drains = 0
        # The thread whose message in parts is in progress.
        self._streamer: int | None = None
        self._pings: dict[bytes, PongWaiter] = {}
        # So that Ctrl-C reaches a thread that waits. Windows has no such signals.
        library.ws_dispatcher_set_interruptible(self._dispatcher, 1)

    def _opened(self) -> None:
        try:
            with self._told:
                self._until(lambda: self._was_open)
        except BaseException:
            self._drop()
            raise
        if not self._was_open:
            raise self._failed_to_open()

    # --- waiting

    def _until(self, ready: Callable[[], bool], timeout: float | None = None) -> None:
        """With the lock held: waits until `ready()`, or until the connection is over; pulls events meanwhile, or has another
        thread do so. TimeoutError after so many seconds; a time-out of 0 looks for what is there."""
        deadline = None if timeout is None else time.monotonic() + timeout
        looked = False
        while not ready() and not self._over:
            left = SLICE if deadline is None else min(SLICE, deadline - time.monotonic())
            if left <= 0 and looked:
                raise TimeoutError("timed out")
            if self._pulling:
                self._told.wait(max(left, 0))
            else:
                self._pull(max(0, round(left * 1000)))
            looked = True

    def _pull(self, timeout_ms: int) -> None:
        """Pulls once, with the lock given up for as long as that waits."""
        pulled = 0
        self._pulling = True
        try:
            self._apply()  # what an exception has left
            if self._over:
                return
            room = self._room()
            try:
                self._told.release()
                pulled = self._puller.wait(timeout_ms, room)
                if pulled == c.ws_result.WS_ERR_WRONG_THREAD:  # another one pulled last
                    library.ws_dispatcher_attach(self._dispatcher)
                    pulled = self._puller.wait(timeout_ms, room)
            finally:
                self._told.acquire()
            self._apply()
        finally:
            self._pulling = False
            self._told.notify_all()
        if pulled < 0 and pulled != c.ws_result.WS_ERR_INTERRUPTED and not self._over:
            self.logger.error("events cannot be pulled: %s: %s", result_name(pulled), result_message(pulled))
            self._abandon()

    def _apply(self) -> None:
        """Takes over what was pulled. An exception may come between any two steps, and the next call goes on from there."""
        puller = self._puller
        if puller.has_batch():
            if puller.is_new:
                messages, events = puller.read()
                self._unhandled.extend(events)
                # The interpreter looks at signals behind a call: not between these two.
                puller.is_new = False
                self._queue.extend(messages)
            puller.done()
            self._received()
        while self._unhandled:
            self._happened(self._unhandled[0])
            self._unhandled.popleft()

    def _happened(self, event: Event) -> None:
        if isinstance(event, Opened):
            self._was_open = True
        elif isinstance(event, Broken):
            self._failure = event.stack
        elif isinstance(event, Drained):
            self._drains += 1
        elif isinstance(event, Pong):
            self._ponged(event.data)
        elif isinstance(event, Ended) and not self._over:
            self._ended(event.code, event.reason)
            for waiter in self._pings.values():
                waiter.set()

    def _drop(self) -> None:
        with self._told:
            if not self._over:
                self._abandon()

    # --- receiving

    def __iter__(self) -> Iterator[Data]:
        while True:
            try:
                message = self.recv()
            except ConnectionClosedOK:
                return
            yield message

    def _wait_for_message(self, timeout: float | None) -> None:
        if self._receiving:
            raise ConcurrencyError("cannot call recv while another thread is already running recv")
        if not self._queue:
            self._receiving = True
            try:
                self._until(lambda: bool(self._queue), timeout)
            finally:
                self._receiving = False
        if not self._queue and self._over:
            raise self._closed_exception()

    def _next(self, most: int | None, timeout: float | None) -> list[Data]:
        """Waits, and takes a message or more; waits again where a thread that did not wait has taken them in between."""
        deadline = None if timeout is None else time.monotonic() + timeout
        batch: list[Data] = []
        with self._told:
            while not batch:
                self._wait_for_message(None if deadline is None else deadline - time.monotonic())
                batch = self._take_batch(most)
            self._taken()
        return batch

    def recv(self, timeout: float | None = None, decode: bool | None = None) -> Data:
        """The next message: of a text frame a str, of a binary frame bytes; `decode` asks for str or for bytes in any case.

        Raises TimeoutError after so many seconds, ConnectionClosed once all messages have been received, and
        ConcurrencyError where another thread is receiving. Neither a time-out nor Ctrl-C while it waits loses a message.
        """
        message: Data | None = None
        # Without the lock where there is a message: the queue's own methods are whole steps.
        if self._queue and not self._receiving:
            try:
                message = self._queue.popleft()
            except IndexError:
                pass  # another thread has taken it in between
        if message is None:
            message = self._next(1, timeout)[0]
        elif self._paused:
            with self._told:
                self._taken()
        return message if decode is None else decoded(message, decode)

    def recv_batch(self, most: int | None = None, timeout: float | None = None, decode: bool | None = None) -> list[Data]:
        """Waits for a message, and gives it with all that are there already, `most` of them: never an empty list.

        The cheapest way to receive: a batch costs little more than a message does. As `recv` in all else.
        """
        batch = self._next(most, timeout)
        return batch if decode is None else [decoded(message, decode) for message in batch]

    def recv_json(self, timeout: float | None = None) -> Any:
        """The next message, which is JSON, as `json.loads` gives it."""
        return json.loads(self.recv(timeout))

    def recv_streaming(self, decode: bool | None = None) -> Iterator[Data]:
        """The next message, in one piece: the library puts fragments together."""
        yield self.recv(decode=decode)

    # --- sending

    def send(self, message: DataLike | Iterable[DataLike], text: bool | None = None) -> None:
        """Sends a str as a text frame and bytes as a binary frame; `text` chooses the frame whatever the type.

        Parts from an iterable leave as they come, as one message; other messages wait until it has ended. Where the iterable
        fails behind the first part, the connection is dropped: nothing else tells the server that the message will never end. Waits
        while more than `write_limit` bytes wait for the network. Raises ConnectionClosed, and PayloadTooBig above `max_size`.
        """
        if isinstance(message, (str, *BytesLike)):
            data: DataLike = message
            self._accepted(lambda: self._send(data, text))
            return
        if isinstance(message, AsyncIterable):
            raise TypeError("data is an asynchronous iterable, which needs the asyncio client")
        self._send_parts(message, Parts(self, message, text))

    def _send_parts(self, fragments: Iterable[DataLike], parts: Parts) -> None:
        here = threading.get_ident()
        with self._told:
            if self._streamer == here:
                raise ConcurrencyError("cannot send a message in parts inside another one")
            self._until(lambda: self._streamer is None)
            self._streamer = here
        try:
            for part in fragments:
                self._all_accepted(parts.part(part))
            self._all_accepted(parts.end())
        except BaseException:
            with self._told:
                parts.give_up()
            raise
        finally:
            with self._told:
                if self._streamer == here:
                    self._streamer = None
                self._told.notify_all()

    def _all_accepted(self, calls: list[Callable[[], int]]) -> None:
        for call in calls:
            self._accepted(call)

    def send_json(self, value: object) -> None:
        """Sends a value as JSON text."""
        self.send(as_json(value))

    def ping(self, data: DataLike | None = None) -> threading.Event:
        """Sends a ping, and returns an event that is set once the pong has come, or the connection is over.

        A pong stands behind the messages that came before it: where `max_queue` of them wait, they are to be taken first.
        The library answers the server's pings by itself. Raises ConcurrencyError where a ping with the same data is out.
        """
        payload = secrets.token_bytes(4) if data is None else data.encode() if isinstance(data, str) else bytes(data)
        waiter = PongWaiter(self)
        with self._told:
            if payload in self._pings:
                raise ConcurrencyError("already waiting for a pong with the same data")
            self._pings[payload] = waiter
        try:
            self._control(library.ws_ping, payload)
        except BaseException:
            self._pings.pop(payload, None)
            raise
        return waiter

    def pong(self, data: DataLike = b"") -> None:
        """Sends a pong that answers no ping."""
        self._control(library.ws_pong, data.encode() if isinstance(data, str) else bytes(data))

    def _control(self, function: Any, payload: bytes) -> None:
        self._accepted(lambda: self._checked(function(self._ws, payload, len(payload))))

    def _accepted(self, attempt: Callable[[], int]) -> None:
        """Sends, once there is room."""
        while True:
            drains = self._drains
            result = attempt()
            if result == OK:
                return
            if result == CLOSED:
                self._raise_closed()
            with self._told:
                self._until(lambda seen=drains: self._drains != seen)  # type: ignore[misc]

    def _ponged(self, data: bytes) -> None:
        """A pong answers its ping, and those before it (RFC 6455 section 5.5.3)."""
        if data not in self._pings:
            return
        for payload in list(self._pings):
            self._pings.pop(payload).set()
            if payload == data:
                return

    # --- the end

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Closes the connection and waits until that is done; what was sent before goes out first.

        The code is 1000, or one of 3000 to 4999; another one is a ProtocolError. A server that does not answer within
        `close_timeout` is not waited for any longer. A second call changes nothing, and waits as well.
        """
        self._start_close(code, reason)
        self.wait_closed()

    def _start_close(self, code: int, reason: str) -> None:
        with self._told:
            if not self._over:
                self._begin_close(code, reason)

    def wait_closed(self) -> None:
        """Waits until the connection is closed, by whomever."""
        with self._told:
            self._until(lambda: False)

    def _raise_closed(self) -> None:
        # The end stands behind what is held back.
        with self._told:
            self._take_all()
        self.wait_closed()
        raise self._closed_exception()

    def __enter__(self) -> ClientConnection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
