"""SocketServer: handlers that read and write native strings."""

from __future__ import annotations

import socketserver
from typing import Any

from channelshim.python27.stdlib.io_27 import NativeFile

__all__ = ["StreamRequestHandler", "DatagramRequestHandler"]


class StreamRequestHandler(socketserver.StreamRequestHandler):
    """Answers over a stream."""

    def setup(self) -> None:
        """Open the connection's files."""
        super().setup()
        self.rfile: Any = NativeFile(self.rfile)
        self.wfile: Any = NativeFile(self.wfile)


class DatagramRequestHandler(socketserver.DatagramRequestHandler):
    """Answers one datagram."""

    def setup(self) -> None:
        """Open the datagram's files."""
        super().setup()
        self.rfile: Any = NativeFile(self.rfile)
        self.wfile: Any = NativeFile(self.wfile)
