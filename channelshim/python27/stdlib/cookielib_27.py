"""cookielib: the jar takes requests of either library."""

from __future__ import annotations

import http.cookiejar
from collections.abc import Callable
from typing import Any

from channelshim.python27.stdlib.wrapping import with_text

__all__ = ["http2time", "parse_ns_headers", "split_header_words", "lwp_cookie_str"]

_real: Any = http.cookiejar
http2time: Callable[[Any], float | None] = with_text(_real.http2time)
parse_ns_headers: Callable[[Any], list[Any]] = with_text(_real.parse_ns_headers)
split_header_words: Callable[[Any], list[Any]] = with_text(_real.split_header_words)


def lwp_cookie_str(cookie: Any) -> str:
    """Return a cookie as a line of a file."""
    return str(_real.lwp_cookie_str(cookie))
