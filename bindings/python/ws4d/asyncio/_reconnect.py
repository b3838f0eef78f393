"""When to connect again, and after how long: the policy of `async for ws in connect(...)`.

It is that of the library's reconnectors (ws_reconnect_policy in ws4d.h): the wait is drawn between 0 and a window that
doubles from half a second to half a minute, so that the clients of a server that comes back do not come all at once.
"""

from __future__ import annotations

import email.utils
import random
import time
import traceback

from .. import _header as c
from ..exceptions import ConnectionFailed, InvalidStatus

FIRST_WINDOW, LONGEST_WINDOW = 0.5, 30.0
LEAST = 0.1
# A connection that was open so long was stable: the next wait is counted from the beginning.
STABLE = 10.0
LONGEST_RETRY_AFTER = 300.0

# Statuses of a server, or of a proxy before it, that is busy or restarts.
TRANSIENT = {408, 425, 429, 500, 502, 503, 504}


def process_exception(exception: Exception) -> Exception | None:
    """What of a connection that could not be made ends `async for ws in connect(...)`: None means that it is tried again.

    Tried again are failures of the network and of the proxy, time-outs, and the statuses 408, 425, 429, 500, 502, 503 and
    504. What another attempt would not mend is raised: a URI that is none, a certificate that is not trusted, 404.
    """
    if isinstance(exception, InvalidStatus):
        return None if exception.response and exception.response.status_code in TRANSIENT else exception
    if isinstance(exception, ConnectionFailed) and exception.errors:
        of_the_road = c.ws_result.WS_ERR_PROXY <= exception.errors[0].code <= c.ws_result.WS_ERR_DNS
        return None if of_the_road else exception
    return None if isinstance(exception, OSError) else exception


def retry_after(exception: Exception) -> float:
    """How many seconds the server asks for, at most five minutes."""
    response = exception.response if isinstance(exception, ConnectionFailed) else None
    value = response.headers.get("Retry-After") if response else None
    if value is None:
        return 0.0
    if value.isascii() and value.strip().isdigit():
        return min(float(value), LONGEST_RETRY_AFTER)
    try:
        date = email.utils.parsedate_to_datetime(value).timestamp()
    except (ValueError, OverflowError):
        return 0.0
    return min(max(0.0, date - time.time()), LONGEST_RETRY_AFTER)


def said(exception: Exception) -> str:
    return traceback.format_exception_only(type(exception), exception)[0].strip()


class Waits:
    """The waits between attempts."""

    def __init__(self) -> None:
        self._attempts = 0
        self._opened_at = 0.0

    def _draw(self) -> float:
        window = min(LONGEST_WINDOW, FIRST_WINDOW * 2.0 ** min(self._attempts, 10))
        self._attempts += 1
        return max(LEAST, random.uniform(0, window))

    def after_failure(self, exception: Exception) -> float:
        drawn = self._draw()
        asked = retry_after(exception)
        return asked + random.uniform(0, FIRST_WINDOW) if asked else drawn

    def opened(self) -> None:
        self._opened_at = time.monotonic()

    def after_end(self) -> float:
        """After a connection that was stable none; a server that accepts and closes at once is not stormed."""
        if time.monotonic() - self._opened_at >= STABLE:
            self._attempts = 0
            return 0.0
        return self._draw()
