"""cookielib: the jar takes requests of either library."""

from __future__ import annotations

import http.cookiejar
from typing import Any

from channelshim.python27.stdlib.wrapping import with_text

__all__ = ["http2time", "parse_ns_headers", "split_header_words", "lwp_cookie_str"]

http2time = with_text(http.cookiejar.http2time)  # type: ignore[attr-defined]
parse_ns_headers = with_text(http.cookiejar.parse_ns_headers)  # type: ignore[attr-defined]
split_header_words = with_text(http.cookiejar.split_header_words)  # type: ignore[attr-defined]


def lwp_cookie_str(cookie: Any) -> str:
    """Return a cookie as a line of a file."""
    return str(http.cookiejar.lwp_cookie_str(cookie))  # type: ignore[attr-defined]
