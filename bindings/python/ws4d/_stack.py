"""Error stacks, read out of the library with the answer to the opening handshake that they may have."""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import _header as c
from ._library import library, result_name, text
from ._response import Headers, Response
from .exceptions import ConnectionFailed, ErrorEntry, failed


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
