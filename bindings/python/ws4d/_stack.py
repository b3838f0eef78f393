"""Error stacks and answers to the opening handshake, read out of the library."""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import _header as c
from ._library import library, result_name, text
from .exceptions import ConnectionFailed, ErrorEntry, failed


class Headers:
    """The headers of an answer, which are asked for by name: upper and lower case do not matter."""

    def __init__(self, look_up: Callable[[bytes, int], bytes | None]) -> None:
        self._look_up = look_up

    def get_all(self, name: str) -> list[str]:
        """Each value of that name, in order."""
        values: list[str] = []
        while (value := self._look_up(name.encode(), len(values))) is not None:
            values.append(value.decode(errors="surrogateescape"))
        return values

    def get(self, name: str, default: str | None = None) -> str | None:
        """The first value of that name."""
        return next(iter(self.get_all(name)), default)

    def __getitem__(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not None


@dataclass(frozen=True)
class Response:
    """An answer to the opening handshake."""

    status_code: int
    headers: Headers
    body: bytes = b""


@dataclass(frozen=True)
class Stack:
    """An error stack, read out."""

    errors: tuple[ErrorEntry, ...]
    os_code: int
    response: Response | None

    def exception(self) -> ConnectionFailed:
        return failed(self.errors, self.os_code, self.response)


def sized(function: Any, *owner: Any) -> bytes:
    """What a function with a length behind its arguments points to; empty for NULL."""
    length = ctypes.c_size_t()
    pointer = function(*owner, ctypes.byref(length))
    return ctypes.string_at(pointer, length.value) if pointer else b""


def _read(errors: Any, keeper: object) -> Stack:
    """Reads a stack. `keeper` keeps it alive, for headers that are asked for later."""
    entries = []
    for i in range(library.ws_errors_count(errors)):
        code = library.ws_errors_code(errors, i)
        component = text(library.ws_errors_component(errors, i)).strip()
        entries.append(ErrorEntry(code, result_name(code), component, text(library.ws_errors_message(errors, i))))
    status = library.ws_errors_http_status(errors)
    response = None
    if status:

        def look_up(name: bytes, i: int, _keeper: object = keeper) -> bytes | None:
            value: bytes | None = library.ws_errors_http_header(errors, name, i)
            return value

        response = Response(status, Headers(look_up), sized(library.ws_errors_http_body, errors))
    return Stack(tuple(entries), library.ws_errors_os_code(errors), response)


class Kept:
    """Frees what it was made for once nobody refers to it any more."""

    def __init__(self, free: Callable[[Any], object], what: Any) -> None:
        weakref.finalize(self, free, what).atexit = False


def of_event(event: c.ws_event) -> Stack:
    """The stack of an ERROR event; the event is kept as long as the answer's headers may be asked for."""
    retained = library.ws_event_retain(event)
    return _read(library.ws_event_errors(retained), Kept(library.ws_event_free, retained))


def owned(errors: c.ws_errors) -> Stack:
    """A stack that a function has given to its caller."""
    return _read(errors, Kept(library.ws_errors_free, errors))
