"""A message that is sent in parts, as a program's iterable gives them: no more than one part of it is in memory."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterable, Mapping, Sequence
from typing import Union

from ._connection import OK, Connection, data_type
from ._library import library
from .typing import BytesLike, DataLike

Fragments = Union[Iterable[DataLike], AsyncIterable[DataLike]]
MIXED = "all parts of a message must be str, or all must be bytes-like"


def _is_text(part: DataLike) -> bool:
    if not isinstance(part, (str, *BytesLike)):
        raise TypeError(MIXED)
    return isinstance(part, str)


class Parts:
    """The calls that send such a message, each to be made until it is accepted; the connection sees to it that nobody else's
    message in parts is in progress."""

    def __init__(self, connection: Connection, fragments: Fragments, as_text: bool | None) -> None:
        if isinstance(fragments, Mapping):
            raise TypeError("data is a dict-like object")
        if not isinstance(fragments, (Iterable, AsyncIterable)):
            raise TypeError(f"data must be str, bytes-like, or iterable, not {type(fragments).__name__}")
        # What is all there is judged before any of it leaves.
        if isinstance(fragments, Sequence) and len({_is_text(part) for part in fragments}) > 1:
            raise TypeError(MIXED)
        self._connection = connection
        self._as_text = as_text
        self._is_text: bool | None = None
        self._begun = False

    def part(self, part: DataLike) -> list[Callable[[], int]]:
        """For the next part: with the first one, which says whether it is text, the message begins."""
        is_text = _is_text(part)
        data = part.encode() if isinstance(part, str) else bytes(part)
        send = [lambda: self._checked(library.ws_send_part(self._connection._ws, data, len(data)))]
        if self._is_text is None:
            self._is_text = is_text
            return [self._begin, *send]
        if self._is_text != is_text:
            raise TypeError(MIXED)
        return send

    def end(self) -> list[Callable[[], int]]:
        """Behind the last part. A message without parts is an empty one."""
        calls = [lambda: self._checked(library.ws_send_end(self._connection._ws))]
        if self._is_text is None:
            self._is_text = False
            return [self._begin, *calls]
        return calls

    def give_up(self) -> None:
        """The message will never end. A server that had its beginning can be told so only by the end of the connection."""
        connection = self._connection
        if self._begun and not connection._over:
            connection._take_all()
            library.ws_abort(connection._ws)

    def _begin(self) -> int:
        kind = data_type(bool(self._is_text), self._as_text)
        result = self._checked(library.ws_send_begin(self._connection._ws, kind, 0))
        self._begun = result == OK
        return result

    def _checked(self, result: int) -> int:
        return self._connection._checked(result)
