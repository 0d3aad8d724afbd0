"""The access log: one line for each request, without what must not stand in a log."""

from __future__ import annotations

import functools
import logging
import re
import secrets
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import unquote

from channelshim import limits
from channelshim.appserver import guard
from channelshim.protocol import tokens
from channelshim.runtime.log_lines import LineHandler
from channelshim.runtime.log_text import CONTROLS, names_of

LOGGER_NAME: Final = "channelshim.access"

LOGGED_URI_LENGTH: Final = 2048
"""Characters of a request's path and query in the access log."""


_PLAIN: Final = re.compile(r"[!#$&-\[\]-~]*")
"""Characters that stand for themselves in a log, without "%", quotes and backslash."""


_ID_BYTES: Final = 16

_MOST_LINES: Final = 512
_LONGEST_REMEMBERED: Final = 128
"""Most requests are for the same few addresses. They come from outside, so what is
remembered of them is bounded in count and length."""


class AccessLog:
    """Logs requests to `channelshim.access`.

    The query of /_ah/channel/* holds tokens and is left out, however the path is
    spelled; so is whatever looks like a token elsewhere, and the secret end of an
    upload's address. Addresses that a request says of itself are not believed.
    """

    def __init__(self) -> None:
        self._logger = logging.getLogger(LOGGER_NAME)
        self._root = logging.getLogger()

    def note(
        self,
        address: str,
        method: str,
        target: str,
        status: int,
        size: int = -1,
        seconds: float = -1.0,
        request_id: str = "",
        trace: str = "",
    ) -> None:
        """Log one request, if anybody listens. Any thread.

        Args:
            address: of the client, as the server below sees it.
            method: as it came.
            target: path and query as they came, percent-encoded, as latin-1 text.
            status: of the answer.
            size: bytes of its body; -1 for one whose end is not known yet.
            seconds: from the request's head to the beginning of its answer; -1 for
                not measured.
            request_id: where the log has ids; see `new_id`.
            trace: its traceparent, checked; "" for none.
        """
        logger = self._logger
        if not logger.isEnabledFor(logging.INFO):
            return
        handlers = self._root.handlers
        if len(handlers) == 1:
            handler = handlers[0]
            if isinstance(handler, LineHandler) and handler.takes_from(logger):
                facts = (address, method, target, status, size, seconds)
                if request_id:
                    handler.note(describe, *facts, request_id, trace)
                else:
                    handler.note(describe, *facts)
                return
        extra = None
        if request_id:
            named = fields(
                address, method, target, status, size, seconds, request_id, trace
            )
            extra = {"request_fields": named}
        line = describe(address, method, target, status, size, seconds)
        logger.info("%s", line, extra=extra)

    def new_id(self) -> str:
        """Return an id for a request that has none, where the log has ids; else ""."""
        if any(getattr(handler, "has_ids", False) for handler in self._root.handlers):
            return secrets.token_hex(_ID_BYTES)
        return ""


def describe(
    address: str,
    method: str,
    target: str,
    status: int,
    size: int = -1,
    seconds: float = -1.0,
    request_id: str = "",
    trace: str = "",
) -> str:
    """Return the line of a request, without its id; see `AccessLog.note`."""
    is_long = len(target) + len(method) > _LONGEST_REMEMBERED
    line = (_line if is_long else _remembered_line)(address, method, target, status)
    if seconds < 0:
        return line
    return f"{line} {size if size >= 0 else '-'} {seconds * 1000:.1f}ms"


def fields(
    address: str,
    method: str,
    target: str,
    status: int,
    size: int = -1,
    seconds: float = -1.0,
    request_id: str = "",
    trace: str = "",
) -> dict[str, Any]:
    """Return the same as fields for a log of JSON."""
    found: dict[str, Any] = {
        "address": address,
        "method": method,
        "target": shown(target),
        "status": status,
    }
    if size >= 0:
        found["bytes"] = size
    if seconds >= 0:
        found["seconds"] = round(seconds, 6)
    return {**found, **names_of(request_id, trace)}


def _line(address: str, method: str, target: str, status: int) -> str:
    target = shown(target)
    return f'{address or "-"} "{CONTROLS.sub("?", method)} {target}" {status}'


_remembered_line = functools.lru_cache(_MOST_LINES)(_line)


def shown(target: str) -> str:
    """Return a request's path and query without what must not be shown to anybody."""
    return target if _is_plain(target) else _cleaned(target)


def _is_plain(target: str) -> bool:
    """Return whether `_cleaned` would change nothing; it costs as much as an app."""
    return (
        len(target) <= LOGGED_URI_LENGTH
        and _PLAIN.fullmatch(target) is not None
        and "_ah" not in target.lower()
        and (len(target) < tokens.SHORTEST or tokens.PATTERN.search(target) is None)
    )


def _cleaned(target: str) -> str:
    path, mark, query = target.partition("?")
    readings = [f"{reading}/" for reading in guard.readings(path)]
    if _has_prefix(readings, limits.PREFIX_CHANNEL) or tokens.PATTERN.search(
        unquote(query)
    ):
        mark = query = ""
    if _has_prefix(readings, limits.PREFIX_UPLOAD):
        # An upload that was refused may be tried again at the same address.
        path = f"{limits.PREFIX_UPLOAD}..."
    if tokens.PATTERN.search(unquote(path)):
        path = tokens.PATTERN.sub("...", unquote(path, "latin-1"))
    uri = CONTROLS.sub("?", path + mark + query).replace('"', "%22")
    if len(uri) > LOGGED_URI_LENGTH:
        return f"{uri[:LOGGED_URI_LENGTH]}..."
    return uri


def _has_prefix(readings: Iterable[str], prefix: str) -> bool:
    return any(reading.startswith(prefix) for reading in readings)
