"""The exceptions, by the names of the `websockets` package where that has one.

    WebSocketException
        ConnectionClosed
            ConnectionClosedOK
            ConnectionClosedError
        ConnectionFailed            an OSError with the stack of what went wrong in `errors`
            InvalidURI              a ValueError too
            NameNotFound            a socket.gaierror too
            ConnectionRefused       a ConnectionRefusedError too
            ConnectionBroken        a ConnectionResetError too
            ConnectTimeout          a TimeoutError too
            TLSError                an ssl.SSLError too
                CertificateError    an ssl.SSLCertVerificationError too
            InvalidHandshake
                InvalidStatus       `response` is what the server answered
                ProxyError          likewise of the proxy
        InvalidProxy, PayloadTooBig     ValueErrors too
        ProtocolError
        ConcurrencyError
"""

from __future__ import annotations

import errno
import socket
import ssl
from dataclasses import dataclass
from typing import Any

from . import _header as c
from ._response import Response
from .frames import OK_CLOSE_CODES, Close, CloseCode

__all__ = [
    "CertificateError",
    "ConcurrencyError",
    "ConnectTimeout",
    "ConnectionBroken",
    "ConnectionClosed",
    "ConnectionClosedError",
    "ConnectionClosedOK",
    "ConnectionFailed",
    "ConnectionRefused",
    "ErrorEntry",
    "InvalidHandshake",
    "InvalidProxy",
    "InvalidStatus",
    "InvalidURI",
    "NameNotFound",
    "PayloadTooBig",
    "ProtocolError",
    "ProxyError",
    "TLSError",
    "WebSocketException",
]


@dataclass(frozen=True)
class ErrorEntry:
    """An entry of an error stack: the first is the one to act on, the others are its details."""

    code: int
    """A `ws_result` of ws4d.h; docs/errors.md has the usual causes of each, and the cure."""
    name: str
    """The name of that number, as `WS_ERR_DNS`."""
    component: str
    """The part of the library that speaks: `dns`, `tcp`, `tls`, `http`, `prox`, `ws`, `sock`, `json`."""
    message: str
    """What was attempted, on what, what came back, and what to do."""


class WebSocketException(Exception):
    """What all exceptions of this package have in common."""


class ConnectionClosed(WebSocketException):
    """The connection is closed.

    `rcvd` and `sent` are the close frames that came and went (None: there was none), and `rcvd_then_sent` says in which
    order. `errors` is the stack of what went wrong, and empty where nothing did.
    """

    def __init__(
        self,
        rcvd: Close | None,
        sent: Close | None,
        rcvd_then_sent: bool | None = None,
        errors: tuple[ErrorEntry, ...] = (),
    ) -> None:
        super().__init__(rcvd, sent, rcvd_then_sent, errors)
        self.rcvd = rcvd
        self.sent = sent
        self.rcvd_then_sent = rcvd_then_sent
        self.errors = errors

    def __str__(self) -> str:
        if self.rcvd is None:
            said = "no close frame received or sent" if self.sent is None else f"sent {self.sent}; no close frame received"
        elif self.sent is None:
            said = f"received {self.rcvd}; no close frame sent"
        elif self.rcvd_then_sent:
            said = f"received {self.rcvd}; then sent {self.sent}"
        else:
            said = f"sent {self.sent}; then received {self.rcvd}"
        return f"{said}: {self.errors[0].message}" if self.errors else said

    @property
    def code(self) -> int:
        """The code of the server's close frame; 1006 where none came."""
        return CloseCode.ABNORMAL_CLOSURE if self.rcvd is None else self.rcvd.code

    @property
    def reason(self) -> str:
        """The reason in the server's close frame; empty where there was none."""
        return "" if self.rcvd is None else self.rcvd.reason


class ConnectionClosedOK(ConnectionClosed):
    """The closing handshake was complete, with codes that mean no failure (1000, 1001, or none)."""


class ConnectionClosedError(ConnectionClosed):
    """The connection broke, or was closed with a code that means a failure."""


class ConnectionFailed(WebSocketException, OSError):
    """A connection could not be made, or broke. `errors` is the stack; `errno` is the operating system's, or near it."""

    _errno: int | None = None

    def __init__(
        self, message: str, errors: tuple[ErrorEntry, ...] = (), code: int | None = None, response: Response | None = None
    ) -> None:
        OSError.__init__(self, code or self._errno, message)
        self.errors = errors
        self.response = response

    def __str__(self) -> str:
        return str(self.strerror)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self.strerror), self.errors, self.errno)


class InvalidURI(ConnectionFailed, ValueError):
    """What was given is no `ws://` or `wss://` URI."""

    _errno = errno.EINVAL


class NameNotFound(ConnectionFailed, socket.gaierror):
    """The host's name was not found."""

    _errno = socket.EAI_NONAME


class ConnectionRefused(ConnectionFailed, ConnectionRefusedError):
    """Nothing listens where the URI leads."""

    _errno = errno.ECONNREFUSED


class ConnectionBroken(ConnectionFailed, ConnectionResetError):
    """The connection broke while it was being made, or later."""

    _errno = errno.ECONNRESET


class ConnectTimeout(ConnectionFailed, TimeoutError):
    """Nothing came back in time."""

    _errno = errno.ETIMEDOUT


class TLSError(ConnectionFailed, ssl.SSLError):
    """No TLS session could be agreed on."""

    _errno = ssl.SSL_ERROR_SSL


class CertificateError(TLSError, ssl.SSLCertVerificationError):
    """A certificate is not to be trusted, the server's or the proxy's; or the server refuses the client's."""


class InvalidHandshake(ConnectionFailed):
    """The answer to the opening handshake is none that a WebSocket server gives."""

    _errno = errno.EPROTO


class InvalidStatus(InvalidHandshake):
    """The server answered the opening handshake with another status than 101: see `response`."""


class ProxyError(InvalidHandshake):
    """The proxy refused, or failed; `response` is what it answered."""


class InvalidProxy(WebSocketException, ValueError):
    """What was given as `proxy` is no URL of a proxy."""


class PayloadTooBig(WebSocketException, ValueError):
    """A message that was to be sent is above `max_size`, or a ping above 125 bytes."""


class ProtocolError(WebSocketException):
    """The protocol does not allow what was asked for: another close code than 1000 or 3000 to 4999, a longer reason."""


class ConcurrencyError(WebSocketException, RuntimeError):
    """Two tasks or threads receive from one connection at the same time, or wait for the same ping."""


_KINDS: dict[int, type[ConnectionFailed]] = {
    c.ws_result.WS_ERR_INVALID_URL: InvalidURI,
    c.ws_result.WS_ERR_DNS: NameNotFound,
    c.ws_result.WS_ERR_CONNECTION_REFUSED: ConnectionRefused,
    c.ws_result.WS_ERR_CONNECTION_RESET: ConnectionBroken,
    c.ws_result.WS_ERR_TIMEOUT: ConnectTimeout,
    c.ws_result.WS_ERR_TLS: TLSError,
    c.ws_result.WS_ERR_CERTIFICATE: CertificateError,
    c.ws_result.WS_ERR_HTTP_STATUS: InvalidStatus,
    c.ws_result.WS_ERR_HANDSHAKE: InvalidHandshake,
    c.ws_result.WS_ERR_PROXY: ProxyError,
}


def failed(errors: tuple[ErrorEntry, ...], os_code: int = 0, response: Response | None = None) -> ConnectionFailed:
    """The exception for an error stack."""
    message = errors[0].message if errors else "the connection failed"
    kind = _KINDS.get(errors[0].code if errors else 0, ConnectionFailed)
    return kind(message, errors, os_code or None, response)


def closed(
    rcvd: Close | None, sent: Close | None, rcvd_then_sent: bool | None, errors: tuple[ErrorEntry, ...] = ()
) -> ConnectionClosed:
    """The exception for the end of a connection."""
    both = rcvd is not None and sent is not None and {rcvd.code, sent.code} <= OK_CLOSE_CODES
    kind = ConnectionClosedOK if both and not errors else ConnectionClosedError
    return kind(rcvd, sent, rcvd_then_sent, errors)
