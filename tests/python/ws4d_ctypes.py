"""include/ws4d.h for Python, with nothing but ctypes: `load` gives the library with each function declared.

The declarations are in ws4d_header.py, which scripts/bindings.py writes from the header; names are the header's, and what
a call promises stands there. test_header.py compares them with the header and with the compiler.

Handles and pointers are types of their own, so that ctypes refuses a socket where a dispatcher is wanted. A text that
comes with its length is a pointer (`bytes_at` reads it), because it may hold a NUL; a text that ends at its NUL comes
as bytes.
"""

import ctypes

from ws4d_header import *


def load(path):
    """The library, each of its functions declared."""
    library = ctypes.CDLL(path)
    for name, (result, *arguments) in FUNCTIONS.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def bytes_at(function, owner):
    """What a function with an out-parameter for the length points to, as bytes; None for NULL."""
    length = ctypes.c_size_t()
    pointer = function(owner, ctypes.byref(length))
    return ctypes.string_at(pointer, length.value) if pointer else None
