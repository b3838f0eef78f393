"""A connection on an event loop."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import Any

from .._connection import CLOSED, OK, Connection, MaxQueue, as_json, decoded
from .._library import library, result_message, result_name
from .._options import Settings
from .._parts import Fragments, Parts
from .._pull import Broken, Drained, Ended, Event, Opened, Pong
from ..exceptions import ConcurrencyError, ConnectionClosedOK
from ..typing import BytesLike, Data, DataLike, LoggerLike


class ClientConnection(Connection):
    """A connection, made by `ws4d.connect`. All of its methods belong to its event loop's thread.

    It is an asynchronous iterator of messages, which ends where the server closes with 1000 or 1001, or without a code, and
    raises ConnectionClosedError where the connection ends in another way.
    """

    def __init__(self, uri: str, settings: Settings, max_queue: MaxQueue, logger: LoggerLike | None = None) -> None:
        super().__init__(uri, settings, max_queue, logger)
        self._loop = asyncio.get_running_loop()
        self._opening: asyncio.Future[None] | None = self._loop.create_future()
        self._waiter: asyncio.Future[None] | None = None
        self._receiving = False
        self._draining: asyncio.Future[None] | None = None
        # While a message in parts is in progress: what the next one waits for, and whose it is.
        self._streaming: asyncio.Future[None] | None = None
        self._streamer: asyncio.Task[Any] | None = None
        self._closing: asyncio.Future[None] = self._loop.create_future()
        self._pings: dict[bytes, tuple[asyncio.Future[float], float]] = {}
        self._watched = library.ws_dispatcher_fd(self._dispatcher)
        if self._watched < 0:
            self._abandon()
            raise OSError("no descriptor is left for the connection's events")
        self._loop.add_reader(self._watched, self._readable)

    async def _opened(self) -> None:
        opening = self._opening
        assert opening is not None
        try:
            await opening
        except asyncio.CancelledError:
            self._drop()
            raise
        if not self._was_open:
            raise self._failed_to_open()

    # --- what happens on the loop

    def _readable(self) -> None:
        """The descriptor says that there are events."""
        pulled = self._puller.at_once(self._room())
        if pulled < 0:
            self._broken_off(pulled)
            return
        if pulled == 0:
            return
        messages, events = self._puller.read()
        self._puller.done()
        if messages:
            self._queue.extend(messages)
            self._received()
        for event in events:
            self._happened(event)
        if self._waiter is not None and not self._waiter.done() and (self._queue or self._over):
            self._waiter.set_result(None)

    def _broken_off(self, result: int) -> None:
        """The library cannot go on: no memory, or this process was forked."""
        self.logger.error("events cannot be pulled: %s: %s", result_name(result), result_message(result))
        self._drop()

    def _happened(self, event: Event) -> None:
        if isinstance(event, Opened):
            self._was_open = True
            self._settle_opening()
        elif isinstance(event, Broken):
            self._failure = event.stack
        elif isinstance(event, Drained):
            self._settle_draining()
        elif isinstance(event, Pong):
            self._ponged(event.data)
        elif isinstance(event, Ended):
            self._loop.remove_reader(self._watched)
            self._ended(event.code, event.reason)
            self._settle_all()

    def _settle_opening(self) -> None:
        opening, self._opening = self._opening, None
        if opening is not None and not opening.done():
            opening.set_result(None)

    def _settle_draining(self) -> None:
        draining, self._draining = self._draining, None
        if draining is not None and not draining.done():
            draining.set_result(None)

    def _settle_streaming(self) -> None:
        streaming, self._streaming, self._streamer = self._streaming, None, None
        if streaming is not None and not streaming.done():
            streaming.set_result(None)

    def _settle_all(self) -> None:
        """Wakes whoever waits for anything: it is over."""
        self._settle_opening()
        self._settle_draining()
        self._settle_streaming()
        pings, self._pings = self._pings, {}
        for waiter, _ in pings.values():
            if not waiter.done():
                waiter.set_exception(self._closed_exception())
                waiter.exception()  # nobody need look at a ping that was not answered
        if not self._closing.done():
            self._closing.set_result(None)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _drop(self) -> None:
        if not self._over:
            self._loop.remove_reader(self._watched)
            self._abandon()
            self._settle_all()

    # --- receiving

    def __aiter__(self) -> AsyncIterator[Data]:
        return self._messages()

    async def _messages(self) -> AsyncIterator[Data]:
        queue = self._queue
        take = queue.popleft
        while await self._has_message(ending=True):
            while queue:
                message = take()
                if self._paused:
                    self._taken()
                yield message

    async def _has_message(self, ending: bool = False) -> bool:
        """Waits for a message. Where the connection is over: False if that is a good end and `ending`, else an exception."""
        if self._receiving:
            raise ConcurrencyError("cannot call recv while another coroutine is already running recv")
        while not self._queue:
            if self._over:
                if ending and isinstance(self._end, ConnectionClosedOK):
                    return False
                raise self._closed_exception()
            # Cancelled here, nothing was taken: the messages stay in the queue.
            self._receiving = True
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._receiving, self._waiter = False, None
        return True

    async def recv(self, decode: bool | None = None) -> Data:
        """The next message: of a text frame a str, of a binary frame bytes; `decode` asks for str or for bytes in any case.

        Raises ConnectionClosed once all messages have been received. A call that is cancelled loses none. Raises
        ConcurrencyError where another task is receiving.
        """
        if self._receiving or not self._queue:
            await self._has_message()
        message = self._queue.popleft()
        if self._paused:
            self._taken()
        return message if decode is None else decoded(message, decode)

    async def recv_batch(self, most: int | None = None, decode: bool | None = None) -> list[Data]:
        """Waits for a message, and gives it with all that are there already, `most` of them: never an empty list.

        The cheapest way to receive: a batch costs little more than a message does. As `recv` in all else.
        """
        if self._receiving or not self._queue:
            await self._has_message()
        batch = self._take_batch(most)
        if self._paused:
            self._taken()
        return batch if decode is None else [decoded(message, decode) for message in batch]

    async def recv_json(self) -> Any:
        """The next message, which is JSON, as `json.loads` gives it."""
        return json.loads(await self.recv())

    async def recv_streaming(self, decode: bool | None = None) -> AsyncIterator[Data]:
        """The next message, in one piece: the library puts fragments together."""
        yield await self.recv(decode)

    # --- sending

    async def send(self, message: DataLike | Fragments, text: bool | None = None) -> None:
        """Sends a str as a text frame and bytes as a binary frame; `text` chooses the frame whatever the type.

        Parts from an iterable, asynchronous or not, leave as they come, as one message; other messages wait until it has ended.
        Where the iterable fails, or this is cancelled, behind the first part, the connection is dropped: nothing else tells the
        server that the message will never end. Waits while more than `write_limit` bytes wait for the network. Raises
        ConnectionClosed, and PayloadTooBig above `max_size`.
        """
        if not isinstance(message, (str, *BytesLike)):
            await self._send_parts(message, Parts(self, message, text))
            return
        data: DataLike = message
        # Behind others that wait for room.
        if self._draining is not None:
            await asyncio.shield(self._draining)
        await self._accepted(lambda: self._send(data, text))

    async def _send_parts(self, fragments: Fragments, parts: Parts) -> None:
        if self._streamer is asyncio.current_task():
            raise ConcurrencyError("cannot send a message in parts inside another one")
        while self._streaming is not None:
            await asyncio.shield(self._streaming)
        self._streaming, self._streamer = self._loop.create_future(), asyncio.current_task()
        try:
            if isinstance(fragments, AsyncIterable):
                async for part in fragments:
                    await self._all_accepted(parts.part(part))
            else:
                for part in fragments:
                    await self._all_accepted(parts.part(part))
            await self._all_accepted(parts.end())
        except BaseException:
            parts.give_up()
            raise
        finally:
            self._settle_streaming()

    async def _all_accepted(self, calls: list[Callable[[], int]]) -> None:
        for call in calls:
            await self._accepted(call)

    async def _accepted(self, attempt: Callable[[], int]) -> None:
        """Sends, once there is room."""
        while (result := attempt()) != OK:
            if result == CLOSED:
                await self._raise_closed()
            if self._draining is None:
                self._draining = self._loop.create_future()
            await asyncio.shield(self._draining)

    async def send_json(self, value: object) -> None:
        """Sends a value as JSON text."""
        await self.send(as_json(value))

    async def ping(self, data: DataLike | None = None) -> Awaitable[float]:
        """Sends a ping. What it returns can be awaited for the pong, and gives the seconds that it took.

        A pong stands behind the messages that came before it: where `max_queue` of them wait, they are to be taken first.
        The library answers the server's pings by itself. Raises ConcurrencyError where a ping with the same data is out.
        """
        payload = secrets.token_bytes(4) if data is None else data.encode() if isinstance(data, str) else bytes(data)
        if payload in self._pings:
            raise ConcurrencyError("already waiting for a pong with the same data")
        pong: asyncio.Future[float] = self._loop.create_future()
        self._pings[payload] = (pong, time.perf_counter())
        try:
            await self._control(library.ws_ping, payload)
        except BaseException:
            self._pings.pop(payload, None)
            raise
        return pong

    async def pong(self, data: DataLike = b"") -> None:
        """Sends a pong that answers no ping."""
        await self._control(library.ws_pong, data.encode() if isinstance(data, str) else bytes(data))

    async def _control(self, function: Any, payload: bytes) -> None:
        await self._accepted(lambda: self._checked(function(self._ws, payload, len(payload))))

    def _ponged(self, data: bytes) -> None:
        """A pong answers its ping, and those before it (RFC 6455 section 5.5.3)."""
        if data not in self._pings:
            return
        now = time.perf_counter()
        for payload in list(self._pings):
            waiter, began = self._pings.pop(payload)
            if not waiter.done():
                waiter.set_result(now - began)
            if payload == data:
                return

    # --- the end

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Closes the connection and waits until that is done; what was sent before goes out first.

        The code is 1000, or one of 3000 to 4999; another one is a ProtocolError. A server that does not answer within
        `close_timeout` is not waited for any longer. A second call changes nothing, and waits as well.
        """
        if not self._over:
            self._begin_close(code, reason)
        await self.wait_closed()

    async def wait_closed(self) -> None:
        """Waits until the connection is closed, by whomever."""
        await asyncio.shield(self._closing)

    async def _raise_closed(self) -> None:
        # The end stands behind what is held back.
        self._take_all()
        await self.wait_closed()
        raise self._closed_exception()

    async def __aenter__(self) -> ClientConnection:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()
