"""How to connect: the keywords of `connect`, and the library's options that are made of them."""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NoReturn, Union

from . import _header as c
from ._library import library, result_message, text
from .exceptions import InvalidProxy
from .typing import HeadersLike

Path = Union[str, "os.PathLike[str]"]
# What a setter of the library takes: one value, or several in a tuple; a list calls the setter for each.
OptionValue = Union[str, bytes, int, tuple[Union[str, bytes, int], ...]]


@dataclass(frozen=True)
class TLS:
    """How a `wss://` connection is secured: `connect(url, ssl=ws4d.TLS(ca_file="ca.pem"))`.

    The library speaks TLS itself and knows no `ssl.SSLContext`: what a context would have been given as files is given here.
    """

    ca_file: Path | Sequence[Path] = ()
    """Certificate authorities (PEM) that are trusted beside the system's."""
    ca_pem: bytes | str | None = None
    """The same from memory."""
    certificate_file: Path | None = None
    """The client's certificate and its issuers (PEM), for servers that ask for one."""
    key_file: Path | None = None
    """Its key (PEM, not encrypted); by default in the same file."""
    verify: bool = True
    """False: the server's certificate is not verified. For tests alone."""
    system_trust: bool = True
    """False: only `ca_file` and `ca_pem` are trusted."""
    crl_file: Path | Sequence[Path] = ()
    """Revocation lists; each certificate of a chain must be covered by one then."""
    pinned_keys: Sequence[str] = ()
    """SHA-256 of keys of which the server's must be one, in hex or as curl's `sha256//...`."""
    minimum_version: Literal[12, 13] = 12
    """13: TLS 1.3 alone."""
    alpn: str | None = None
    """Protocols to offer, with commas between them."""
    key_log_file: Path | None = None
    """Appends the sessions' secrets there, for Wireshark."""
    proxy_verify: bool = True
    """False: the certificate of an `https` proxy is not verified. For tests alone."""


@dataclass(frozen=True)
class Settings:
    """The keywords of `connect` that reach the library."""

    ssl: TLS | bool | None = None
    server_hostname: str | None = None
    host: str | None = None
    port: int | None = None
    local_addr: tuple[str, int] | str | None = None
    path: Path | None = None
    origin: str | None = None
    subprotocols: Sequence[str] | None = None
    compression: str | int | None = "deflate"
    additional_headers: HeadersLike | None = None
    user_agent_header: str | None | Literal[True] = True
    proxy: str | Literal[True] | None = True
    open_timeout: float | None = 10
    ping_interval: float | None = 20
    ping_timeout: float | None = 20
    close_timeout: float | None = 10
    max_size: int | None = None
    write_limit: int | None = None
    max_redirects: int = 10
    options: Mapping[str, OptionValue | list[OptionValue]] = field(default_factory=dict)


def milliseconds(seconds: float | None, name: str) -> int:
    """A time for the library, to which 0 means no limit, as None does here."""
    if seconds is None:
        return 0
    if seconds < 0:
        raise ValueError(f"{name} must not be negative: {seconds}")
    return min(max(1, round(seconds * 1000)), 2**32 - 1)


def _native(value: object) -> object:
    if isinstance(value, os.PathLike):
        return os.fsencode(value)
    return value.encode() if isinstance(value, str) else value


class Setters:
    """Options under construction: `set("header", name, value)` is `ws_options_set_header`."""

    def __init__(self) -> None:
        self.handle = library.ws_options_new()
        if not self.handle:
            raise MemoryError("ws_options_new")

    def set(self, name: str, *values: object) -> None:
        setter = getattr(library, f"ws_options_set_{name}", None)
        if setter is None:
            raise TypeError(f"libws4d has no option {name!r}")
        given = [_native(value) for value in values]
        # The library takes a text without a length to end at its first NUL, and ctypes does not look for one.
        for kind, value in zip(setter.argtypes[1:], given):
            if kind is ctypes.c_char_p and isinstance(value, bytes) and b"\0" in value:
                self._refuse(name, f"{name}: a text contains a NUL")
        result = setter(self.handle, *given)
        if result == c.ws_result.WS_OK:
            return
        errors = library.ws_options_errors(self.handle)
        message = text(library.ws_errors_message(errors, 0)) or f"{name}: {result_message(result)}"
        if result == c.ws_result.WS_ERR_FILE:
            raise OSError(library.ws_errors_os_code(errors) or None, message)
        if result == c.ws_result.WS_ERR_OUT_OF_MEMORY:
            raise MemoryError(message)
        self._refuse(name, message)

    @staticmethod
    def _refuse(name: str, message: str) -> NoReturn:
        raise (InvalidProxy if name == "proxy" else ValueError)(message)

    def each(self, name: str, values: Any) -> None:
        """The setter for one value, or for each of several."""
        for value in [values] if isinstance(values, (str, bytes, os.PathLike)) else values:
            self.set(name, value)


def pairs(headers: HeadersLike | None) -> Iterable[tuple[str, str]]:
    if headers is None:
        return ()
    # Headers of the `websockets` package are a mapping, and have several values for a name.
    if raw_items := getattr(headers, "raw_items", None):
        return list(raw_items())
    return headers.items() if isinstance(headers, Mapping) else headers


def _set_tls(options: Setters, tls: TLS) -> None:
    options.each("ca_file", tls.ca_file)
    if tls.ca_pem is not None:
        pem = tls.ca_pem.encode() if isinstance(tls.ca_pem, str) else tls.ca_pem
        options.set("ca_pem", pem, len(pem))
    if tls.certificate_file is not None:
        options.set("client_certificate_file", tls.certificate_file, tls.key_file or tls.certificate_file)
    options.set("verify", int(tls.verify))
    options.set("system_trust", int(tls.system_trust))
    options.set("proxy_verify", int(tls.proxy_verify))
    options.each("crl_file", tls.crl_file)
    options.each("pinned_key_sha256", tls.pinned_keys)
    options.set("min_tls_version", tls.minimum_version)
    if tls.alpn is not None:
        options.set("alpn", tls.alpn)
    if tls.key_log_file is not None:
        options.set("key_log_file", tls.key_log_file)


def _set_security(options: Setters, uri: str, settings: Settings) -> None:
    secure = uri[:6].lower() == "wss://"
    if settings.ssl not in (None, True) and not isinstance(settings.ssl, TLS):
        raise TypeError("ssl is a ws4d.TLS, which names files: libws4d speaks TLS itself and cannot use an ssl.SSLContext")
    if settings.ssl is not None and not secure:
        raise ValueError("ssl argument is incompatible with a ws:// URI")
    if isinstance(settings.ssl, TLS):
        _set_tls(options, settings.ssl)
    if settings.server_hostname is not None:
        options.set("server_name", settings.server_hostname)


def _set_road(options: Setters, settings: Settings) -> None:
    if settings.host is not None or settings.port is not None:
        options.set("connect_to", "", 0, settings.host or "", settings.port or 0)
    if settings.local_addr is not None:
        address = settings.local_addr if isinstance(settings.local_addr, str) else settings.local_addr[0]
        if not isinstance(settings.local_addr, str) and settings.local_addr[1]:
            raise ValueError("local_addr: the port is the system's to choose; give 0")
        options.set("local_address", address)
    if settings.path is not None:
        options.set("unix_socket", settings.path)
    if settings.proxy is not True:
        options.set("proxy", settings.proxy or "")


def _set_request(options: Setters, settings: Settings) -> None:
    if settings.origin is not None:
        options.set("header", "Origin", settings.origin)
    if settings.user_agent_header is not True:
        options.set("header", "User-Agent", settings.user_agent_header or "")
    for name, value in pairs(settings.additional_headers):
        options.set("header", name, value)
    if isinstance(settings.subprotocols, str):
        raise TypeError("subprotocols must be a list, not a str")
    options.each("subprotocol", settings.subprotocols or ())
    options.set("max_redirects", settings.max_redirects)


def _set_limits(options: Setters, settings: Settings) -> None:
    compression = settings.compression
    if isinstance(compression, str) and compression != "deflate":
        raise ValueError(f"unsupported compression: {compression}")
    options.set("compression", 1 if compression == "deflate" else compression or 0)
    options.set("connect_timeout_ms", milliseconds(settings.open_timeout, "open_timeout"))
    options.set("ping_interval_ms", milliseconds(settings.ping_interval, "ping_interval"))
    options.set("ping_timeout_ms", milliseconds(settings.ping_timeout, "ping_timeout"))
    # Here 0 means that the server's answer is not waited for: None is as long as can be.
    forever = 2**32 - 1
    close_timeout = settings.close_timeout
    options.set("close_timeout_ms", forever if close_timeout is None else milliseconds(close_timeout, "close_timeout"))
    options.set("max_message_size", settings.max_size or 0)
    options.set("send_buffer_size", settings.write_limit or 0)


@contextlib.contextmanager
def made(uri: str, settings: Settings) -> Iterator[c.ws_options]:
    """The library's options for these keywords; they end with the block, and what was made with them keeps its own copy."""
    options = Setters()
    try:
        _set_security(options, uri, settings)
        _set_road(options, settings)
        _set_request(options, settings)
        _set_limits(options, settings)
        for name, values in settings.options.items():
            if name == "part_size":
                raise ValueError("options: part_size cuts messages into parts, but here a message always arrives as a whole")
            for value in values if isinstance(values, list) else [values]:
                options.set(name, *(value if isinstance(value, tuple) else (value,)))
        yield options.handle
    finally:
        library.ws_options_free(options.handle)
