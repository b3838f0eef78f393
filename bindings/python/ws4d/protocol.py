"""The state of a connection, by the names of the `websockets` package."""

from __future__ import annotations

import enum

__all__ = ["CLOSED", "CLOSING", "CONNECTING", "OPEN", "State"]


class State(enum.IntEnum):
    """A connection's state (RFC 6455 section 4.1 and 7.1)."""

    CONNECTING, OPEN, CLOSING, CLOSED = range(4)


CONNECTING = State.CONNECTING
OPEN = State.OPEN
CLOSING = State.CLOSING
CLOSED = State.CLOSED
