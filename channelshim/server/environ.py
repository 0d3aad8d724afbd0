"""The WSGI environment of a request."""

from __future__ import annotations

import functools
import sys
from typing import IO, Any
from urllib.parse import unquote_to_bytes

from channelshim.server.request import Address, Request


def environ_of(request: Request, body: IO[bytes], length: int) -> dict[str, Any]:
    """Return the WSGI environment of a request (PEP 3333).

    Header names that hold an underscore are left out: in the environment they could
    not be told from the same name with a dash.
    """
    environ = _of_connection(request.server, request.client, request.scheme).copy()
    path = request.raw_path
    if b"%" in path:
        path = unquote_to_bytes(path)
    method = request.method
    environ["REQUEST_METHOD"] = method
    environ["PATH_INFO"] = path.decode("latin-1")
    environ["QUERY_STRING"] = request.query.decode("latin-1")
    environ["SERVER_PROTOCOL"] = "HTTP/" + request.version
    if length or method not in _BODILESS:
        environ["CONTENT_LENGTH"] = str(length)
    environ["wsgi.input"] = body
    # A test may replace it, and so may an app.
    environ["wsgi.errors"] = sys.stderr
    for raw_name, raw_value in request.headers:
        key = _keys.get(raw_name)
        if key is None:
            key = _key(raw_name)
        if not key:
            continue
        # The parser leaves white space behind a value (RFC 9112, 5).
        value = raw_value.decode("latin-1").rstrip(" \t")
        if key in environ and key != "CONTENT_TYPE":
            separator = "; " if key == "HTTP_COOKIE" else ","
            value = environ[key] + separator + value
        environ[key] = value
    return environ


@functools.lru_cache(256)
def _of_connection(
    server: Address | None, client: Address | None, scheme: str
) -> dict[str, Any]:
    """Return what is the same for all requests of a connection; to be copied."""
    host, port = server or ("localhost", 80)
    # Gone before it could be asked: nobody's, above all not this machine's.
    address, client_port = client or ("", 0)
    return {
        "SCRIPT_NAME": "",
        "SERVER_NAME": host,
        "SERVER_PORT": str(port or 80),
        "REMOTE_ADDR": address,
        "REMOTE_PORT": str(client_port),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scheme,
        "wsgi.input_terminated": True,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        # Without it, WebOb copies each body into a temporary file.
        "webob.is_body_seekable": True,
    }


_BODILESS = frozenset({"GET", "HEAD", "DELETE", "OPTIONS", "TRACE"})
"""Methods that come without a body, and then without its length, as a rule."""

_keys: dict[bytes, str] = {}
_MOST_KEYS = 512
_LONGEST_KEY = 64
"""Header names are untrusted, so the cache is bounded."""


def _key(raw_name: bytes) -> str:
    """Return a header's key in the environment, "" for one that is left out."""
    name = raw_name.decode("latin-1")
    if "_" in name or name in ("content-length", "transfer-encoding"):
        key = ""
    elif name == "content-type":
        key = "CONTENT_TYPE"
    else:
        key = "HTTP_" + name.upper().replace("-", "_")
    if len(_keys) < _MOST_KEYS and len(name) < _LONGEST_KEY:
        _keys[raw_name] = key
    return key
