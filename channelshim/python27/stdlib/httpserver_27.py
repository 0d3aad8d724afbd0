"""BaseHTTPServer and its like: handlers that read and write native strings."""

from __future__ import annotations

import http.server
from typing import Any

from channelshim.python27.stdlib import httplib_27
from channelshim.python27.stdlib.io_27 import NativeFile

__all__ = [
    *("BaseHTTPRequestHandler", "SimpleHTTPRequestHandler"),
    *("CGIHTTPRequestHandler", "HTTPServer", "test"),
]

HTTPServer = http.server.HTTPServer
test: Any = http.server.test  # type: ignore[attr-defined]


class _Native:
    """What each kind of handler does otherwise."""

    def setup(self) -> None:
        """Open the connection's files."""
        super().setup()  # type: ignore[misc]
        self.rfile: Any = NativeFile(self.rfile)
        self.wfile: Any = NativeFile(self.wfile)

    def parse_request(self) -> bool:
        """Read a request's first line and headers."""
        is_good: bool = super().parse_request()  # type: ignore[misc]
        if is_good:
            httplib_27.message(self.headers)  # type: ignore[attr-defined]
        return is_good


class BaseHTTPRequestHandler(_Native, http.server.BaseHTTPRequestHandler):
    """Answers requests."""


class SimpleHTTPRequestHandler(_Native, http.server.SimpleHTTPRequestHandler):
    """Answers requests by files."""


class CGIHTTPRequestHandler(_Native, http.server.CGIHTTPRequestHandler):
    """Answers requests by programs."""
