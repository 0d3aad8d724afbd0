"""Requests that no client library would send."""

from __future__ import annotations

import contextlib
import socket

from tests.lanes import timeout_factor


def ask_raw(port: int, line: str, *headers: str) -> bytes:
    """Send a request line and headers as they are; return all that comes back."""
    head = [line, f"Host: localhost:{port}", "Connection: close", *headers, "", ""]
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.settimeout(20 * timeout_factor())
        connection.sendall("\r\n".join(head).encode("latin-1"))
        received = bytearray()
        with contextlib.suppress(ConnectionResetError):
            while piece := connection.recv(65536):
                received += piece
    return bytes(received)
