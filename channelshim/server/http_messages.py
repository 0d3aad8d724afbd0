"""What the parser finds in the bytes of a connection: requests, or why not."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

import httptools

from channelshim.server import refusals
from channelshim.server.http_connection import HttpConnection
from channelshim.server.request import Headers, Request
from channelshim.server.request_body import Upload
from channelshim.server.response import Response
from channelshim.server.service import Service

MAXIMUM_HEADER_BYTES: Final = 64 << 10
"""Request line and headers together."""

HEADER_COST: Final = 64
"""What a header counts besides its bytes: an environment of thousands would take tens
of milliseconds."""

_VERSIONS: Final = frozenset({"1.0", "1.1"})

_DECIDING: Final = frozenset({b"host", b"content-length", b"transfer-encoding"})
"""Headers that say where a request goes and where it ends."""


class HttpMessages(HttpConnection):
    """One HTTP connection, as its parser sees it.

    httptools calls the methods `on_...` while it is fed. What they raise it takes for
    its own error: `RefusedHead` says why.
    """

    def __init__(self, service: Service) -> None:
        super().__init__(service)
        self._parser: httptools.HttpRequestParser | None = _parser_of(self)
        self._method = ""
        self._version = ""
        self._target = b""
        self._headers: Headers = []
        self._header_bytes = 0
        self._hosts = 0
        self._is_in_head = True
        self._is_between_requests = True
        # What the request line begins with; see request_line.quoted.
        self._line: bytes | None = b""
        # Of the body's Content-Length; less than 1 where that does not say.
        self._body_left = 0
        self._is_chunked = False
        # Of all bodies: each took a call of the parser's.
        self._body_pieces = 0
        # Since a read that began with a request.
        self._turns = 0
        # A WebSocket is asked for; or the parser takes a body for bytes of another
        # protocol, that we do not speak.
        self._is_upgrade = False
        self._has_skipped_body = False
        # A request has come that nobody has been told of.
        self._is_new = False

    # --- The head ---------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """Start to count."""
        self._requests += 1
        self._target = b""
        self._headers = []
        self._header_bytes = 0
        self._hosts = 0
        self._body_left = 0
        self._is_chunked = False
        self._charged_bytes = self._body_bytes
        self._is_in_head = True
        self._is_between_requests = False

    def on_url(self, url: bytes) -> None:
        """Take a piece of the target."""
        self._header_bytes += len(url)
        if self._header_bytes > MAXIMUM_HEADER_BYTES:
            raise refusals.HeadersTooLong
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self._header_bytes += len(name) + len(value) + HEADER_COST
        if self._header_bytes > MAXIMUM_HEADER_BYTES:
            raise refusals.HeadersTooLong
        if not self._is_in_head:
            # A trailer comes after everything was judged by the head.
            return
        name = name.lower()
        if name in _DECIDING:
            self._decide(name, value)
        self._headers.append((name, value))

    def _decide(self, name: bytes, value: bytes) -> None:
        if name == b"host":
            self._hosts += 1
        elif name == b"content-length":
            # The parser has checked that these are digits.
            self._body_left = int(value)
        else:
            # The parser reads the chunks of "gzip, chunked" and leaves the rest as it
            # is, which no app takes for what it asked for.
            if value.strip().lower() != b"chunked":
                raise refusals.UnknownCoding
            self._is_chunked = True

    def on_headers_complete(self) -> None:
        """Note that the head is complete; refuse one without a host, or with two."""
        parser = self._parser
        assert parser is not None
        self._is_in_head = False
        version = self._version = parser.get_http_version()
        if version not in _VERSIONS:
            raise refusals.UnknownVersion
        if self._hosts != 1 and (self._hosts or version != "1.0"):
            raise refusals.NotOneHost
        if self._response is not None:
            raise refusals.Overtaking
        self._method = parser.get_method().decode("ascii")
        has_body = self._is_chunked or self._body_left > 0
        self._has_skipped_body = False
        if parser.should_upgrade():
            self._is_upgrade = self._asks_for_a_websocket()
            self._has_skipped_body = has_body and not self._is_upgrade
        if not self._is_upgrade:
            self._begin_request(
                has_body=has_body,
                keeps_alive=version != "1.0" and parser.should_keep_alive(),
            )
        self.is_in_body = True

    def _begin_request(self, *, has_body: bool, keeps_alive: bool) -> None:
        if has_body:
            self._upload = Upload(None if self._is_chunked else self._body_left)
        request = Request(
            self._method,
            self._version,
            self._target,
            self._headers,
            server=self._server,
            scheme=self._scheme,
            client=self._client,
            upload=self._upload,
        )
        self._response = Response(self, request, keeps_alive=keeps_alive)
        self._is_new = True

    def _asks_for_a_websocket(self) -> bool:
        """Return whether a WebSocket is asked for, in whatever lines."""
        words = {b"connection": b"", b"upgrade": b""}
        for name, value in self._headers:
            if name in words:
                words[name] += b"," + value.lower()
        connection, upgrade = (
            {word.strip() for word in line.split(b",")} for line in words.values()
        )
        return b"upgrade" in connection and b"websocket" in upgrade

    # --- The body ---------------------------------------------------------------------

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body."""
        self._body_pieces += 1
        self._body_bytes += len(body)
        self._body_left -= len(body)
        if self._upload is not None:
            self._upload.write(body)

    def on_message_complete(self) -> None:
        """Note that the request is whole."""
        if self._has_skipped_body:
            return
        if self._body_left > 0 and not self._is_upgrade:
            raise refusals.CutBody
        self.is_in_body = False
        self._is_between_requests = True
        self._line = b""
        if self._upload is not None:
            self._upload.finish()
            self.service.table.bodies.give_back(self)

    def _read_skipped_body(self) -> None:
        """Have the body read by a parser that has seen no upgrade."""
        framing = b"Content-Length: %d" % self._body_left
        if self._is_chunked:
            framing = b"Transfer-Encoding: chunked"
        self._parser = _parser_of(_BodyAlone(self))
        self._parser.feed_data(
            b"POST / HTTP/1.1\r\nHost: a\r\n" + framing + b"\r\n\r\n"
        )

    def on_skipped_body_complete(self) -> None:
        """Have the next request read as any."""
        self._parser = _parser_of(self)
        self._has_skipped_body = False
        self.on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget what waits, and tell the request in hand."""
        super().connection_lost(exc)
        # They refer to each other.
        self._parser = None

    def _give_up_request(self, refusal: HTTPStatus) -> None:
        self._is_new = False
        super()._give_up_request(refusal)


class _BodyAlone:
    """What a parser finds, but for the head that it was given by us."""

    def __init__(self, messages: HttpMessages) -> None:
        self.on_body = messages.on_body
        self.on_message_complete = messages.on_skipped_body_complete


def _parser_of(listener: object) -> httptools.HttpRequestParser:
    parser = httptools.HttpRequestParser(listener)
    # What comes behind the last request of a connection is not looked at, but it must
    # not keep that one from being answered.
    parser.set_dangerous_leniencies(lenient_data_after_close=True)
    return parser
