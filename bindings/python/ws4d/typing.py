"""Types of arguments and results, by the names of the `websockets` package."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NewType, Union

__all__ = ["BytesLike", "Data", "DataLike", "HeadersLike", "LoggerLike", "Origin", "Subprotocol"]

# A message: of a text frame a str, of a binary frame bytes.
Data = Union[str, bytes]
BytesLike = (bytes, bytearray, memoryview)
DataLike = Union[str, bytes, bytearray, memoryview]
HeadersLike = Union[Mapping[str, str], Iterable[tuple[str, str]]]
if TYPE_CHECKING:
    LoggerLike = Union[logging.Logger, logging.LoggerAdapter[logging.Logger]]
else:
    LoggerLike = Union[logging.Logger, logging.LoggerAdapter]
Origin = NewType("Origin", str)
Subprotocol = NewType("Subprotocol", str)
