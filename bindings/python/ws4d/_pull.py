"""Events, pulled in batches: `Puller` gives the messages of a batch as a list, and what else happened as another.

Nothing of it runs on a thread of the library's: the interpreter asks, and the library never calls into it.
"""

from __future__ import annotations

import ctypes
import struct
from array import array
from dataclasses import dataclass
from typing import Any, Callable, Union

from . import _header as c
from ._library import held, library
from ._stack import Stack, of_event, sized
from .typing import Data

# At most so many events a call.
MOST = 4096
# Batches of fewer events than that are read item by item, and so are those whose messages are longer on average than that.
FEW, LONG = 4, 128

MESSAGE = int(c.ws_event_type.WS_EVENT_TYPE_MESSAGE)
TEXT = int(c.ws_data_type.WS_DATA_TYPE_TEXT)
# A ws_batch_item: five places of eight bytes, the last of which holds two numbers.
ITEM = struct.Struct("=QQQQii")
WORDS, LENGTH, OFFSET, TYPES = 5, 2, 3, 4
NOT_IN_BLOCK = 2**64 - 1
assert ITEM.size == ctypes.sizeof(c.ws_batch_item) == WORDS * 8
_TEXT_MESSAGE = struct.unpack("=Q", struct.pack("=ii", MESSAGE, TEXT))[0]
_ALL_TEXTS = memoryview(array("Q", [_TEXT_MESSAGE]) * MOST)

_batch_items = held("ws_batch_items")
_batch_data = held("ws_batch_data")
_batch_event = held("ws_batch_event")
_batch_free = held("ws_batch_free")
_next_at_once = held("ws_dispatcher_next_batch")


@dataclass(frozen=True)
class Opened:
    """The connection is open."""


@dataclass(frozen=True)
class Broken:
    """The connection could not be made, or broke."""

    stack: Stack


@dataclass(frozen=True)
class Ended:
    """The connection has ended."""

    code: int
    reason: str


@dataclass(frozen=True)
class Drained:
    """There is room in the send buffer again."""


@dataclass(frozen=True)
class Pong:
    """The answer to a ping."""

    data: bytes


Event = Union[Opened, Broken, Ended, Drained, Pong]


def _ended(event: c.ws_event) -> Event:
    return Ended(library.ws_event_code(event), sized(library.ws_event_data, event).decode())


_READERS: dict[int, Callable[[c.ws_event], Event]] = {
    c.ws_event_type.WS_EVENT_TYPE_OPEN: lambda event: Opened(),
    c.ws_event_type.WS_EVENT_TYPE_ERROR: lambda event: Broken(of_event(event)),
    c.ws_event_type.WS_EVENT_TYPE_TERMINATE: _ended,
    c.ws_event_type.WS_EVENT_TYPE_DRAIN: lambda event: Drained(),
    c.ws_event_type.WS_EVENT_TYPE_PONG: lambda event: Pong(sized(library.ws_event_data, event)),
}


def _python_function(name: str, *arguments: Any) -> Any:
    """A function of the interpreter's own, which makes an object of memory in one step."""
    function = getattr(ctypes.pythonapi, name)
    function.restype, function.argtypes = ctypes.py_object, arguments
    return function


text_at: Callable[[int, int], str]
bytes_at: Callable[[int, int], bytes]
if hasattr(ctypes, "pythonapi"):
    _decode = _python_function("PyUnicode_DecodeUTF8", ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_char_p)
    bytes_at = _python_function("PyBytes_FromStringAndSize", ctypes.c_void_p, ctypes.c_ssize_t)

    def text_at(data: int, length: int) -> str:
        decoded: str = _decode(data, length, None)
        return decoded

else:  # another interpreter than CPython
    bytes_at = ctypes.string_at

    def text_at(data: int, length: int) -> str:
        return ctypes.string_at(data, length).decode()


class Puller:
    """Pulls the events of a dispatcher with one socket. Its owner sees to it that one thread at a time does so.

    What was pulled stays there until `done`: an exception at any moment, as Ctrl-C is one, loses nothing.
    """

    def __init__(self, dispatcher: c.ws_dispatcher) -> None:
        self._dispatcher = dispatcher.value
        # Made once: a ctypes object costs more than a message. The library sets the batch itself.
        self._batch, self._count, self._length = c.ws_batch(), ctypes.c_size_t(), ctypes.c_size_t()
        self._to_batch, self._to_count = ctypes.byref(self._batch), ctypes.byref(self._count)
        self._to_length = ctypes.byref(self._length)
        self.is_new = True
        """Whether the batch has not been taken over yet."""

    def at_once(self, most: int) -> int:
        """Pulls what is there, without waiting. How many events, or a negative `ws_result`; `read` gives them."""
        pulled: int = _next_at_once(self._dispatcher, 0, min(most, MOST), self._to_batch)
        return pulled

    def wait(self, timeout_ms: int, most: int) -> int:
        """Waits for events; other threads run meanwhile. As `at_once` in all else."""
        pulled: int = library.ws_dispatcher_next_batch(self._dispatcher, timeout_ms, min(most, MOST), self._to_batch)
        return pulled

    def has_batch(self) -> bool:
        return bool(self._batch)

    def done(self) -> None:
        """Frees the batch."""
        batch = self._batch.value
        # The library may have set the next one by the time this returns, but not before `is_new` is.
        self._batch.value, self.is_new = None, True
        _batch_free(batch)

    def read(self, decode: bool = True) -> tuple[list[Data], list[Event]]:
        """The messages that were pulled, and what else happened. With `decode` false texts too are bytes."""
        batch = self._batch.value
        assert batch is not None
        items = _batch_items(batch, self._to_count)
        pulled = self._count.value
        if pulled < FEW:
            return _one_by_one(batch, bytes_at(items, pulled * ITEM.size), decode)
        items_read = memoryview(bytes_at(items, pulled * ITEM.size))
        words = items_read.cast("Q")
        if words[TYPES::WORDS] == _ALL_TEXTS[:pulled]:
            data = _batch_data(batch, self._to_length)
            block = text_at(data, self._length.value) if decode else bytes_at(data, self._length.value)
            texts = _split(block, pulled) if len(block) <= pulled * LONG else _cut(block, words)
            if texts is not None:
                return texts, []
        return _one_by_one(batch, items_read, decode)


def _split(block: Any, count: int) -> list[Data] | None:
    """The messages, by the NUL behind each: as many parts as messages, and an empty one, say that no message holds one, and
    that all of them are there."""
    texts: list[Data] = block.split("\0" if isinstance(block, str) else b"\0")
    return texts if not texts.pop() and len(texts) == count else None


def _cut(block: Any, words: memoryview) -> list[Data] | None:
    """The messages, by where each begins, which is faster for long ones. Places are counted in bytes."""
    places = words[OFFSET::WORDS].tolist()
    if NOT_IN_BLOCK in places or not (isinstance(block, bytes) or block.isascii()):
        return None
    return [block[place : place + length] for place, length in zip(places, words[LENGTH::WORDS].tolist())]


def _one_by_one(batch: int, items: bytes | memoryview, decode: bool) -> tuple[list[Data], list[Event]]:
    """Each item by where its data is."""
    messages: list[Data] = []
    events: list[Event] = []
    for at, (_, data, length, _, kind, data_type) in enumerate(ITEM.iter_unpack(items)):
        if kind == MESSAGE:
            messages.append(text_at(data, length) if decode and data_type == TEXT else bytes_at(data, length))
        elif reader := _READERS.get(kind):
            events.append(reader(c.ws_event(_batch_event(batch, at))))
    return messages, events
