"""A client of apps/plain: over HTTP, over raw sockets, and as the page would."""

from __future__ import annotations

import http.client
import json
import os
import socket
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from tests.lanes import timeout_factor

APP = Path(__file__).parent / "apps" / "plain"

SECRET = "for these tests alone and longer than most"
APPLICATION_ID = "plain"

PATIENCE_SECONDS = 10.0

# As in RFC 6455 1.3.
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPTED = b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


class PlainSite:
    """A running server of the app.

    Args:
        url: where it listens.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self.port = urlsplit(url).port or 0

    def raw(self, sent: bytes = b"", receive_buffer: int = 0) -> socket.socket:
        """Return a connection on which sent has been sent."""
        peer = socket.socket()
        if receive_buffer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        peer.settimeout(PATIENCE_SECONDS * timeout_factor())
        peer.connect(("127.0.0.1", self.port))
        peer.sendall(sent)
        return peer

    def ask(
        self,
        path: str,
        body: bytes | None = None,
        method: str = "",
        headers: dict[str, str] | None = None,
    ) -> tuple[int, bytes]:
        """Return status and body of one request."""
        seconds = 3 * PATIENCE_SECONDS * timeout_factor()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        try:
            verb = method or ("GET" if body is None else "POST")
            connection.request(verb, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def json(self, path: str) -> Any:
        """Return what a page answers, read as JSON."""
        status, body = self.ask(path)
        assert status == 200, body
        return json.loads(body)

    def token(self, client_id: str) -> str:
        """Return a new token from the app."""
        status, body = self.ask(f"/token?id={quote(client_id)}")
        assert status == 200, body
        return body.decode("ascii")

    def send(self, client_id: str, *texts: str) -> None:
        """Have the app send."""
        body = json.dumps(texts).encode("ascii")
        assert self.ask(f"/send?id={quote(client_id)}", body) == (200, b"sent")

    def told(self, client_id: str) -> list[str]:
        """Return what the app was told of an id, in order."""
        words: list[str] = self.json(f"/told?id={quote(client_id)}")
        return words

    def poll(self, token: str, **more: object) -> dict[str, Any]:
        """Return the answer of a poll."""
        query = "".join(f"&{name}={value}" for name, value in more.items())
        answer: dict[str, Any] = self.json(f"/_ah/channel/poll?token={token}{query}")
        return answer

    def socket_url(self, token: str, after: int | None = None) -> str:
        """Return the address of the WebSocket."""
        more = "" if after is None else f"&after={after}"
        path = f"/_ah/channel/socket?token={token}{more}"
        return f"ws://127.0.0.1:{self.port}{path}"

    def handshake(self, token: str, **replaced: str | None) -> bytes:
        """Return an upgrade request.

        Args:
            token: in its target.
            **replaced: headers with underscores for dashes; None leaves one out.
        """
        headers: dict[str, str | None] = {
            "Host": f"localhost:{self.port}",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": KEY,
        }
        headers |= {name.replace("_", "-"): value for name, value in replaced.items()}
        lines = [f"{name}: {value}" for name, value in headers.items() if value]
        line = f"GET /_ah/channel/socket?token={token} HTTP/1.1"
        return "\r\n".join([line, *lines, "", ""]).encode("ascii")


def masked(opcode: int, data: bytes = b"", *, is_final: bool = True) -> bytes:
    """Return a frame as browsers send it."""
    mask = os.urandom(4)
    size = len(data)
    if size < 126:
        length = bytes([0x80 | size])
    elif size < 1 << 16:
        length = b"\xfe" + size.to_bytes(2, "big")
    else:
        length = b"\xff" + size.to_bytes(8, "big")
    body = bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))
    return bytes([opcode | (0x80 if is_final else 0)]) + length + mask + body


def until_end(peer: socket.socket) -> bytes:
    """Return all that comes until the server ends the connection."""
    # Not bytes, of which each piece would copy all before it: a stop waits 10 seconds.
    data = bytearray()
    try:
        while piece := peer.recv(65536):
            data += piece
    except ConnectionResetError:
        pass
    return bytes(data)


def until(peer: socket.socket, wanted: bytes) -> bytes:
    """Return what comes up to wanted at least."""
    data = bytearray()
    looked_at = 0
    while data.find(wanted, max(0, looked_at - len(wanted))) < 0:
        looked_at = len(data)
        piece = peer.recv(65536)
        assert piece, data
        data += piece
    return bytes(data)
