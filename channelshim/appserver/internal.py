"""Requests that the platform makes: their WSGI environment, and their answers read."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from channelshim.appserver import guard
from channelshim.contracts.dispatcher import InternalRequest, InternalResponse

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


def internal_environ(
    request: InternalRequest, host: str = "localhost"
) -> WSGIEnvironment:
    """Return the WSGI environment of a request that the platform makes.

    Args:
        request: what to ask.
        host: for the Host header: the server's own, as "localhost:8080".
    """
    path, _, query = request.path.partition("?")
    # An IPv6 address has colons of its own: "[::1]:8080".
    found = re.fullmatch(r"(\[.*\]|[^:]*)(?::(\d+))?", host)
    name, port = (found[1], found[2]) if found else (host, None)
    environ: WSGIEnvironment = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": _native(path),
        "QUERY_STRING": _native(query),
        "CONTENT_TYPE": request.content_type,
        "SERVER_NAME": name,
        "SERVER_PORT": port or "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": host,
        "REMOTE_ADDR": request.remote_address or "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        # Without it, WebOb copies each body into a temporary file.
        "webob.is_body_seekable": True,
        guard.INTERNAL_KEY: guard.INTERNAL,
    }
    if request.body or request.method in ("POST", "PUT", "PATCH"):
        environ["CONTENT_LENGTH"] = str(len(request.body))
    for header, value in request.headers:
        key = header.upper().replace("-", "_")
        if key == "CONTENT_LENGTH":
            # A task may say one, and be wrong.
            continue
        environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = _native(value)
    return environ


def _native(text: str) -> str:
    """Return text as WSGI has it: its bytes as characters (PEP 3333)."""
    return text.encode("utf-8", "replace").decode("latin-1")


def collect(
    serve: Callable[[WSGIEnvironment, Callable[..., Any]], Iterable[bytes]],
    environ: WSGIEnvironment,
) -> InternalResponse:
    """Run a WSGI call to its end and return the answer.

    Raises what the call raises.
    """
    start_line: list[Any] = ["500 Internal Server Error", []]
    chunks: list[bytes] = []

    def start(status: str, headers: Any, exc_info: Any = None) -> Any:
        start_line[:] = [status, headers]
        return chunks.append

    body = serve(environ, start)
    try:
        chunks.extend(body)
    finally:
        getattr(body, "close", lambda: None)()
    status = int(start_line[0].split(" ", 1)[0])
    return InternalResponse(status, tuple(start_line[1]), b"".join(chunks))
