"""One request, as its connection has read it."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

import httptools

from channelshim.server.refusals import BadTarget
from channelshim.server.request_body import Upload

Address = tuple[str, int]

Headers = list[tuple[bytes, bytes]]

_SLASH: Final = b"/"

_AUTHORITY_END: Final = re.compile(rb"[/?#]")


class Request:
    """What is asked for. Loop thread.

    Args:
        method: as sent.
        version: "1.0" or "1.1".
        target: as sent, in ASCII.
        headers: names in lower case. Of a target that names its host that one counts.
        server: our own address and port; None where the system does not say.
        client: the peer's.
        upload: receives the body; None where there is none.
        scheme: "http" or "https".

    Attributes:
        method: as given.
        version: as given.
        headers: as given, but for that host.
        server: as given.
        client: as given.
        upload: as given.
        scheme: as given.
        raw_path: of the target, as sent.
        query: of the target, as sent, without its question mark.
        path: of the target as text, its %XX decoded.

    Raises:
        BadTarget: the target has no path.
    """

    __slots__ = (
        "client",
        "headers",
        "method",
        "path",
        "query",
        "raw_path",
        "scheme",
        "server",
        "upload",
        "version",
    )

    def __init__(
        self,
        method: str,
        version: str,
        target: bytes,
        headers: Headers,
        *,
        server: Address | None = None,
        client: Address | None = None,
        upload: Upload | None = None,
        scheme: str = "http",
    ) -> None:
        self.method: str = method
        self.version: str = version
        if target[:1] != _SLASH:
            headers = _of_absolute(target, headers)
        self.headers: Headers = headers
        self.server: Address | None = server
        self.client: Address | None = client
        self.upload: Upload | None = upload
        self.scheme: str = scheme
        raw_path, query = split_target(target)
        self.raw_path: bytes = raw_path
        self.query: bytes = query
        path = raw_path.decode("latin-1")
        self.path: str = unquote(path) if "%" in path else path

    def header(self, wanted: bytes) -> str | None:
        """Return the first header of that name; None without one.

        Args:
            wanted: in lower case.
        """
        for name, value in self.headers:
            if name == wanted:
                return value.decode("latin-1")
        return None


def _of_absolute(target: bytes, headers: Headers) -> Headers:
    """Return headers whose Host is the one that a target names (RFC 9112, 3.2.2).

    A proxy that goes by the target would otherwise keep, for one host, an answer that
    another one gave.
    """
    _, has_scheme, rest = target.partition(b"://")
    if not has_scheme:
        return headers
    host = _AUTHORITY_END.split(rest, 1)[0].rpartition(b"@")[2]
    if not any(name == b"host" for name, _ in headers):
        return [*headers, (b"host", host)]
    return [(name, host if name == b"host" else value) for name, value in headers]


def split_target(target: bytes) -> tuple[bytes, bytes]:
    """Return path and query of a target, without its fragment.

    Theory. The parser lets through no other characters than those of an address. One
    that begins with a slash has no scheme and no host (RFC 9112, 3.2.1), so the first
    "#" begins its fragment, and the first "?" before that its query.

    Raises:
        BadTarget: it has no path.
    """
    if target[:1] != _SLASH:
        return _split_other(target)
    if b"#" in target:
        target = target.partition(b"#")[0]
    path, _, query = target.partition(b"?")
    return path, query


def _split_other(target: bytes) -> tuple[bytes, bytes]:
    """Split one that names its host, or that is no address at all."""
    try:
        parsed = httptools.parse_url(target)
    except httptools.HttpParserInvalidURLError:
        raise BadTarget from None
    if parsed.path is None:
        raise BadTarget
    return parsed.path, parsed.query or b""
