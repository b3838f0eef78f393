"""Close frames: their codes and reasons, by the names of the `websockets` package."""

from __future__ import annotations

import enum
from dataclasses import dataclass

__all__ = ["Close", "CloseCode"]


class CloseCode(enum.IntEnum):
    """The close codes of RFC 6455 section 7.4.1 and of IANA's registry."""

    NORMAL_CLOSURE = 1000
    GOING_AWAY = 1001
    PROTOCOL_ERROR = 1002
    UNSUPPORTED_DATA = 1003
    NO_STATUS_RCVD = 1005
    ABNORMAL_CLOSURE = 1006
    INVALID_DATA = 1007
    POLICY_VIOLATION = 1008
    MESSAGE_TOO_BIG = 1009
    MANDATORY_EXTENSION = 1010
    INTERNAL_ERROR = 1011
    SERVICE_RESTART = 1012
    TRY_AGAIN_LATER = 1013
    BAD_GATEWAY = 1014
    TLS_HANDSHAKE = 1015


# Those that say that all went as it should.
OK_CLOSE_CODES = {CloseCode.NORMAL_CLOSURE, CloseCode.GOING_AWAY, CloseCode.NO_STATUS_RCVD}

_WORDS = {
    CloseCode.NORMAL_CLOSURE: "OK",
    CloseCode.UNSUPPORTED_DATA: "unsupported data",
    CloseCode.NO_STATUS_RCVD: "no status received [internal]",
    CloseCode.ABNORMAL_CLOSURE: "abnormal closure [internal]",
    CloseCode.INVALID_DATA: "invalid frame payload data",
    CloseCode.MESSAGE_TOO_BIG: "message too big",
}


def _words(code: int) -> str:
    if 3000 <= code < 4000:
        return "registered"
    if 4000 <= code < 5000:
        return "private use"
    try:
        known = CloseCode(code)
    except ValueError:
        return "unknown"
    return _WORDS.get(known, known.name.lower().replace("_", " "))


@dataclass(frozen=True)
class Close:
    """What a close frame says."""

    code: int
    reason: str

    def __str__(self) -> str:
        said = f"{self.code} ({_words(self.code)})"
        return f"{said} {self.reason}" if self.reason else said
