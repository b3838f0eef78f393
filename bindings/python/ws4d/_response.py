"""An answer to the opening handshake."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


class Headers:
    """The headers of an answer, which are asked for by name: upper and lower case do not matter."""

    def __init__(self, look_up: Callable[[bytes, int], bytes | None]) -> None:
        self._look_up = look_up

    def get_all(self, name: str) -> list[str]:
        """Each value of that name, in order."""
        values: list[str] = []
        if "\0" in name:  # which would be the name's end
            return values
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
