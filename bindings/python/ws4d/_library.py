"""The library itself: found, loaded, and each function of the header declared as `_header.py` has it.

`library` releases the interpreter's lock around each call. `held(name)` is the same function called with the lock held, with
plain numbers for pointers: for short calls that never wait, where giving the lock up would cost more than the call.
"""

from __future__ import annotations

import ctypes
import os
import pathlib
from typing import Any

from . import _header as c

NAME = "libws4d.so.0"


def _path() -> str:
    """WS4D_LIBRARY if that is set, else the library in the wheel, else the one that the system's loader finds."""
    if chosen := os.environ.get("WS4D_LIBRARY"):
        return chosen
    bundled = pathlib.Path(__file__).with_name(NAME)
    return str(bundled) if bundled.exists() else NAME


def _load() -> tuple[Any, Any]:
    path = _path()
    library = ctypes.CDLL(path)
    for name, (result, *arguments) in c.FUNCTIONS.items():
        # A library that is older than the package may lack a function, which is then an error where it is called.
        if function := getattr(library, name, None):
            function.restype, function.argtypes = result, arguments
    version = library.ws_version_number()
    # The numbers of one minor version fit together: MAJOR << 16 | MINOR << 8 | PATCH.
    if version >> 16 != c.WS4D_VERSION_MAJOR or version < c.WS4D_VERSION_NUMBER & ~0xFF:
        raise ImportError(f"{path} is libws4d {library.ws_version_string().decode()}; ws4d wants {c.WS4D_VERSION_STRING}")
    return library, ctypes.PyDLL(path)


library, _holding = _load()


def _plain(kind: Any) -> Any:
    """The type of an argument or a result, with a number in place of each kind of pointer."""
    if kind is None or kind is ctypes.c_char_p:
        return kind
    is_pointer = issubclass(kind, (ctypes.c_void_p, ctypes._Pointer))
    return ctypes.c_void_p if is_pointer else kind


def held(name: str) -> Any:
    """The function of that name, called with the interpreter's lock held and with numbers for pointers."""
    # Not an attribute of `_holding`, which would be one object for all who ask.
    function = _holding[name]
    result, *arguments = c.FUNCTIONS[name]
    function.restype, function.argtypes = _plain(result), [_plain(kind) for kind in arguments]
    return function


def text(value: bytes | None) -> str:
    """A text of the library's; it may be NULL."""
    return "" if value is None else value.decode()


def result_name(result: int) -> str:
    return text(library.ws_result_name(result))


def result_message(result: int) -> str:
    return text(library.ws_result_message(result))
