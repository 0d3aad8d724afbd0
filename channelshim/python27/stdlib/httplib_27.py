"""httplib: connections that take text, and answers that are strings of bytes."""

from __future__ import annotations

import array
import http
import http.client
import socket
from typing import Any

from channelshim.python27.helpers.files import plain_file
from channelshim.python27.stdlib.wrapping import bytes_of, raw_of, text_of
from channelshim.python27.strings import NativeStr, to_bytes, to_text

__all__ = [
    *("HTTP", "HTTPS", "HTTPConnection", "HTTPSConnection", "HTTPResponse"),
    *("Response", "responses", *(status.name for status in http.HTTPStatus)),
]

responses: dict[int, str] = {
    int(status): text for status, text in http.client.responses.items()
}
responses[302] = "Found"
globals().update({status.name: int(status) for status in http.HTTPStatus})


class Response:
    """An answer whose content is a string of bytes."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def read(self, *amount: Any) -> NativeStr:
        """Return the content, or so much of it."""
        return NativeStr(self._real.read(*amount))

    def readline(self, *limit: Any) -> NativeStr:
        """Return a line of the content."""
        return NativeStr(self._real.readline(*limit))

    def readlines(self, *hint: Any) -> list[NativeStr]:
        """Return the lines of the content."""
        return list(map(NativeStr, self._real.readlines(*hint)))

    def __iter__(self) -> Any:
        return map(NativeStr, iter(self._real))

    def next(self) -> NativeStr:
        """Return the next line."""
        return NativeStr(next(self._real))

    def __enter__(self) -> Response:
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self._real.close()

    @property
    def headers(self) -> Any:
        """The headers, under the names of 2.7's messages too."""
        return message(self._real.headers)

    msg = headers

    def info(self) -> Any:
        """Return the headers."""
        return self.headers

    def getheader(self, name: Any, default: Any = None) -> Any:
        """Return a header."""
        return self._real.headers.get(to_text(name), default)

    def getheaders(self) -> Any:
        """Return the headers as pairs of small names and values."""
        return [(name.lower(), value) for name, value in self._real.headers.items()]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def message(headers: Any) -> Any:
    """Return headers that answer to the methods of 2.7 as well."""
    if headers is None or hasattr(headers, "getheader"):
        return headers
    headers.getheader = headers.get
    headers.getrawheader = headers.get
    headers.getheaders = lambda name: headers.get_all(name, [])
    headers.gettype = headers.get_content_type
    headers.getmaintype = headers.get_content_maintype
    headers.getsubtype = headers.get_content_subtype
    headers.getparam = lambda name: headers.get_param(name)
    headers.dict = {name.lower(): value for name, value in headers.items()}
    headers.headers = [f"{name}: {value}\r\n" for name, value in headers.items()]
    headers.has_key = headers.__contains__
    return headers


class _Socket:
    """A socket whose file may be an app's."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def makefile(self, mode: Any = "rb", *args: Any) -> Any:
        return plain_file(self._real.makefile("rb", *args))


class HTTPResponse(Response):
    """An answer, read from a socket that the program has itself."""

    def __init__(
        self,
        sock: Any,
        debuglevel: int = 0,
        strict: Any = 0,
        method: Any = None,
        buffering: Any = False,
    ) -> None:
        super().__init__(
            http.client.HTTPResponse(_Socket(sock), debuglevel, method)  # type: ignore[arg-type]
        )

    def begin(self) -> None:
        """Read the status and the headers."""
        self._real.begin()


class _Connection:
    """What both kinds of connection do otherwise."""

    def request(
        self, method: Any, url: Any, body: Any = None, headers: Any = None
    ) -> None:
        """Send a request."""
        super().request(  # type: ignore[misc]
            to_text(method),
            to_text(url),
            bytes_of(body),
            {to_text(name): text_of(value) for name, value in (headers or {}).items()},
        )

    def putrequest(
        self,
        method: Any,
        url: Any,
        skip_host: Any = False,
        skip_accept_encoding: Any = False,
    ) -> None:
        """Begin a request."""
        super().putrequest(  # type: ignore[misc]
            to_text(method), to_text(url), bool(skip_host), bool(skip_accept_encoding)
        )

    def putheader(self, header: Any, *values: Any) -> None:
        """Send a header."""
        super().putheader(to_text(header), *map(text_of, values))  # type: ignore[misc]

    def send(self, data: Any) -> None:
        """Send content."""
        if isinstance(data, (str, bytes, bytearray, memoryview, array.array)):
            data = raw_of(to_bytes(data))
        super().send(data)  # type: ignore[misc]

    @staticmethod
    def response_class(sock: Any, *args: Any, **named: Any) -> Any:
        """Return the answer that a socket, or what stands for one, gives."""
        if not isinstance(sock, socket.socket):
            sock = _Socket(sock)
        return http.client.HTTPResponse(sock, *args, **named)

    def getresponse(self, buffering: Any = False) -> Response:
        """Return the answer."""
        return Response(super().getresponse())  # type: ignore[misc]


class HTTPConnection(_Connection, http.client.HTTPConnection):  # type: ignore[misc]
    """A connection."""

    def __init__(
        self, host: Any, port: Any = None, strict: Any = None, *args: Any, **named: Any
    ) -> None:
        http.client.HTTPConnection.__init__(self, to_text(host), port, *args, **named)


class HTTPSConnection(_Connection, http.client.HTTPSConnection):  # type: ignore[misc]
    """A connection under TLS."""

    def __init__(
        self,
        host: Any,
        port: Any = None,
        key_file: Any = None,
        cert_file: Any = None,
        strict: Any = None,
        *args: Any,
        **named: Any,
    ) -> None:
        if key_file or cert_file:
            import ssl

            context = named.get("context") or ssl.create_default_context()
            context.load_cert_chain(cert_file, key_file)
            named["context"] = context
        http.client.HTTPSConnection.__init__(self, to_text(host), port, *args, **named)


class HTTP:
    """The interface of Python 1.5 that old programs still have."""

    _connection_class: Any = HTTPConnection

    def __init__(self, host: Any = "", port: Any = None, strict: Any = None) -> None:
        self._conn = self._connection_class(host, port or None)
        self.file: Any = None
        self.headers: Any = None
        self.putheader: Any = self._conn.putheader
        self.putrequest: Any = self._conn.putrequest
        self.send: Any = self._conn.send

    def __getattr__(self, name: str) -> Any:
        if name == "_conn":
            raise AttributeError(name)
        return getattr(self._conn, name)

    def connect(self, host: Any = None, port: Any = None) -> None:
        """Connect, to another host if one is named."""
        if host is not None:
            self._conn = self._connection_class(host, port)
            self.putheader = self._conn.putheader
            self.putrequest = self._conn.putrequest
            self.send = self._conn.send
        self._conn.connect()

    def getreply(self, buffering: Any = False) -> tuple[int, str, Any]:
        """Return status, reason and headers."""
        response = self._conn.getresponse()
        self.file, self.headers = response, response.headers
        return response.status, response.reason, response.headers

    def getfile(self) -> Any:
        """Return the content as a file."""
        return self.file

    def close(self) -> None:
        """Close the connection."""
        self._conn.close()


class HTTPS(HTTP):
    """The same under TLS."""

    _connection_class = HTTPSConnection
