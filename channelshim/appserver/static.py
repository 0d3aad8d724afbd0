"""Static files: what a handler lets out of the app's folder, through paste.fileapp."""

from __future__ import annotations

import mimetypes
import os
import pathlib
import re
import time
from collections.abc import Callable, Iterable
from email.utils import formatdate, mktime_tz, parsedate_tz
from typing import TYPE_CHECKING, Any, Final

from paste.fileapp import FileApp

from channelshim.appyaml import config
from channelshim.appyaml.config import AppConfig, Handler
from channelshim.runtime.file_pieces import (
    FileFacts,
    FilePieces,
    identity_of,
    is_readable_from_cache,
)

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})\Z")
_SHOWN_DOT_NAMES: Final = frozenset({".well-known"})
"""RFC 8615 puts files there for all to read."""


def relative_path(handler: Handler, match: re.Match[str]) -> str:
    """Return the path, from the app's folder, that a URL stands for."""
    if handler.kind == config.STATIC_DIR:
        rest = match[match.re.groups] or ""
        return f"{handler.target.rstrip('/')}/{rest}"
    return expand(handler.target, match)


def expand(target: str, match: re.Match[str]) -> str:
    """Put groups in the place of \\1 and \\g<1>; an unknown one is nothing."""

    def group(reference: re.Match[str]) -> str:
        name = reference[1] or reference[2]
        try:
            return match[int(name) if name.isdigit() else name] or ""
        except IndexError:
            return ""

    return re.sub(r"\\(?:(\d{1,2})|g<(\w{1,32})>)", group, target)


def is_servable(relative: str, app_config: AppConfig) -> bool:
    """Return whether a path may be served: below the folder, not hidden or skipped."""
    parts = [part for part in relative.split("/") if part not in ("", ".")]
    if not parts or relative.startswith("/") or "\0" in relative or "\\" in relative:
        return False
    if any(
        part == ".." or (part[0] == "." and part not in _SHOWN_DOT_NAMES)
        for part in parts
    ):
        return False
    # Google's default list skips every name with a dot before it.
    path = "/".join(part.lstrip(".") for part in parts)
    return not any(pattern.match(path) for pattern in app_config.skip_files)


def find_file(
    root: pathlib.Path, app_config: AppConfig, handler: Handler, match: re.Match[str]
) -> str | None:
    """Return the absolute path of the file for a request, or None for a 404.

    Symbolic links are followed: they are the developer's own doing.
    """
    relative = relative_path(handler, match)
    if not is_servable(relative, app_config):
        return None
    normal = os.path.normpath(relative)
    if handler.upload is not None and not handler.upload.match(normal):
        return None
    path = os.path.join(root, normal)
    # A trailing slash asks for a folder, and folders have no listing.
    if relative.endswith("/") or not os.path.isfile(path):
        return None
    if not os.access(path, os.R_OK):
        return None
    return path


def serve_file(
    path: str,
    environ: WSGIEnvironment,
    start_response: StartResponse,
    *,
    handler: Handler,
    default_expiration_seconds: int | None = None,
    is_for_all: bool = False,
) -> Iterable[bytes]:
    """Answer with a file: conditional, in ranges, with the handler's headers.

    Args:
        path: absolute.
        environ: of the request.
        start_response: of the request.
        handler: whose file.
        default_expiration_seconds: of the app; None for none.
        is_for_all: whether everybody gets this file at this address, so that a server
            may send it again; see FilePieces.
    """
    environ = dict(environ)
    # Paste gives this the rest of the file where a range asks for less.
    environ.pop("wsgi.file_wrapper", None)
    # Looked at before anything is said of it.
    found = os.stat(path)
    size = found.st_size
    is_plain = is_for_all and environ["REQUEST_METHOD"] == "GET"
    asked_range = _settle_range(environ, size)
    _settle_date(environ, os.path.getmtime(path))
    headers = _headers(path, handler, default_expiration_seconds)
    started = ""

    def start(status: str, paste_headers: list[tuple[str, str]], *rest: Any) -> Any:
        nonlocal started
        started = status
        own_names = {name.lower() for name, _ in headers}
        merged = [
            (name, value)
            for name, value in paste_headers
            if name.lower() not in own_names
        ] + headers
        if not asked_range or not status.startswith("206"):
            merged = [item for item in merged if item[0].lower() != "content-range"]
        if status.startswith("304"):
            merged = [item for item in merged if item[0].lower() != "content-type"]
        return start_response(status, merged, *rest)

    if asked_range == "unsatisfiable":
        start_response(
            "416 Requested Range Not Satisfiable",
            [("Content-Range", f"bytes */{size}"), ("Content-Length", "0")],
        )
        return []
    if size == 0:
        return _serve_empty(environ, start)
    answer: Iterable[bytes] = FileApp(path)(environ, start)
    is_whole = started.startswith("200")
    if isinstance(answer, list) and not (is_plain and is_whole):
        return answer
    facts = FileFacts(path, identity_of(found)) if is_plain and is_whole else None
    return _pieces(answer, facts)


def _pieces(answer: Any, facts: FileFacts | None) -> FilePieces:
    """Return what Paste has opened, or read."""
    if facts is not None and not is_readable_from_cache(facts.path):
        facts = None
    if isinstance(answer, list):
        return FilePieces(answer, None, sum(map(len, answer)), facts)
    file, size = getattr(answer, "file", None), getattr(answer, "size", None)
    return FilePieces(answer, file if size else None, size or 0, facts)


def _serve_empty(
    environ: WSGIEnvironment, start: Callable[..., Any]
) -> Iterable[bytes]:
    """Answer with no bytes; paste.fileapp makes a range of minus one byte of them."""
    if environ["REQUEST_METHOD"].upper() in ("GET", "HEAD"):
        start("200 OK", [("Content-Length", "0")])
    else:
        start(
            "405 Method Not Allowed", [("Allow", "GET,HEAD"), ("Content-Length", "0")]
        )
    return []


def _settle_date(environ: WSGIEnvironment, modified: float) -> None:
    """Drop an If-Modified-Since that is invalid (RFC 9110 13.1.3) or in the future.

    paste.fileapp answers 400 to both; a browser sends the second for a file whose own
    date lies ahead.
    """
    header = environ.pop("HTTP_IF_MODIFIED_SINCE", "")
    parsed = parsedate_tz(header.split(";")[0])
    if parsed is None:
        return
    try:
        since = mktime_tz(parsed)
    except (OverflowError, ValueError):
        return
    now = time.time()
    if since <= now or modified <= now:
        environ["HTTP_IF_MODIFIED_SINCE"] = formatdate(min(since, now), usegmt=True)


def _settle_range(environ: WSGIEnvironment, size: int) -> str:
    """Rewrite the Range header to what paste.fileapp reads rightly: "a-b".

    Returns:
        "" for the whole file, "unsatisfiable", or "part".
    """
    header = environ.pop("HTTP_RANGE", "").replace(" ", "")
    match = _RANGE.match(header)
    # If-Range needs strong validators; without them the whole file is always right.
    if match is None or not (match[1] or match[2]) or "HTTP_IF_RANGE" in environ:
        return ""
    if match[1]:
        first = int(match[1])
        last = min(int(match[2]), size - 1) if match[2] else size - 1
        if match[2] and int(match[2]) < first:
            return ""
    else:
        first, last = max(0, size - int(match[2])), size - 1
        if int(match[2]) == 0:
            return "unsatisfiable"
    if first >= size:
        return "unsatisfiable"
    if last == 0:
        # Paste takes an upper bound of 0 for none.
        return _first_byte_only(environ, size)
    environ["HTTP_RANGE"] = f"bytes={first}-{last}"
    return "part"


def _first_byte_only(environ: WSGIEnvironment, size: int) -> str:
    if size == 1:
        environ["HTTP_RANGE"] = "bytes=0-"
        return "part"
    return ""


def _headers(
    path: str, handler: Handler, default_expiration_seconds: int | None
) -> list[tuple[str, str]]:
    guessed = mimetypes.guess_type(path)[0] or "application/octet-stream"
    seconds = handler.expiration_seconds
    if seconds is None:
        seconds = default_expiration_seconds
    scope = "public" if handler.login == "optional" else "private"
    headers = {
        # Paste writes "-0000" where RFC 9110 5.6.7 wants "GMT".
        "Last-Modified": formatdate(os.path.getmtime(path), usegmt=True),
        "Content-Type": handler.mime_type or guessed,
        "Cache-Control": f"{scope}, max-age={seconds}" if seconds else "no-cache",
    }
    own = {name.lower() for name, _ in handler.http_headers}
    return [
        *((name, value) for name, value in headers.items() if name.lower() not in own),
        *handler.http_headers,
    ]
